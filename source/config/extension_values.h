#pragma once

// What the parsers of several extensions need: shares of requests, conditions on headers and
// strings, compiled.
//
// Used by Parse and ParseRoute of extensions; main thread, at load. Faults go to the context, with
// `field` as the place; what is returned leaves out what was wrong. Expressions are limited as
// those of routes are (re2.max_program_size.error_level).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/repeated_field.h"
#include "source/access_log/logger.h"
#include "source/config/core_config.h"
#include "source/config/registry.h"
#include "source/http/route/conditions.h"
#include "source/http/route/header_changes.h"
#include "source/http/route/metadata_matcher.h"
#include "source/http/route/rate_limit.h"
#include "source/http/route/regex.h"
#include "source/http/route/route_table.h"
#include "source/runtime/runtime.h"

namespace envoy::config::accesslog::v3 {
class AccessLog;
}
namespace envoy::config::core::v3 {
class HeaderValueOption;
class RuntimeFeatureFlag;
class RuntimeFractionalPercent;
}  // namespace envoy::config::core::v3
namespace envoy::config::route::v3 {
class HeaderMatcher;
class QueryParameterMatcher;
class RateLimit;
class RouteMatch;
}  // namespace envoy::config::route::v3
namespace envoy::type::matcher::v3 {
class MetadataMatcher;
class RegexMatchAndSubstitute;
class StringMatcher;
}  // namespace envoy::type::matcher::v3
namespace envoy::type::v3 {
class FractionalPercent;
}

namespace remora::config {

runtime::Fraction ParseFraction(const envoy::type::v3::FractionalPercent& proto);
runtime::FractionSetting ParseFractionSetting(
    const envoy::config::core::v3::RuntimeFractionalPercent& proto);
// Not set is true.
runtime::FlagSetting ParseFlagSetting(const envoy::config::core::v3::RuntimeFeatureFlag& proto);

event::Duration ParseExtensionDuration(const google::protobuf::Duration& proto,
                                       std::string_view field, ConfigContext& context);

template <class Proto>
using Repeated = google::protobuf::RepeatedPtrField<Proto>;

std::vector<route::HeaderMatcher> ParseHeaderMatchers(
    const Repeated<envoy::config::route::v3::HeaderMatcher>& protos, std::string_view field,
    ConfigContext& context);
std::vector<route::QueryParameterMatcher> ParseQueryParameterMatchers(
    const Repeated<envoy::config::route::v3::QueryParameterMatcher>& protos, std::string_view field,
    ConfigContext& context);
std::vector<route::StringMatcher> ParseStringMatchers(
    const Repeated<envoy::type::matcher::v3::StringMatcher>& protos, std::string_view field,
    ConfigContext& context);

// nullopt after an error.
std::optional<route::HeaderMatcher> ParseHeaderMatcher(
    const envoy::config::route::v3::HeaderMatcher& proto, std::string_view field,
    ConfigContext& context);
// Null after an error.
std::shared_ptr<const route::StringMatcher> ParseStringMatcher(
    const envoy::type::matcher::v3::StringMatcher& proto, std::string_view field,
    ConfigContext& context);
// Null after an error.
std::shared_ptr<const route::RegexSubstitution> ParseRegexSubstitution(
    const envoy::type::matcher::v3::RegexMatchAndSubstitute& proto, std::string_view field,
    ConfigContext& context);
// nullopt after an error.
std::optional<route::MetadataMatcher> ParseMetadataMatcher(
    const envoy::type::matcher::v3::MetadataMatcher& proto, std::string_view field,
    ConfigContext& context);
// A table of one virtual host, for all, with a route for each, in order; what they lead to means
// nothing. `field` is a list whose elements have the conditions as `match`. Null after an error.
std::shared_ptr<const route::RouteTable> ParseRouteMatches(
    const std::vector<const envoy::config::route::v3::RouteMatch*>& protos, std::string_view field,
    ConfigContext& context);
// nullopt after an error.
std::optional<net::CidrRange> ParseExtensionRange(const envoy::config::core::v3::CidrRange& proto,
                                                  std::string_view field, ConfigContext& context);
std::string ParseExtensionDataSource(const envoy::config::core::v3::DataSource& proto,
                                     uint64_t max_size, std::string_view field,
                                     ConfigContext& context);

// Compiled changes of a head's fields; null: none.
std::unique_ptr<const route::HeaderChanges> ParseHeaderChanges(
    const Repeated<envoy::config::core::v3::HeaderValueOption>& add, std::string_view field,
    ConfigContext& context);

access_log::LoggerList ParseExtensionAccessLogs(
    const Repeated<envoy::config::accesslog::v3::AccessLog>& protos, std::string_view field,
    ConfigContext& context);

// A rate limit filter's own list. Null: none.
std::shared_ptr<const route::RateLimits> ParseExtensionRateLimits(
    const Repeated<envoy::config::route::v3::RateLimit>& protos, std::string_view field,
    ConfigContext& context);

// Name of the service that this process stands beside; may be empty.
std::string ServiceCluster(const ConfigContext& context);

// True when all of them hold.
bool AllMatch(const std::vector<route::HeaderMatcher>& matchers, const http::RequestHead& head);

}  // namespace remora::config
