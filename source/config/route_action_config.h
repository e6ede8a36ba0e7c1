#pragma once

// Translators of what a route does besides naming a cluster: envoy.config.route.v3.RedirectAction
// and the rewrites of RouteAction, as the route table's plain values.
//
// Pure; faults go to Translation::errors. Expressions are compiled, and checked, by the route
// table, which reports them under the same paths.

#include "source/config/core_config.h"
#include "source/http/route/config.h"

namespace envoy::config::route::v3 {
class RedirectAction;
class RouteAction;
}  // namespace envoy::config::route::v3

namespace remora::config {

route::RedirectAction ParseRedirect(const envoy::config::route::v3::RedirectAction& proto,
                                    const FieldPath& path, Translation& translation);

// Fills the rewrites of `action`.
void ParseRewrites(const envoy::config::route::v3::RouteAction& proto, const FieldPath& path,
                   Translation& translation, route::ForwardAction& action);

}  // namespace remora::config
