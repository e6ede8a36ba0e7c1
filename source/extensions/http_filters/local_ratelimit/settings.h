#pragma once

// LocalRateLimitSettings: one level of configuration of the local rate limit filter, with the
// buckets that belong to it.
//
// Made by ParseLocalRateLimit from envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit,
// on main; shared by every worker. Only the buckets change.

#include <memory>
#include <optional>
#include <string>

#include "source/config/registry.h"
#include "source/extensions/http_filters/local_ratelimit/limiter.h"
#include "source/http/filter/request_limits.h"
#include "source/http/route/header_changes.h"
#include "source/runtime/runtime.h"

namespace envoy::extensions::filters::http::local_ratelimit::v3 {
class LocalRateLimit;
}

namespace remora::extensions {

struct LocalRateLimitSettings {
  std::string stat_prefix;
  uint16_t status = 429;
  std::optional<runtime::FractionSetting> enabled;               // absent: never
  std::optional<runtime::FractionSetting> enforced;              // absent: never
  std::unique_ptr<const route::HeaderChanges> request_headers;   // null: none
  std::unique_ptr<const route::HeaderChanges> response_headers;  // null: none
  uint32_t stage = 0;
  http::VirtualHostLimits virtual_host = http::VirtualHostLimits::kOverride;
  bool tells_client = false;        // x-ratelimit-*
  bool resource_exhausted = false;  // to gRPC
  bool per_connection = false;
  bool has_descriptors = false;
  std::string source_cluster;                            // of this process
  std::shared_ptr<const route::RateLimits> rate_limits;  // in place of the route's; null: none
  LimiterSettings limits;
  std::unique_ptr<Limiter> limiter;  // null: per connection
};

// nullopt after an error, which is in the context. A bucket is required `on_route`.
std::optional<LocalRateLimitSettings> ParseLocalRateLimit(
    const envoy::extensions::filters::http::local_ratelimit::v3::LocalRateLimit& proto,
    bool on_route, config::ConfigContext& context);

}  // namespace remora::extensions
