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
#include <utility>
#include <variant>
#include <vector>

#include "source/event/clock.h"
#include "source/http/metadata.h"
#include "source/http/route/retry_policy.h"
#include "source/runtime/runtime.h"

namespace remora::formatter {
class Template;
}

namespace remora::route {

class HostFinder;

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

// Looks at the first cookie of that name.
struct CookieMatch {
  std::string name;
  StringMatch string;
  bool invert = false;
};

// A condition on a value in metadata (ValueMatcher).
struct ValueMatch {
  enum class Kind : uint8_t { kNull, kRange, kNumber, kString, kBoolean, kPresent, kOneOf, kAnyOf };

  Kind kind = Kind::kNull;
  double number = 0;                   // kNumber; kRange: the first
  double range_end = 0;                // kRange: the first behind it
  bool boolean = false;                // kBoolean; kPresent: false matches nothing
  StringMatch string = {};             // kString
  std::vector<ValueMatch> inner = {};  // kOneOf: of one item of a list; kAnyOf: one of these
};

// Looks at the dynamic metadata of the request.
struct MetadataMatch {
  std::string filter;
  std::vector<std::string> path;
  ValueMatch value;
  bool invert = false;
};

struct PathMatch {
  // kConnect: the method is CONNECT. Only this one takes requests without a path.
  enum class Kind : uint8_t { kPrefix, kPath, kPathSeparatedPrefix, kSafeRegex, kConnect };

  Kind kind = Kind::kPrefix;
  std::string text = {};       // kSafeRegex: RE2 syntax, has to match the whole path
  bool case_sensitive = true;  // ASCII; without effect on kSafeRegex
};

// One field to add (HeaderValueOption).
struct HeaderAddition {
  enum class Action : uint8_t {
    kAppendIfExistsOrAdd,
    kAddIfAbsent,
    kOverwriteIfExistsOrAdd,
    kOverwriteIfExists,
  };

  std::string name;   // any case
  std::string value;  // a format string unless `literal`
  Action action = Action::kAppendIfExistsOrAdd;
  bool keep_empty = false;  // otherwise a value that comes out empty changes nothing
  bool literal = false;
};

// What one level (table, virtual host, route, weighted cluster) changes in a head: first all
// removals, then the additions, whose conditions and values are those of the head in between.
struct HeaderChangesConfig {
  std::vector<HeaderAddition> add = {};
  std::vector<std::string> remove = {};  // names in any case
};

// Of requests and of responses.
struct MessageChangesConfig {
  HeaderChangesConfig request = {};
  HeaderChangesConfig response = {};
};

// An expression whose matches in a text are replaced.
struct RegexSubstitutionConfig {
  std::string pattern;       // RE2 syntax
  std::string substitution;  // \1 to \9: groups, \0: the match
};

// Either `name` or `cluster_header`.
struct WeightedCluster {
  std::string name = {};
  uint32_t weight = 0;
  FilterOverrides overrides = {};
  MessageChangesConfig headers = {};
  std::string cluster_header = {};  // the request header field that names the cluster
  std::string host_rewrite = {};    // for Host; empty: none
};

struct RateLimit;  // rate_limit.h

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
  // CONNECT: it ends here, the cluster's hosts get what comes behind it.
  bool ends_here = false;
};

// One part of a route's hash policy.
struct HashPart {
  enum class Source : uint8_t { kHeader, kCookie, kAddress, kQueryParameter, kNone };

  Source source = Source::kNone;
  std::string name = {};                                // kHeader: lower-case
  std::optional<RegexSubstitutionConfig> rewrite = {};  // kHeader
  // kCookie: a request without it is given one for so long (0: the client's session).
  std::optional<event::Duration> ttl = {};
  std::string path = {};                                             // of a cookie that is given
  std::vector<std::pair<std::string, std::string>> attributes = {};  // likewise
  bool terminal = false;  // once there is a hash, what stands behind it does not count
};

struct ForwardAction {
  static constexpr event::Duration kDefaultTimeout = 15 * event::kSecond;

  // How the Host is rewritten; `host_rewrite` is a literal, a header field's name, or nothing.
  enum class HostRewrite : uint8_t { kNone, kLiteral, kHeader, kPathRegex, kEndpointHostname };

  // Either `cluster` or `weighted_clusters` or `cluster_header`.
  std::string cluster = {};
  std::vector<WeightedCluster> weighted_clusters = {};
  std::optional<event::Duration> timeout = {};       // absent: kDefaultTimeout; 0: none
  std::optional<event::Duration> idle_timeout = {};  // absent: the connection manager's; 0: none
  // Of gRPC requests: the most that their own grpc-timeout counts in the place of `timeout` (0: any
  // time), and what is taken off it. Absent: it does not count.
  std::optional<event::Duration> max_grpc_timeout = {};
  event::Duration grpc_timeout_offset = 0;
  RoutePriority priority = RoutePriority::kDefault;
  FailureSettings failure = {};
  std::optional<MaxStreamDuration> max_stream_duration = {};
  std::vector<Upgrade> upgrades = {};  // precedence over the connection manager's
  // For rate limit filters; null: none.
  std::shared_ptr<const std::vector<RateLimit>> rate_limits = nullptr;
  bool include_virtual_host_rate_limits = false;
  std::string cluster_header = {};
  // Of weighted clusters: runtime values `<prefix>.<name>` change weights; a number in this request
  // header field chooses in place of the random number.
  std::string runtime_key_prefix = {};
  std::string random_value_header = {};
  uint16_t cluster_not_found_status = 503;
  std::string prefix_rewrite = {};  // for what was matched of the path; empty: none
  std::optional<RegexSubstitutionConfig> regex_rewrite = {};  // of the path
  HostRewrite host_rewrite_kind = HostRewrite::kNone;
  std::string host_rewrite = {};
  std::optional<RegexSubstitutionConfig> host_rewrite_path_regex = {};
  bool append_x_forwarded_host = false;
  std::vector<HashPart> hash = {};
};

struct DirectResponseAction {
  uint32_t status = 200;
  std::string body = {};
  // Makes the body that is sent, out of `body` and the exchange; null: `body` is sent.
  std::shared_ptr<const formatter::Template> body_format = {};
  std::string content_type = {};  // of what body_format makes
};

struct RedirectAction {
  std::string scheme = {};          // empty: the request's
  std::string host = {};            // empty: the request's
  uint32_t port = 0;                // 0: the request's
  std::string path = {};            // with or without a query; empty: the request's
  std::string prefix_rewrite = {};  // for what was matched of the path; empty: none
  std::optional<RegexSubstitutionConfig> regex_rewrite = {};
  uint16_t status = 301;
  bool strip_query = false;
  // Leave a port 80 or 443 that does not fit the new scheme (Envoy's redirect of require_tls).
  bool keep_port = false;
};

struct RouteConfig {
  std::string name;
  std::string stat_prefix = {};  // of statistics of its own; empty: none
  PathMatch match;
  std::vector<HeaderMatch> headers;                   // all of them
  std::vector<QueryParameterMatch> query_parameters;  // all of them
  std::vector<MetadataMatch> dynamic_metadata = {};   // all of them
  std::vector<CookieMatch> cookies = {};              // all of them
  bool grpc = false;                                  // only content type application/grpc[+...]
  std::optional<runtime::FractionSetting> runtime_fraction;
  std::variant<ForwardAction, DirectResponseAction, RedirectAction> action;
  FilterOverrides overrides;
  MessageChangesConfig header_changes = {};
  std::shared_ptr<const http::Metadata> metadata = {};
};

// Which requests are redirected to https: none, those from outside, all that are not.
enum class TlsRequirement : uint8_t { kNone, kExternalOnly, kAll };

// Requests that statistics are kept of by themselves.
struct VirtualClusterConfig {
  std::string name;
  std::vector<HeaderMatch> headers;  // all of them
};

struct VirtualHostConfig {
  std::string name;
  // "a.com", "*.a.com" and "*-b.a.com", "a.*", "*"; any case.
  std::vector<std::string> domains;
  std::vector<RouteConfig> routes;  // the first that matches is taken
  FilterOverrides overrides;
  FailureSettings failure = {};
  std::shared_ptr<const std::vector<RateLimit>> rate_limits = nullptr;  // null: none
  MessageChangesConfig header_changes = {};
  TlsRequirement require_tls = TlsRequirement::kNone;
  std::vector<VirtualClusterConfig> virtual_clusters = {};  // the first that takes a request
  std::shared_ptr<const http::Metadata> metadata = {};
};

struct RouteTableConfig {
  // Envoy's default of re2.max_program_size.error_level.
  static constexpr uint32_t kDefaultMaxRegexProgramSize = 100;

  std::string name;
  std::vector<VirtualHostConfig> virtual_hosts;
  FilterOverrides overrides;
  MessageChangesConfig header_changes = {};
  // False: the table's changes come last and so win over a route's.
  bool most_specific_header_changes_win = false;
  bool ignore_port_in_host_matching = false;
  bool ignore_path_parameters_in_path_matching = false;  // cut the path at ';'
  uint32_t max_regex_program_size = kDefaultMaxRegexProgramSize;
  FailureSettings failure = {};  // only mirrors
  // Fields that requests from outside lose; any case.
  std::vector<std::string> internal_only_headers = {};
  // Whom requests ask for virtual hosts that are not here; null: these are all.
  std::shared_ptr<const HostFinder> host_finder = {};
};

}  // namespace remora::route
