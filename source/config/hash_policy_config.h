#pragma once

// envoy.config.route.v3.RouteAction.HashPolicy to route::HashPart.
//
// Pure, main thread. What is wrong goes to Translation::errors; expressions are compiled by the
// route table.

#include <vector>

#include "google/protobuf/repeated_field.h"
#include "source/config/core_config.h"
#include "source/http/route/config.h"

namespace envoy::config::route::v3 {
class RouteAction_HashPolicy;  // NOLINT(readability-identifier-naming): protoc names it so
}

namespace remora::config {

std::vector<route::HashPart> ParseHashPolicy(
    const google::protobuf::RepeatedPtrField<envoy::config::route::v3::RouteAction_HashPolicy>&
        protos,
    const FieldPath& path, Translation& translation);

}  // namespace remora::config
