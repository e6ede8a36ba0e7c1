#pragma once

// Translator of envoy.config.route.v3.RateLimit: what requests are counted under, compiled.
//
// Used for routes, virtual hosts and the rate limit filters' own lists. Pure; faults go to
// Translation::errors, and what is wrong is left out.

#include <memory>

#include "google/protobuf/repeated_field.h"
#include "source/config/core_config.h"
#include "source/http/route/rate_limit.h"

namespace envoy::config::route::v3 {
class RateLimit;
}

namespace remora::config {

// Null when there are none.
std::shared_ptr<const route::RateLimits> ParseRateLimits(
    const google::protobuf::RepeatedPtrField<envoy::config::route::v3::RateLimit>& protos,
    const FieldPath& path, Translation& translation);

}  // namespace remora::config
