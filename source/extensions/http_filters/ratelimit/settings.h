#pragma once

// RateLimitSettings: the configuration of the global rate limit filter; RateLimitRoute: what one
// level of a route table says about it.
//
// Made by ParseRateLimit and ParseRateLimitRoute from envoy.extensions.filters.http.ratelimit.v3,
// on main; immutable, shared by every worker. Faults go to the context.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "source/config/registry.h"
#include "source/grpc/stream.h"
#include "source/http/filter/request_limits.h"
#include "source/http/route/header_changes.h"
#include "source/runtime/runtime.h"

namespace envoy::extensions::filters::http::ratelimit::v3 {
class RateLimit;
class RateLimitPerRoute;
}  // namespace envoy::extensions::filters::http::ratelimit::v3

namespace remora::extensions {

struct RateLimitSettings {
  static constexpr event::Duration kDefaultTimeout = 20 * event::kMillisecond;
  enum class RequestType : uint8_t { kBoth, kInternal, kExternal };

  grpc::Service service;
  std::string domain;
  std::string stat_prefix;
  std::string metadata_namespace;
  std::string source_cluster;                            // of this process
  std::shared_ptr<const route::RateLimits> rate_limits;  // in place of the route's; null: none
  std::unique_ptr<const route::HeaderChanges> response_headers;  // of refusals; null: none
  runtime::FractionSetting enabled;
  runtime::FractionSetting enforced;
  runtime::FractionSetting deny_on_failure;
  uint32_t stage = 0;
  uint16_t limited_status = 429;
  uint16_t status_on_error = 500;
  RequestType request_type = RequestType::kBoth;
  bool resource_exhausted = false;  // to gRPC
  bool tells_client = false;        // x-ratelimit-*
  bool tells_retry = false;         // retry-after
  bool marks = true;                // x-envoy-ratelimited
};

struct RateLimitRoute {
  std::shared_ptr<const route::RateLimits> rate_limits;  // in place of all others; null: none
  std::string domain;                                    // empty: the filter's
  http::VirtualHostLimits virtual_host = http::VirtualHostLimits::kOverride;
};

// nullopt after an error.
std::optional<RateLimitSettings> ParseRateLimit(
    const envoy::extensions::filters::http::ratelimit::v3::RateLimit& proto,
    config::ConfigContext& context);
std::optional<RateLimitRoute> ParseRateLimitRoute(
    const envoy::extensions::filters::http::ratelimit::v3::RateLimitPerRoute& proto,
    config::ConfigContext& context);

}  // namespace remora::extensions
