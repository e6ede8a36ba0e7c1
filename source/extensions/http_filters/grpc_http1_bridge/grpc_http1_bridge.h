#pragma once

// The gRPC bridge for HTTP/1: a client without trailers makes a call of one message and reads how
// it ended in the head of the answer.
//
// envoy.extensions.filters.http.grpc_http1_bridge.v3.Config. The answer is held until its trailers
// are here: grpc-status and grpc-message become fields of the head, a status that is not 0 makes it
// a 503. With upgrade_protobuf_to_grpc plain protobuf gets and loses the prefix of a message on the
// way. What is held is bounded by the stream's buffer limit (500), as what is collected to be
// framed (413). Requests of HTTP/2 are left alone.
// Source: Envoy source/extensions/filters/http/grpc_http1_bridge/http1_bridge_filter.cc.

#include <optional>

#include "source/config/registry.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"

namespace envoy::extensions::filters::http::grpc_http1_bridge::v3 {
class Config;
}

namespace remora::extensions {

class GrpcHttp1BridgeFilter;

struct GrpcHttp1Bridge {
  using Proto = envoy::extensions::filters::http::grpc_http1_bridge::v3::Config;
  using Filter = GrpcHttp1BridgeFilter;
  struct Config {
    bool upgrade_protobuf = false;
    bool ignore_query = false;
  };

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
};

class GrpcHttp1BridgeFilter final : public http::Filter {
 public:
  GrpcHttp1BridgeFilter(const GrpcHttp1Bridge::Config& config, http::FilterContext& context)
      : config_(config), context_(context), collected_(context.blocks()) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnRequestData(buffer::Buffer& data) override;
  http::Answer OnRequestEnd(http::HeaderMap* trailers) override;
  http::Answer OnResponseHead(http::ResponseHead& head) override;
  http::Answer OnResponseData(buffer::Buffer& data) override;
  http::Answer OnResponseEnd(http::HeaderMap* trailers) override;

 private:
  void Upgrade(http::RequestHead& head);
  void AddPrefix(uint64_t size);
  void RefuseSize();

  const GrpcHttp1Bridge::Config& config_;
  http::FilterContext& context_;
  buffer::Buffer collected_;                // of a request whose length is not known
  http::ResponseHead* response_ = nullptr;  // held
  uint64_t response_size_ = 0;              // of its body, what is held
  size_t prefix_left_ = 0;                  // of the answer, to be taken off
  bool bridging_ = false;
  bool framing_ = false;
  bool collecting_ = false;
};

}  // namespace remora::extensions
