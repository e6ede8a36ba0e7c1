#pragma once

// Translators of what a route says about tries of its requests: envoy.config.route.v3.RetryPolicy,
// RouteAction.RequestMirrorPolicy, the fields about attempt counts and kept bodies.
//
// Pure; faults go to Translation::errors, words of retry_on that are none to its warnings (Envoy
// ignores them). Header conditions are compiled, and checked, by the route table.
// Source: Envoy source/common/router/retry_policy_impl.cc, config_impl.cc (ShadowPolicyImpl).

#include "source/config/core_config.h"
#include "source/http/route/config.h"

namespace envoy::config::route::v3 {
class Route;
class RouteConfiguration;
class VirtualHost;
}  // namespace envoy::config::route::v3

namespace remora::config {

// `validate_clusters`: mirrors have to name clusters that exist.
route::FailureSettings ParseRouteFailure(const envoy::config::route::v3::Route& proto,
                                         bool validate_clusters, const FieldPath& path,
                                         Translation& translation);
route::FailureSettings ParseVirtualHostFailure(const envoy::config::route::v3::VirtualHost& proto,
                                               bool validate_clusters, const FieldPath& path,
                                               Translation& translation);
route::FailureSettings ParseTableFailure(const envoy::config::route::v3::RouteConfiguration& proto,
                                         bool validate_clusters, const FieldPath& path,
                                         Translation& translation);

}  // namespace remora::config
