#pragma once

// Translators of scoped routes: HttpConnectionManager.scoped_routes, and ScopedRouteConfiguration,
// which stands there or comes from a source (SRDS).
//
// Pure. Faults go to Translation::errors; texts are Envoy's where it has one. Source: Envoy
// source/common/router/{scoped_config_impl,scoped_rds}.cc.

#include <memory>
#include <string>
#include <vector>

#include "source/config/core_config.h"
#include "source/http/route/scopes.h"

namespace envoy::config::route::v3 {
class ScopedRouteConfiguration;
}
namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class ScopedRoutes;
}

namespace remora::config {

// One scope: either it has its table, or it names it.
struct ScopedRoute {
  std::string name;
  std::string key;         // as route::ScopeKeyBuilder makes it
  std::string route_name;  // empty: it has one
  std::shared_ptr<const route::RouteTable> table;
};

// `filters`: the chain that the table is for.
ScopedRoute ParseScopedRoute(const envoy::config::route::v3::ScopedRouteConfiguration& proto,
                             const std::vector<http::FilterFactory>& filters, const FieldPath& path,
                             Translation& translation);

// Null after an error. What it needs from sources goes to Translation::route_uses and scope_uses.
std::shared_ptr<const route::RouteScopes> ParseScopes(
    const envoy::extensions::filters::network::http_connection_manager::v3::ScopedRoutes& proto,
    const std::string& stat_prefix, const std::vector<http::FilterFactory>& filters,
    const FieldPath& path, Translation& translation);

}  // namespace remora::config
