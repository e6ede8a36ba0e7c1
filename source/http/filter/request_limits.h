#pragma once

// What a request is counted under by rate limit filters: the descriptors of a filter's own list, or
// else those of the request's route and virtual host.
//
// Pure; any thread. Texts of descriptors live as long as the configuration and the request's arena.
// Source: Envoy source/extensions/filters/http/ratelimit/ratelimit.cc,
// local_ratelimit/local_ratelimit.cc.

#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "source/http/message.h"
#include "source/http/route/rate_limit.h"
#include "source/http/route/route_table.h"
#include "source/http/stream_info.h"

namespace remora::http {

// Whether those of the virtual host count: where the route has none, always, never. The numbers are
// those of VhRateLimitsOptions.
enum class VirtualHostLimits : uint8_t { kOverride, kInclude, kIgnore };

struct LimitsChoice {
  const route::RateLimits* own = nullptr;  // in place of all others; null: those
  VirtualHostLimits virtual_host = VirtualHostLimits::kOverride;
  uint32_t stage = 0;  // of the others that count
  std::string_view source_cluster = {};
};

// Those that `counts` says yes to. None where no route forwards the request and the filter has
// none.
std::vector<route::RateLimitDescriptor> DescribeRequest(
    const LimitsChoice& choice, const route::MatchResult& match, const StreamInfo& info,
    const RequestHead& head, absl::FunctionRef<bool(const route::RateLimit&)> counts);

}  // namespace remora::http
