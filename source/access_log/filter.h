#pragma once

// Filter: which exchanges are logged: a tree of conditions, as an immutable value.
//
// Made by a translator from envoy.config.accesslog.v3.AccessLogFilter; any thread. Pure but for the
// random number that sampling takes; nothing fails.
// Source: Envoy source/common/access_log/access_log_impl.cc.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "source/base/random.h"
#include "source/http/formatter/format.h"
#include "source/runtime/runtime.h"

namespace remora::access_log {

// What a filter may ask besides the exchange.
struct Surroundings {
  const runtime::Snapshot& runtime;
  base::Random& random;
};

struct Filter {
  enum class Kind : uint8_t {
    kStatusCode,
    kDuration,  // in milliseconds
    kNotHealthCheck,
    kNever,  // what only tracing could say yes to
    kRuntime,
    kAnd,
    kOr,
    kHeader,
    kResponseFlag,
    kGrpcStatus,
    kLogType,
    kMetadata,
  };
  enum class Comparison : uint8_t { kEqual, kAtLeast, kAtMost };

  bool Passes(const formatter::Exchange& exchange, const Surroundings& around) const;

  Kind kind = Kind::kNever;
  Comparison comparison = Comparison::kEqual;
  uint64_t value = 0;
  std::string runtime_key;  // overrides the value
  runtime::FractionSetting fraction;
  bool independent = false;  // a random number of its own, not the request id's
  bool exclude = false;
  uint32_t flags = 0;  // bits of ResponseFlag; none: any flag
  uint32_t types = 0;  // bits of LogType
  uint32_t grpc = 0;   // bits of the 17 statuses
  std::function<bool(const http::RequestHead&)> header;
  bool header_without_request = false;  // what `header` says of an empty head
  // What is left in the dynamic metadata; absent: the value is not there.
  std::function<std::optional<bool>(const http::Metadata*)> metadata;
  bool metadata_otherwise = true;  // where it is not there
  std::vector<Filter> children;
};

}  // namespace remora::access_log
