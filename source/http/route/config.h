#pragma once

// RouteTableConfig: a route configuration as plain values, before RouteTable::Build compiles it.
//
// Whoever translates a wire format fills it; nothing here knows that format. The fields mean what
// the fields of the same names in envoy.config.route.v3.RouteConfiguration mean (in comments: only
// what the name cannot say). Defaults are the defaults of that message.
// Values: copy, move, compare; any thread. What is wrong in them is found by RouteTable::Build.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "source/event/clock.h"
#include "source/http/route/retry_policy.h"

namespace remora::route {

// Configuration of one HTTP filter for a part of the table (typed_per_filter_config).
struct FilterOverride {
  std::string filter_name;             // the filter's name in the filter chain
  std::string type_url;                // of `config`: the extension's RouteProto
  std::shared_ptr<const void> config;  // parsed by that extension; null: only `disabled` is set
  bool disabled = false;
};
using FilterOverrides = std::vector<FilterOverride>;

struct StringMatch {
  enum class Kind : uint8_t { kExact, kPrefix, kSuffix, kContains, kSafeRegex };

  Kind kind = Kind::kExact;
  std::string text = {};     // kSafeRegex: RE2 syntax, has to match the whole value
  bool ignore_case = false;  // ASCII; without effect on kSafeRegex
};

// Matches when one of the field's values does. The names ":method", ":path", ":authority" (or
// "host") and ":scheme" mean the parts of the request's head.
struct HeaderMatch {
  enum class Kind : uint8_t { kPresent, kString, kRange };

  std::string name;  // any case
  Kind kind = Kind::kPresent;
  bool present = true;      // kPresent: false matches when the field is absent
  StringMatch string;       // kString
  int64_t range_start = 0;  // kRange: a decimal integer in [range_start, range_end)
  int64_t range_end = 0;
  bool invert = false;
  // Without it an absent field fails every kString and kRange match, inverted or not.
  bool treat_missing_as_empty = false;
};

// Conditions of a RetryPolicy.
struct RetryHeaders {
  std::vector<HeaderMatch> request;   // only requests that match one; empty: all
  std::vector<HeaderMatch> response;  // of kRetryOnHeaders: one of them
};

// Looks at the first parameter of that name, as written (no percent-decoding).
struct QueryParameterMatch {
  std::string name;
  std::optional<StringMatch> string;  // absent: only `present` counts
  bool present = true;
};

struct PathMatch {
  enum class Kind : uint8_t { kPrefix, kPath, kPathSeparatedPrefix, kSafeRegex };

  Kind kind = Kind::kPrefix;
  std::string text = {};       // kSafeRegex: RE2 syntax, has to match the whole path
  bool case_sensitive = true;  // ASCII; without effect on kSafeRegex
};

// Matches `numerator` of `denominator` requests.
struct RuntimeFraction {
  uint64_t numerator = 0;
  uint32_t denominator = 100;
};

struct WeightedCluster {
  std::string name;
  uint32_t weight = 0;
  FilterOverrides overrides;
};

enum class RoutePriority : uint8_t { kDefault, kHigh };

// RouteAction.MaxStreamDuration: how long an exchange may take from its first byte to its end.
struct MaxStreamDuration {
  std::optional<event::Duration> duration = {};  // absent: the connection manager's; 0: none
  // Requests with grpc-timeout: that time, but at most this (0: no bound), less the offset.
  std::optional<event::Duration> grpc_timeout_header_max = {};
  event::Duration grpc_timeout_header_offset = 0;
};

// UpgradeConfig: whether requests for another protocol ("websocket", "CONNECT") are passed on.
struct Upgrade {
  std::string type;  // any case
  bool enabled = true;
};

struct ForwardAction {
  static constexpr event::Duration kDefaultTimeout = 15 * event::kSecond;

  // Either `cluster` or `weighted_clusters`.
  std::string cluster = {};
  std::vector<WeightedCluster> weighted_clusters = {};
  std::optional<event::Duration> timeout = {};       // absent: kDefaultTimeout; 0: none
  std::optional<event::Duration> idle_timeout = {};  // absent: the connection manager's; 0: none
  RoutePriority priority = RoutePriority::kDefault;
  std::optional<MaxStreamDuration> max_stream_duration = {};
  std::vector<Upgrade> upgrades = {};  // precedence over the connection manager's
  FailureSettings failure = {};
};

struct DirectResponseAction {
  uint32_t status = 200;
  std::string body = {};
};

struct RouteConfig {
  std::string name;
  PathMatch match;
  std::vector<HeaderMatch> headers;                   // all of them
  std::vector<QueryParameterMatch> query_parameters;  // all of them
  bool grpc = false;                                  // only content type application/grpc[+...]
  std::optional<RuntimeFraction> runtime_fraction;
  std::variant<ForwardAction, DirectResponseAction> action;
  FilterOverrides overrides;
};

struct VirtualHostConfig {
  std::string name;
  // "a.com", "*.a.com" and "*-b.a.com", "a.*", "*"; any case.
  std::vector<std::string> domains;
  std::vector<RouteConfig> routes;  // the first that matches is taken
  FilterOverrides overrides;
  FailureSettings failure = {};
};

struct RouteTableConfig {
  // Envoy's default of re2.max_program_size.error_level.
  static constexpr uint32_t kDefaultMaxRegexProgramSize = 100;

  std::string name;
  std::vector<VirtualHostConfig> virtual_hosts;
  FilterOverrides overrides;
  bool ignore_port_in_host_matching = false;
  bool ignore_path_parameters_in_path_matching = false;  // cut the path at ';'
  uint32_t max_regex_program_size = kDefaultMaxRegexProgramSize;
  FailureSettings failure = {};  // only mirrors
};

}  // namespace remora::route
