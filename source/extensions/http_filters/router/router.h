#pragma once

// The router as an extension: envoy.extensions.filters.http.router.v3.Router to router::Config.
//
// Only the translation: what the router does is in source/http/router/. It is terminal, which the
// loader checks. Parse runs on main, Create on the stream's worker; neither can fail, because the
// proto's fields have no wrong values.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/config/registry.h"
#include "source/http/router/router_filter.h"

namespace envoy::extensions::filters::http::router::v3 {
class Router;
}  // namespace envoy::extensions::filters::http::router::v3

namespace remora::extensions {

struct Router {
  using Proto = envoy::extensions::filters::http::router::v3::Router;
  using Config = router::Config;
  static constexpr bool kTerminal = true;

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
  static std::vector<std::string> LogFiles(const Config& config);
};

}  // namespace remora::extensions
