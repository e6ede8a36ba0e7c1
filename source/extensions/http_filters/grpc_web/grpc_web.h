#pragma once

// The gRPC-Web filter: lets clients that have no HTTP/2 trailers, browsers above all, make gRPC
// calls.
//
// envoy.extensions.filters.http.grpc_web.v3.GrpcWeb.
//
//   request:  application/grpc-web[+proto], -text[+proto] --base64 read--> application/grpc
//   answer:   gRPC            --trailers as a last frame of the body, base64 written--> the same
//             no gRPC at all  --its text--> grpc-status and grpc-message in the head, no body
//
// Messages pass as they come; nothing is held but the head of an answer that is no gRPC and so much
// of its text as fits into grpc-message. Source: Envoy
// source/extensions/filters/http/grpc_web/grpc_web_filter.cc; gRPC docs, "gRPC Web".

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "source/config/registry.h"
#include "source/extensions/http_filters/grpc_web/base64_text.h"
#include "source/grpc/call_counters.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"

namespace envoy::extensions::filters::http::grpc_web::v3 {
class GrpcWeb;
}

namespace remora::extensions {

class GrpcWebFilter;

struct GrpcWeb {
  using Proto = envoy::extensions::filters::http::grpc_web::v3::GrpcWeb;
  using Filter = GrpcWebFilter;
  struct Config {};

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

// `cluster.<name>.grpc-web.<service>.<method>.`
class GrpcWebState final : public http::FilterWorkerState {
 public:
  grpc::CallCounters counters;
};

class GrpcWebFilter final : public http::Filter {
 public:
  // Of an answer that is no gRPC, what becomes its message.
  static constexpr size_t kMaxMessage = 16 * 1024;

  explicit GrpcWebFilter(http::FilterContext& context) : context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnRequestData(buffer::Buffer& data) override;
  http::Answer OnRequestEnd(http::HeaderMap* trailers) override;
  http::Answer OnResponseHead(http::ResponseHead& head) override;
  http::Answer OnResponseData(buffer::Buffer& data) override;
  http::Answer OnResponseEnd(http::HeaderMap* trailers) override;

 private:
  void FindMethod(std::string_view path);
  void CountStatus(const http::HeaderMap& fields);
  void Refuse(std::string_view details);
  void SetMessage();
  void AddTrailers(http::HeaderMap& trailers);

  http::FilterContext& context_;
  http::RequestHead* request_ = nullptr;
  bool active_ = false;  // the request is gRPC-Web
  bool text_request_ = false;
  bool text_response_ = false;
  bool refused_ = false;
  http::ResponseHead* foreign_ = nullptr;  // held: the answer is no gRPC
  std::string message_;                    // its text
  Base64Reader reader_;
  MessageWriter writer_;
  std::string_view stat_prefix_;  // in the arena; empty: the call is not counted
};

}  // namespace remora::extensions
