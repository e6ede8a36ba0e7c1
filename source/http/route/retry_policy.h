#pragma once

// FailurePolicy: what a route says about tries of a request: retries, mirrors, attempt counts, how
// much of a body is kept for them.
//
// Values: copy, move; immutable once a RouteTable holds them; any thread. Whoever translates a wire
// format fills them; RouteTable::Build merges the levels (the most specific one that says something
// about a matter wins) and compiles the header conditions. A route without any of it has no
// FailurePolicy, which is the one thing the router asks for a plain request.
// Source: envoy.config.route.v3.{RetryPolicy,RouteAction.RequestMirrorPolicy,VirtualHost}; defaults
// are Envoy's.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "source/event/clock.h"
#include "source/http/message.h"
#include "source/runtime/runtime.h"

namespace remora::route {

struct RetryHeaders;
class RetryConditions;

// What a request is tried again on; bits of RetryPolicy::retry_on.
enum RetryOn : uint32_t {
  kRetryOn5xx = 1u << 0,
  kRetryOnGatewayError = 1u << 1,
  kRetryOnConnectFailure = 1u << 2,
  kRetryOnRetriable4xx = 1u << 3,
  kRetryOnRefusedStream = 1u << 4,
  kRetryOnStatusCodes = 1u << 5,
  kRetryOnHeaders = 1u << 6,
  kRetryOnReset = 1u << 7,
  kRetryOnResetBeforeRequest = 1u << 8,
  kRetryOnEnvoyRateLimited = 1u << 9,
  kRetryOnHttp3PostConnectFailure = 1u << 10,  // there is no HTTP/3: never happens
  kRetryOnGrpcCancelled = 1u << 11,
  kRetryOnGrpcDeadlineExceeded = 1u << 12,
  kRetryOnGrpcInternal = 1u << 13,
  kRetryOnGrpcResourceExhausted = 1u << 14,
  kRetryOnGrpcUnavailable = 1u << 15,
  kRetryOnGrpc = 0x1fu << 11,
};

// The words of a comma-separated list as bits; `known` says whether all of them are words. gRPC's
// words and the others are two vocabularies (x-envoy-retry-grpc-on, x-envoy-retry-on).
uint32_t ParseRetryOn(std::string_view words, bool& known);
uint32_t ParseRetryGrpcOn(std::string_view words, bool& known);

// Where a response says when to come again.
struct ResetHeader {
  enum class Format : uint8_t { kSeconds, kUnixTimestamp };
  std::string name;  // lower-case
  Format format = Format::kSeconds;
};

struct RetryPolicy {
  static constexpr event::Duration kDefaultBaseInterval = 25 * event::kMillisecond;
  static constexpr event::Duration kDefaultResetMax = 300 * event::kSecond;

  uint32_t retry_on = 0;
  uint32_t num_retries = 1;
  event::Duration per_try_timeout = 0;       // 0: none
  event::Duration per_try_idle_timeout = 0;  // 0: none
  std::vector<uint32_t> status_codes = {};   // of kRetryOnStatusCodes
  event::Duration base_interval = kDefaultBaseInterval;
  event::Duration max_interval = 10 * kDefaultBaseInterval;
  std::vector<ResetHeader> reset_headers = {};
  event::Duration reset_max_interval = kDefaultResetMax;
  bool avoid_previous_hosts = false;
  uint32_t more_picks = 1;  // host_selection_retry_max_attempts
  // As configured; CompileConditions makes `conditions` of them.
  std::shared_ptr<const RetryHeaders> headers = nullptr;  // null: none
  std::shared_ptr<const RetryConditions> conditions = nullptr;

  absl::Status CompileConditions(uint32_t max_regex_program_size);
  bool RequestAllowed(const http::RequestHead& head) const;
  bool ResponseMatches(const http::ResponseHead& head) const;
};

struct MirrorPolicy {
  // One of the two.
  std::string cluster;
  std::string cluster_header;  // lower-case; the request's field that names the cluster
  runtime::FractionSetting fraction{{}, {100, 100}};
  bool host_suffix = true;  // "-shadow" behind the host's name
};

struct FailurePolicy {
  std::shared_ptr<const RetryPolicy> retry = nullptr;
  std::vector<MirrorPolicy> mirrors = {};
  std::optional<uint64_t> body_limit = std::nullopt;  // absent: the stream's buffer limit
  bool count_attempts_in_request = false;
  bool count_attempts_in_response = false;
  bool mark_timeout_retries = false;
  bool high_priority = false;

  bool empty() const {
    return retry == nullptr && mirrors.empty() && !body_limit.has_value() &&
           !count_attempts_in_request && !count_attempts_in_response && !mark_timeout_retries &&
           !high_priority;
  }
};

// What this level says about tries; each absent part is the outer level's.
struct FailureSettings {
  std::shared_ptr<RetryPolicy> retry = nullptr;
  std::vector<MirrorPolicy> mirrors = {};
  std::optional<uint64_t> body_limit = std::nullopt;
  bool count_attempts_in_request = false;   // virtual host
  bool count_attempts_in_response = false;  // virtual host
  bool mark_timeout_retries = false;        // virtual host
};

}  // namespace remora::route
