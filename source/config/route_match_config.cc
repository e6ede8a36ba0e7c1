#include "source/config/route_match_config.h"

#include <string>

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/type/v3/percent.pb.h"
#include "source/config/matcher_config.h"
#include "source/config/metadata_match_config.h"

namespace remora::config {
namespace {

namespace routes = envoy::config::route::v3;
using StringKind = route::StringMatch::Kind;

route::PathMatch ParsePath(const routes::RouteMatch& proto, const FieldPath& path,
                           Translation& translation) {
  route::PathMatch match;
  switch (proto.path_specifier_case()) {
    case routes::RouteMatch::kPrefix:
      match.text = proto.prefix();
      break;
    case routes::RouteMatch::kPath:
      match.kind = route::PathMatch::Kind::kPath;
      match.text = proto.path();
      break;
    case routes::RouteMatch::kSafeRegex:
      match.kind = route::PathMatch::Kind::kSafeRegex;
      match.text = proto.safe_regex().regex();
      break;
    case routes::RouteMatch::kConnectMatcher:
      match.kind = route::PathMatch::Kind::kConnect;
      break;
    case routes::RouteMatch::kPathSeparatedPrefix:
      match.kind = route::PathMatch::Kind::kPathSeparatedPrefix;
      match.text = proto.path_separated_prefix();
      break;
    case routes::RouteMatch::PATH_SPECIFIER_NOT_SET:
      translation.errors.Add(path, "a path condition is required");
  }
  if (proto.has_case_sensitive()) match.case_sensitive = proto.case_sensitive().value();
  return match;
}

uint32_t Denominator(const envoy::type::v3::FractionalPercent& proto) {
  switch (proto.denominator()) {
    case envoy::type::v3::FractionalPercent::TEN_THOUSAND:
      return 10'000;
    case envoy::type::v3::FractionalPercent::MILLION:
      return 1'000'000;
    default:
      return 100;
  }
}

// A name that is missing is reported here, and stands for something so that the route table does
// not report it again.
std::string ParseName(const std::string& name, const FieldPath& path, Translation& translation) {
  if (!name.empty()) return name;
  translation.errors.Add(path.Field("name"), "a value is required");
  return "?";
}

void SetString(route::HeaderMatch& match, StringKind kind, const std::string& text) {
  match.kind = route::HeaderMatch::Kind::kString;
  match.string = {kind, text, /*ignore_case=*/false};
}

}  // namespace

route::HeaderMatch ParseHeaderMatch(const routes::HeaderMatcher& proto, const FieldPath& path,
                                    Translation& translation) {
  route::HeaderMatch match;
  match.name = ParseName(proto.name(), path, translation);
  match.invert = proto.invert_match();
  match.treat_missing_as_empty = proto.treat_missing_header_as_empty();
  switch (proto.header_match_specifier_case()) {
    case routes::HeaderMatcher::kStringMatch:
      match.kind = route::HeaderMatch::Kind::kString;
      match.string =
          ParseStringMatch(proto.string_match(), path.Field("string_match"), translation);
      break;
    case routes::HeaderMatcher::kRangeMatch:
      match.kind = route::HeaderMatch::Kind::kRange;
      match.range_start = proto.range_match().start();
      match.range_end = proto.range_match().end();
      break;
    case routes::HeaderMatcher::kPresentMatch:
      match.present = proto.present_match();
      break;
    case routes::HeaderMatcher::kExactMatch:
      SetString(match, StringKind::kExact, proto.exact_match());
      break;
    case routes::HeaderMatcher::kPrefixMatch:
      SetString(match, StringKind::kPrefix, proto.prefix_match());
      break;
    case routes::HeaderMatcher::kSuffixMatch:
      SetString(match, StringKind::kSuffix, proto.suffix_match());
      break;
    case routes::HeaderMatcher::kContainsMatch:
      SetString(match, StringKind::kContains, proto.contains_match());
      break;
    case routes::HeaderMatcher::kSafeRegexMatch:
      SetString(match, StringKind::kSafeRegex, proto.safe_regex_match().regex());
      break;
    case routes::HeaderMatcher::HEADER_MATCH_SPECIFIER_NOT_SET:
      break;  // The field has to be there.
  }
  return match;
}

route::QueryParameterMatch ParseQueryParameterMatch(const routes::QueryParameterMatcher& proto,
                                                    const FieldPath& path,
                                                    Translation& translation) {
  route::QueryParameterMatch match;
  match.name = ParseName(proto.name(), path, translation);
  if (proto.has_string_match()) {
    match.string = ParseStringMatch(proto.string_match(), path.Field("string_match"), translation);
  } else if (proto.query_parameter_match_specifier_case() ==
             routes::QueryParameterMatcher::kPresentMatch) {
    match.present = proto.present_match();
  }
  return match;
}

void ParseRouteMatch(const routes::RouteMatch& proto, const FieldPath& path,
                     Translation& translation, route::RouteConfig& route) {
  route.match = ParsePath(proto, path, translation);
  const FieldPath headers = path.Field("headers");
  for (int i = 0; i < proto.headers_size(); ++i) {
    route.headers.push_back(
        ParseHeaderMatch(proto.headers(i), headers.Index(static_cast<size_t>(i)), translation));
  }
  const FieldPath parameters = path.Field("query_parameters");
  for (int i = 0; i < proto.query_parameters_size(); ++i) {
    route.query_parameters.push_back(ParseQueryParameterMatch(
        proto.query_parameters(i), parameters.Index(static_cast<size_t>(i)), translation));
  }
  const FieldPath cookies = path.Field("cookies");
  for (int i = 0; i < proto.cookies_size(); ++i) {
    const routes::CookieMatcher& cookie = proto.cookies(i);
    const FieldPath entry = cookies.Index(static_cast<size_t>(i));
    route.cookies.push_back(
        {ParseName(cookie.name(), entry, translation),
         ParseStringMatch(cookie.string_match(), entry.Field("string_match"), translation),
         cookie.invert_match()});
  }
  const FieldPath metadata = path.Field("dynamic_metadata");
  for (int i = 0; i < proto.dynamic_metadata_size(); ++i) {
    route.dynamic_metadata.push_back(ParseMetadataMatch(
        proto.dynamic_metadata(i), metadata.Index(static_cast<size_t>(i)), translation));
  }
  route.grpc = proto.has_grpc();
  if (proto.has_runtime_fraction()) {
    const auto& share = proto.runtime_fraction().default_value();
    route.runtime_fraction = runtime::FractionSetting{proto.runtime_fraction().runtime_key(),
                                                      {share.numerator(), Denominator(share)}};
  }
}

}  // namespace remora::config
