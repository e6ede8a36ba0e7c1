#pragma once

// Translators of the conditions of a route: envoy.config.route.v3.RouteMatch, HeaderMatcher and
// QueryParameterMatcher, as the route table's plain values.
//
// Pure; faults go to Translation::errors. Expressions are compiled, and checked, by the route
// table. The deprecated conditions on header fields (exact_match and so on) become the string
// condition that replaced them.

#include "source/config/core_config.h"
#include "source/http/route/config.h"

namespace envoy::config::route::v3 {
class HeaderMatcher;
class QueryParameterMatcher;
class RouteMatch;
}  // namespace envoy::config::route::v3

namespace remora::config {

// Fills the conditions of `route`.
void ParseRouteMatch(const envoy::config::route::v3::RouteMatch& proto, const FieldPath& path,
                     Translation& translation, route::RouteConfig& route);

// One condition, for filters that have their own.
route::HeaderMatch ParseHeaderMatch(const envoy::config::route::v3::HeaderMatcher& proto,
                                    const FieldPath& path, Translation& translation);
route::QueryParameterMatch ParseQueryParameterMatch(
    const envoy::config::route::v3::QueryParameterMatcher& proto, const FieldPath& path,
    Translation& translation);

}  // namespace remora::config
