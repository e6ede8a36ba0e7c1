#include "source/config/extension_values.h"

#include <string>
#include <utility>

#include "envoy/config/accesslog/v3/accesslog.pb.h"
#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/type/matcher/v3/regex.pb.h"
#include "envoy/type/matcher/v3/string.pb.h"
#include "envoy/type/v3/percent.pb.h"
#include "source/config/access_log_config.h"
#include "source/config/header_changes_config.h"
#include "source/config/matcher_config.h"
#include "source/config/metadata_match_config.h"
#include "source/config/rate_limit_config.h"
#include "source/config/route_match_config.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

using envoy::type::v3::FractionalPercent;

uint32_t MaxProgramSize(const ConfigContext& context) {
  constexpr uint32_t kDefault = route::RouteTableConfig::kDefaultMaxRegexProgramSize;
  const Translation* around = context.around();
  return around == nullptr ? kDefault : around->max_regex_program_size.value_or(kDefault);
}

// A translator's surroundings for one extension's message: errors go to the context. Warnings have
// no place to go to; the translators of single values have none.
struct Place {
  explicit Place(ConfigContext& context, std::string_view field)
      : path(Concat(context.path(), ".", field)),
        translation{registry, context.errors(), warnings} {}

  std::string path;
  Registry registry;
  ErrorList warnings;
  Translation translation;
};

// `parse` makes the plain value of one proto, Matcher::Compile what matches.
template <class Matcher, class Proto, class Parse>
std::vector<Matcher> ParseMatchers(const Repeated<Proto>& protos, std::string_view field,
                                   ConfigContext& context, const Parse& parse) {
  std::vector<Matcher> matchers;
  Place place(context, field);
  const FieldPath root;
  const FieldPath list = root.Field(place.path);
  for (int i = 0; i < protos.size(); ++i) {
    const FieldPath path = list.Index(static_cast<size_t>(i));
    const size_t errors = context.errors().size();
    auto match = parse(protos[i], path, place.translation);
    if (context.errors().size() > errors) continue;
    auto matcher = Matcher::Compile(std::move(match), MaxProgramSize(context));
    if (!matcher.ok()) {
      const absl::string_view text = matcher.status().message();
      context.errors().Add(path, std::string_view(text.data(), text.size()));
      continue;
    }
    matchers.push_back(*std::move(matcher));
  }
  return matchers;
}

// The same for one; nullopt after an error.
template <class Matcher, class Proto, class Parse>
std::optional<Matcher> ParseOneMatcher(const Proto& proto, std::string_view field,
                                       ConfigContext& context, const Parse& parse) {
  Place place(context, field);
  const FieldPath root;
  const FieldPath path = root.Field(place.path);
  const size_t errors = context.errors().size();
  auto match = parse(proto, path, place.translation);
  if (context.errors().size() > errors) return std::nullopt;
  auto matcher = Matcher::Compile(std::move(match), MaxProgramSize(context));
  if (matcher.ok()) return *std::move(matcher);
  const absl::string_view text = matcher.status().message();
  context.errors().Add(path, std::string_view(text.data(), text.size()));
  return std::nullopt;
}

}  // namespace

runtime::Fraction ParseFraction(const FractionalPercent& proto) {
  switch (proto.denominator()) {
    case FractionalPercent::TEN_THOUSAND:
      return {proto.numerator(), 10'000};
    case FractionalPercent::MILLION:
      return {proto.numerator(), 1'000'000};
    default:
      return {proto.numerator(), 100};
  }
}

runtime::FractionSetting ParseFractionSetting(
    const envoy::config::core::v3::RuntimeFractionalPercent& proto) {
  return {proto.runtime_key(), ParseFraction(proto.default_value())};
}

runtime::FlagSetting ParseFlagSetting(const envoy::config::core::v3::RuntimeFeatureFlag& proto) {
  return {proto.runtime_key(), !proto.has_default_value() || proto.default_value().value()};
}

std::optional<route::HeaderMatcher> ParseHeaderMatcher(
    const envoy::config::route::v3::HeaderMatcher& proto, std::string_view field,
    ConfigContext& context) {
  return ParseOneMatcher<route::HeaderMatcher>(proto, field, context, &ParseHeaderMatch);
}

std::shared_ptr<const route::StringMatcher> ParseStringMatcher(
    const envoy::type::matcher::v3::StringMatcher& proto, std::string_view field,
    ConfigContext& context) {
  auto matcher = ParseOneMatcher<route::StringMatcher>(proto, field, context, &ParseStringMatch);
  if (!matcher.has_value()) return nullptr;
  return std::make_shared<const route::StringMatcher>(*std::move(matcher));
}

std::shared_ptr<const route::RegexSubstitution> ParseRegexSubstitution(
    const envoy::type::matcher::v3::RegexMatchAndSubstitute& proto, std::string_view field,
    ConfigContext& context) {
  auto compiled = route::RegexSubstitution::Compile(proto.pattern().regex(), proto.substitution(),
                                                    MaxProgramSize(context));
  if (compiled.ok()) {
    return std::make_shared<const route::RegexSubstitution>(*std::move(compiled));
  }
  const absl::string_view text = compiled.status().message();
  context.AddError(field, std::string_view(text.data(), text.size()));
  return nullptr;
}

std::optional<route::MetadataMatcher> ParseMetadataMatcher(
    const envoy::type::matcher::v3::MetadataMatcher& proto, std::string_view field,
    ConfigContext& context) {
  return ParseOneMatcher<route::MetadataMatcher>(proto, field, context, &ParseMetadataMatch);
}

std::shared_ptr<const route::RouteTable> ParseRouteMatches(
    const std::vector<const envoy::config::route::v3::RouteMatch*>& protos, std::string_view field,
    ConfigContext& context) {
  const size_t errors = context.errors().size();
  Place place(context, field);
  const FieldPath root;
  const FieldPath list = root.Field(place.path);
  route::VirtualHostConfig host;
  host.domains = {"*"};
  for (size_t i = 0; i < protos.size(); ++i) {
    const FieldPath item = list.Index(i);
    route::RouteConfig route;
    ParseRouteMatch(*protos[i], item.Field("match"), place.translation, route);
    route.action = route::DirectResponseAction();
    host.routes.push_back(std::move(route));
  }
  if (context.errors().size() > errors) return nullptr;
  route::RouteTableConfig config;
  config.max_regex_program_size = MaxProgramSize(context);
  config.virtual_hosts.push_back(std::move(host));
  std::vector<route::RouteTableProblem> problems;
  auto table = route::RouteTable::Build(std::move(config), problems);
  constexpr std::string_view kRoutes = "virtual_hosts[0].routes";
  for (const route::RouteTableProblem& problem : problems) {
    const bool of_route = problem.path.starts_with(kRoutes);
    context.AddError(Concat(field, of_route ? std::string_view(problem.path).substr(kRoutes.size())
                                            : std::string_view()),
                     problem.message);
  }
  return table.ok() ? *std::move(table) : nullptr;
}

std::optional<net::CidrRange> ParseExtensionRange(const envoy::config::core::v3::CidrRange& proto,
                                                  std::string_view field, ConfigContext& context) {
  Place place(context, field);
  const FieldPath root;
  const FieldPath path = root.Field(place.path);
  return ParseCidrRange(proto, path, place.translation);
}

std::string ParseExtensionDataSource(const envoy::config::core::v3::DataSource& proto,
                                     uint64_t max_size, std::string_view field,
                                     ConfigContext& context) {
  Place place(context, field);
  const FieldPath root;
  const FieldPath path = root.Field(place.path);
  return ParseDataSource(proto, max_size, path, place.translation);
}

event::Duration ParseExtensionDuration(const google::protobuf::Duration& proto,
                                       std::string_view field, ConfigContext& context) {
  Place place(context, field);
  const FieldPath root;
  return ParseDuration(proto, root.Field(place.path), place.translation);
}

std::vector<route::HeaderMatcher> ParseHeaderMatchers(
    const Repeated<envoy::config::route::v3::HeaderMatcher>& protos, std::string_view field,
    ConfigContext& context) {
  return ParseMatchers<route::HeaderMatcher>(protos, field, context, &ParseHeaderMatch);
}

std::vector<route::QueryParameterMatcher> ParseQueryParameterMatchers(
    const Repeated<envoy::config::route::v3::QueryParameterMatcher>& protos, std::string_view field,
    ConfigContext& context) {
  return ParseMatchers<route::QueryParameterMatcher>(protos, field, context,
                                                     &ParseQueryParameterMatch);
}

std::vector<route::StringMatcher> ParseStringMatchers(
    const Repeated<envoy::type::matcher::v3::StringMatcher>& protos, std::string_view field,
    ConfigContext& context) {
  return ParseMatchers<route::StringMatcher>(protos, field, context, &ParseStringMatch);
}

std::unique_ptr<const route::HeaderChanges> ParseHeaderChanges(
    const Repeated<envoy::config::core::v3::HeaderValueOption>& add, std::string_view field,
    ConfigContext& context) {
  Place place(context, field);
  const FieldPath root;
  route::HeaderChangesConfig changes;
  changes.add = ParseHeaderAdditions(add, root.Field(place.path), place.translation);
  // What Compile reports begins with "add", which stands for the field.
  return route::HeaderChanges::Compile(
      std::move(changes), [&](std::string_view where, std::string_view message) {
        constexpr std::string_view kAdd = "add";
        context.errors().Add(Concat(place.path, where.substr(kAdd.size())), message);
      });
}

std::shared_ptr<const route::RateLimits> ParseExtensionRateLimits(
    const Repeated<envoy::config::route::v3::RateLimit>& protos, std::string_view field,
    ConfigContext& context) {
  Place place(context, field);
  place.translation.max_regex_program_size = MaxProgramSize(context);
  const FieldPath root;
  return ParseRateLimits(protos, RateLimitsOwner::kFilter, root.Field(place.path),
                         place.translation);
}

std::string ServiceCluster(const ConfigContext& context) {
  return context.around() == nullptr ? std::string() : context.around()->service_cluster;
}

bool AllMatch(const std::vector<route::HeaderMatcher>& matchers, const http::RequestHead& head) {
  for (const route::HeaderMatcher& matcher : matchers) {
    if (!matcher.Matches(head)) return false;
  }
  return true;
}

access_log::LoggerList ParseExtensionAccessLogs(
    const Repeated<envoy::config::accesslog::v3::AccessLog>& protos, std::string_view field,
    ConfigContext& context) {
  Place place(context, field);
  place.translation.max_regex_program_size = MaxProgramSize(context);
  const FieldPath root;
  return ParseAccessLogs(protos, root.Field(place.path), place.translation);
}

}  // namespace remora::config
