#include "source/config/rate_limit_config.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "source/config/format_config.h"
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

route::MetadataPlace ParsePlace(const envoy::type::metadata::v3::MetadataKey& proto) {
  route::MetadataPlace place;
  place.name_space = proto.key();
  for (const auto& segment : proto.path()) place.path.push_back(segment.key());
  return place;
}

RateLimit::MetadataText ParseMetadataText(const ActionProto::MetaData& proto) {
  return {proto.descriptor_key(), ParsePlace(proto.metadata_key()), proto.default_value(),
          proto.source() == ActionProto::MetaData::ROUTE_ENTRY, proto.skip_if_absent()};
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
    case ActionProto::kDynamicMetadata:
      return limit.actions.push_back(
          RateLimit::MetadataText{proto.dynamic_metadata().descriptor_key(),
                                  ParsePlace(proto.dynamic_metadata().metadata_key()),
                                  proto.dynamic_metadata().default_value()});
    case ActionProto::kMetadata:
      return limit.actions.push_back(ParseMetadataText(proto.metadata()));
    case ActionProto::kQueryParameterValueMatch:
      return limit.actions.push_back(ParseQueryMatches(proto.query_parameter_value_match(),
                                                       path.Field("query_parameter_value_match"),
                                                       translation));
    case ActionProto::ACTION_SPECIFIER_NOT_SET:
      return translation.errors.Add(path, "an action is required");
  }
}

void ParseHits(const routes::RateLimit::HitsAddend& proto, const FieldPath& path,
               Translation& translation, RateLimit& limit) {
  if (proto.has_number() == !proto.format().empty()) {
    return translation.errors.Add(path, "hits_addend must contain either a format or a number");
  }
  limit.gives_back = proto.is_negative_hits();
  if (proto.has_number()) {
    limit.hits = proto.number().value();
    return;
  }
  const FieldPath field = path.Field("format");
  limit.hits_format = ParseFormat(proto.format(), FormatUse::kBody, field, translation);
  if (limit.hits_format.has_value() && !limit.hits_format->single()) {
    translation.errors.Add(field, "hits_addend format must contain exactly one substitution");
  }
}

void ParseOverride(const routes::RateLimit::Override& proto, RateLimit& limit) {
  if (proto.has_rate_limit()) {
    limit.limit = route::RateLimitOverride{proto.rate_limit().requests_per_unit(),
                                           static_cast<uint8_t>(proto.rate_limit().unit())};
  } else if (proto.has_dynamic_metadata()) {
    limit.limit = ParsePlace(proto.dynamic_metadata().metadata_key());
  }
}

// What depends on whose list it is.
void ParseOwned(const routes::RateLimit& proto, RateLimitsOwner owner, const FieldPath& path,
                Translation& translation, RateLimit& limit) {
  const bool of_route = owner == RateLimitsOwner::kRoute;
  if (!of_route && (proto.has_stage() || !proto.disable_key().empty())) {
    translation.errors.Add(path, "'stage' field and 'disable_key' field are not supported");
  }
  limit.stage = proto.stage().value();
  if (!proto.disable_key().empty()) {
    limit.enabled_key = Concat("ratelimit.", proto.disable_key(), ".http_filter_enabled");
  }
  if (!proto.has_hits_addend()) return;
  const FieldPath hits = path.Field("hits_addend");
  if (of_route) {
    translation.warnings.Add(hits, "only rate_limits of filters read it");
  } else {
    ParseHits(proto.hits_addend(), hits, translation, limit);
  }
}

}  // namespace

std::shared_ptr<const route::RateLimits> ParseRateLimits(
    const google::protobuf::RepeatedPtrField<routes::RateLimit>& protos, RateLimitsOwner owner,
    const FieldPath& path, Translation& translation) {
  if (protos.empty()) return nullptr;
  auto limits = std::make_shared<route::RateLimits>();
  for (int i = 0; i < protos.size(); ++i) {
    const routes::RateLimit& proto = protos[i];
    const FieldPath place = path.Index(static_cast<size_t>(i));
    RateLimit limit;
    ParseOwned(proto, owner, place, translation, limit);
    ParseOverride(proto.limit(), limit);
    limit.at_end = proto.apply_on_stream_done();
    const FieldPath actions = place.Field("actions");
    for (int j = 0; j < proto.actions_size(); ++j) {
      ParseAction(proto.actions(j), actions.Index(static_cast<size_t>(j)), translation, limit);
    }
    limits->push_back(std::move(limit));
  }
  return limits;
}

}  // namespace remora::config
