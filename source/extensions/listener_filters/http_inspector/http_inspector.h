#pragma once

// HttpInspector: recognises HTTP in the clear by its first line.
//
// Extension (see config/registry.h). Thread: a worker's. What is no HTTP is left to the filter
// chain as it is. RecogniseHttp is pure, for tests and whoever else has first bytes.
// Source: Envoy source/extensions/filters/listener/http_inspector.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "source/config/registry.h"
#include "source/net/listener_filter.h"

namespace envoy::extensions::filters::listener::http_inspector::v3 {
class HttpInspector;
}

namespace remora::extensions {

enum class HttpKind : uint8_t { kUnclear, kNone, kHttp10, kHttp11, kHttp2 };

// What the first bytes of a connection are. Pure; kUnclear: more are needed.
HttpKind RecogniseHttp(std::string_view bytes);

struct HttpInspector {
  using Proto = envoy::extensions::filters::listener::http_inspector::v3::HttpInspector;
  struct Config {};

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::string StatScope(const Config& config);
  static std::unique_ptr<net::ListenerFilter> Create(const Config& config,
                                                     const net::ListenerFilterSetup& setup);
};

}  // namespace remora::extensions
