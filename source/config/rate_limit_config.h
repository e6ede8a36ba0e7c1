#pragma once

// Translator of envoy.config.route.v3.RateLimit: what requests are counted under, compiled.
//
// Used for routes, virtual hosts and the rate limit filters' own lists, which have no stages but
// say how many requests one counts as. Pure; faults go to Translation::errors, and what is wrong is
// left out.
// Source: Envoy source/extensions/filters/common/ratelimit_config/ratelimit_config.cc.

#include <cstdint>
#include <memory>

#include "google/protobuf/repeated_field.h"
#include "source/config/core_config.h"
#include "source/http/route/rate_limit.h"

namespace envoy::config::route::v3 {
class RateLimit;
}

namespace remora::config {

enum class RateLimitsOwner : uint8_t { kRoute, kFilter };

// Null when there are none.
std::shared_ptr<const route::RateLimits> ParseRateLimits(
    const google::protobuf::RepeatedPtrField<envoy::config::route::v3::RateLimit>& protos,
    RateLimitsOwner owner, const FieldPath& path, Translation& translation);

}  // namespace remora::config
