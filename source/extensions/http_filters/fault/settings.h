#pragma once

// FaultSettings: what one level of configuration says about faults, as an immutable value.
//
// Made by ParseFaultSettings from envoy.extensions.filters.http.fault.v3.HTTPFault, on main; read
// by every worker. Percentages, durations and codes are defaults: each has a runtime value that
// takes its place. The *For functions say what a request gets by configuration and by its own
// fields, before runtime values.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "source/config/registry.h"
#include "source/event/clock.h"
#include "source/http/message.h"
#include "source/http/route/conditions.h"
#include "source/runtime/runtime.h"

namespace envoy::extensions::filters::http::fault::v3 {
class HTTPFault;
}

namespace remora::extensions {

// A share of requests; a request may lower it when `header` names a field.
struct FaultShare {
  runtime::Fraction percentage = {0, 100};
  std::string_view header;  // a literal, or empty

  runtime::Fraction For(const http::RequestHead& head) const;
};

struct FaultSettings {
  struct Delay {
    std::optional<uint64_t> milliseconds;  // absent: the request says
    FaultShare share;
    std::optional<uint64_t> MillisecondsFor(const http::RequestHead& head) const;
  };
  struct Abort {
    enum class Kind : uint8_t { kHttp, kGrpc, kHeader };
    Kind kind = Kind::kHttp;
    uint32_t code = 0;
    FaultShare share;
    std::optional<uint64_t> HttpStatusFor(const http::RequestHead& head) const;
    std::optional<uint64_t> GrpcStatusFor(const http::RequestHead& head) const;
  };
  struct RateLimit {
    std::optional<uint64_t> kib_per_second;  // absent: the request says
    FaultShare share;
    std::optional<uint64_t> KibPerSecondFor(const http::RequestHead& head) const;
  };
  // Names of runtime values.
  struct Keys {
    std::string delay_percent;
    std::string delay_duration;
    std::string abort_percent;
    std::string abort_http_status;
    std::string abort_grpc_status;
    std::string max_active_faults;
    std::string rate_limit_percent;
  };

  std::optional<Delay> delay;
  std::optional<Abort> abort;
  std::optional<RateLimit> rate_limit;
  std::string upstream_cluster;               // empty: any
  absl::flat_hash_set<std::string> nodes;     // empty: any
  std::vector<route::HeaderMatcher> headers;  // all of them
  uint64_t max_active_faults = std::numeric_limits<uint64_t>::max();
  bool count_by_downstream_cluster = true;
  Keys keys;
};

// nullopt after an error, which is in the context.
std::optional<FaultSettings> ParseFaultSettings(
    const envoy::extensions::filters::http::fault::v3::HTTPFault& proto,
    config::ConfigContext& context);

}  // namespace remora::extensions
