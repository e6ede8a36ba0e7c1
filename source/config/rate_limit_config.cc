#include "source/config/rate_limit_config.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "source/config/route_match_config.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

namespace routes = envoy::config::route::v3;
using route::RateLimit;
using ActionProto = routes::RateLimit::Action;

std::string KeyOr(const std::string& key, std::string_view otherwise) {
  return key.empty() ? std::string(otherwise) : key;
}

// Adds `match`, compiled, to `matchers`.
template <class Matcher, class Match>
void Compile(Match match, const FieldPath& path, Translation& translation,
             std::vector<Matcher>& matchers) {
  auto matcher =
      Matcher::Compile(std::move(match), translation.max_regex_program_size.value_or(
                                             route::RouteTableConfig::kDefaultMaxRegexProgramSize));
  if (matcher.ok()) {
    matchers.push_back(*std::move(matcher));
  } else {
    translation.errors.Add(path, std::string(matcher.status().message()));
  }
}

RateLimit::Action ParseHeaderMatches(const ActionProto::HeaderValueMatch& proto,
                                     const FieldPath& path, Translation& translation) {
  RateLimit::HeaderMatches action;
  action.key = KeyOr(proto.descriptor_key(), "header_match");
  action.value = proto.descriptor_value();
  action.expected = !proto.has_expect_match() || proto.expect_match().value();
  const FieldPath headers = path.Field("headers");
  for (int i = 0; i < proto.headers_size(); ++i) {
    const FieldPath place = headers.Index(static_cast<size_t>(i));
    Compile(ParseHeaderMatch(proto.headers(i), place, translation), place, translation,
            action.headers);
  }
  return action;
}

RateLimit::Action ParseQueryMatches(const ActionProto::QueryParameterValueMatch& proto,
                                    const FieldPath& path, Translation& translation) {
  RateLimit::QueryMatches action;
  action.key = KeyOr(proto.descriptor_key(), "query_match");
  action.value = proto.descriptor_value();
  action.expected = !proto.has_expect_match() || proto.expect_match().value();
  const FieldPath parameters = path.Field("query_parameters");
  for (int i = 0; i < proto.query_parameters_size(); ++i) {
    const FieldPath place = parameters.Index(static_cast<size_t>(i));
    Compile(ParseQueryParameterMatch(proto.query_parameters(i), place, translation), place,
            translation, action.parameters);
  }
  return action;
}

RateLimit::Action ParseMasked(const ActionProto::MaskedRemoteAddress& proto) {
  RateLimit::MaskedRemoteAddress action;
  if (proto.has_v4_prefix_mask_len()) action.v4_length = proto.v4_prefix_mask_len().value();
  if (proto.has_v6_prefix_mask_len()) action.v6_length = proto.v6_prefix_mask_len().value();
  return action;
}

void ParseAction(const ActionProto& proto, const FieldPath& path, Translation& translation,
                 RateLimit& limit) {
  switch (proto.action_specifier_case()) {
    case ActionProto::kSourceCluster:
      return limit.actions.push_back(RateLimit::SourceCluster());
    case ActionProto::kDestinationCluster:
      return limit.actions.push_back(RateLimit::DestinationCluster());
    case ActionProto::kRemoteAddress:
      return limit.actions.push_back(RateLimit::RemoteAddress());
    case ActionProto::kGenericKey:
      return limit.actions.push_back(
          RateLimit::GenericKey{KeyOr(proto.generic_key().descriptor_key(), "generic_key"),
                                proto.generic_key().descriptor_value()});
    case ActionProto::kRequestHeaders:
      return limit.actions.push_back(RateLimit::Field{
          absl::AsciiStrToLower(proto.request_headers().header_name()),
          proto.request_headers().descriptor_key(), proto.request_headers().skip_if_absent()});
    case ActionProto::kQueryParameters:
      return limit.actions.push_back(RateLimit::QueryParameter{
          proto.query_parameters().query_parameter_name(),
          proto.query_parameters().descriptor_key(), proto.query_parameters().skip_if_absent()});
    case ActionProto::kMaskedRemoteAddress:
      return limit.actions.push_back(ParseMasked(proto.masked_remote_address()));
    case ActionProto::kHeaderValueMatch:
      return limit.actions.push_back(ParseHeaderMatches(
          proto.header_value_match(), path.Field("header_value_match"), translation));
    case ActionProto::kQueryParameterValueMatch:
      return limit.actions.push_back(ParseQueryMatches(proto.query_parameter_value_match(),
                                                       path.Field("query_parameter_value_match"),
                                                       translation));
    case ActionProto::ACTION_SPECIFIER_NOT_SET:
      return translation.errors.Add(path, "an action is required");
  }
}

}  // namespace

std::shared_ptr<const route::RateLimits> ParseRateLimits(
    const google::protobuf::RepeatedPtrField<routes::RateLimit>& protos, const FieldPath& path,
    Translation& translation) {
  if (protos.empty()) return nullptr;
  auto limits = std::make_shared<route::RateLimits>();
  for (int i = 0; i < protos.size(); ++i) {
    const routes::RateLimit& proto = protos[i];
    const FieldPath place = path.Index(static_cast<size_t>(i));
    RateLimit limit;
    limit.stage = proto.stage().value();
    limit.disable_key = proto.disable_key();
    if (proto.hits_addend().has_number()) limit.hits = proto.hits_addend().number().value();
    const FieldPath actions = place.Field("actions");
    for (int j = 0; j < proto.actions_size(); ++j) {
      ParseAction(proto.actions(j), actions.Index(static_cast<size_t>(j)), translation, limit);
    }
    limits->push_back(std::move(limit));
  }
  return limits;
}

}  // namespace remora::config
