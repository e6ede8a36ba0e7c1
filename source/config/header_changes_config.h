#pragma once

// Translator of the header changes of a route table, virtual host, route or weighted cluster:
// request_headers_to_add and the three fields like it, as the route table's plain values.
//
// Pure. Names, conditions and format strings are checked by the route table's own builder, which
// reports them under the same paths; what is wrong with an option itself is an error here, and a
// change that can have no effect a warning.

#include <vector>

#include "google/protobuf/repeated_field.h"
#include "source/config/core_config.h"
#include "source/http/route/config.h"

namespace envoy::config::core::v3 {
class HeaderValueOption;
}
namespace envoy::config::route::v3 {
class Route;
class RouteConfiguration;
class VirtualHost;
class WeightedCluster_ClusterWeight;  // NOLINT(readability-identifier-naming): protoc names it so
}  // namespace envoy::config::route::v3

namespace remora::config {

// One list of additions; `path`: of the list. For filters that have lists of their own.
std::vector<route::HeaderAddition> ParseHeaderAdditions(
    const google::protobuf::RepeatedPtrField<envoy::config::core::v3::HeaderValueOption>& add,
    const FieldPath& path, Translation& translation);

// `path`: of the message that has the fields.
route::MessageChangesConfig ParseMessageChanges(
    const envoy::config::route::v3::RouteConfiguration& proto, const FieldPath& path,
    Translation& translation);
route::MessageChangesConfig ParseMessageChanges(const envoy::config::route::v3::VirtualHost& proto,
                                                const FieldPath& path, Translation& translation);
route::MessageChangesConfig ParseMessageChanges(const envoy::config::route::v3::Route& proto,
                                                const FieldPath& path, Translation& translation);
route::MessageChangesConfig ParseMessageChanges(
    const envoy::config::route::v3::WeightedCluster_ClusterWeight& proto, const FieldPath& path,
    Translation& translation);

}  // namespace remora::config
