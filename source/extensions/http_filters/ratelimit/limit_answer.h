#pragma once

// What a rate limit service is asked, a serialized envoy.service.ratelimit.v3.RateLimitRequest, and
// LimitAnswer: what it has said, read from its RateLimitResponse.
//
// Plain values and pure functions; any thread. The service is trusted to count, not to write valid
// fields: whoever puts them into a message checks them. Text that is no UTF-8 is sent with `!` for
// each wrong byte. Source: Envoy source/extensions/filters/common/ratelimit/ratelimit_impl.cc,
// source/extensions/filters/http/ratelimit/ratelimit_headers.cc.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/http/metadata.h"
#include "source/http/route/rate_limit.h"

namespace remora::extensions {

std::string MakeLimitRequest(const std::string& domain,
                             const std::vector<route::RateLimitDescriptor>& descriptors);

struct LimitAnswer {
  enum class Kind : uint8_t { kAllowed, kOverLimit, kFailed };
  using Fields = std::vector<std::pair<std::string, std::string>>;  // names in lower case

  Kind kind = Kind::kFailed;
  std::string body;        // of the answer to a request over the limit
  Fields request_fields;   // to be added
  Fields response_fields;  // the same
  // x-ratelimit-*: all limits, the first being the one of which least is left. No field: no limit
  // was told.
  Fields client_fields;
  std::optional<int64_t> retry_after;  // seconds; nothing: no descriptor is over its limit
  http::MetadataValue metadata;        // a struct, or null
};

// nullopt: it is no RateLimitResponse.
std::optional<LimitAnswer> ReadLimitAnswer(std::string_view message);

}  // namespace remora::extensions
