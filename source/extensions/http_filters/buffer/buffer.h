#pragma once

// The buffer filter: holds a request until it is complete, then sends it with its length.
//
// envoy.extensions.filters.http.buffer.v3.Buffer. A request above max_request_bytes is answered
// with 413 by the chain. A request without a body and a tunnel pass untouched. Source: Envoy
// source/extensions/filters/http/buffer/buffer_filter.cc.

#include <cstdint>
#include <optional>

#include "source/config/registry.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"

namespace envoy::extensions::filters::http::buffer::v3 {
class Buffer;
class BufferPerRoute;
}  // namespace envoy::extensions::filters::http::buffer::v3

namespace remora::extensions {

class BufferFilter;

struct Buffer {
  using Proto = envoy::extensions::filters::http::buffer::v3::Buffer;
  using RouteProto = envoy::extensions::filters::http::buffer::v3::BufferPerRoute;
  using Filter = BufferFilter;
  struct Config {
    uint32_t max_request_bytes = 0;
  };
  struct RouteConfig {
    std::optional<uint32_t> max_request_bytes;  // absent: the filter does nothing
  };

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
};

class BufferFilter final : public http::Filter {
 public:
  BufferFilter(const Buffer::Config& config, http::FilterContext& context)
      : config_(config), context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnRequestData(buffer::Buffer& data) override;
  http::Answer OnRequestEnd(http::HeaderMap* trailers) override;

 private:
  const Buffer::Config& config_;
  http::FilterContext& context_;
  http::RequestHead* held_ = nullptr;  // null: the request passes
  uint64_t bytes_ = 0;
};

}  // namespace remora::extensions
