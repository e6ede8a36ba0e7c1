#include "source/config/hash_policy_config.h"

#include "absl/strings/ascii.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/type/matcher/v3/regex.pb.h"

namespace remora::config {
namespace {

using Proto = envoy::config::route::v3::RouteAction::HashPolicy;
using Source = route::HashPart::Source;

void ParseCookie(const Proto::Cookie& proto, const FieldPath& path, Translation& translation,
                 route::HashPart& part) {
  part.source = Source::kCookie;
  part.name = proto.name();
  if (proto.has_ttl()) part.ttl = ParseDuration(proto.ttl(), path.Field("ttl"), translation);
  part.path = proto.path();
  for (const Proto::CookieAttribute& attribute : proto.attributes()) {
    part.attributes.emplace_back(attribute.name(), attribute.value());
  }
}

}  // namespace

std::vector<route::HashPart> ParseHashPolicy(
    const google::protobuf::RepeatedPtrField<Proto>& protos, const FieldPath& path,
    Translation& translation) {
  std::vector<route::HashPart> parts;
  for (int i = 0; i < protos.size(); ++i) {
    const Proto& proto = protos[i];
    const FieldPath at = path.Index(static_cast<size_t>(i));
    route::HashPart part;
    part.terminal = proto.terminal();
    switch (proto.policy_specifier_case()) {
      case Proto::kHeader:
        part.source = Source::kHeader;
        part.name = absl::AsciiStrToLower(proto.header().header_name());
        if (proto.header().has_regex_rewrite()) {
          part.rewrite = {proto.header().regex_rewrite().pattern().regex(),
                          proto.header().regex_rewrite().substitution()};
        }
        break;
      case Proto::kCookie:
        ParseCookie(proto.cookie(), at.Field("cookie"), translation, part);
        break;
      case Proto::kConnectionProperties:
        if (proto.connection_properties().source_ip()) part.source = Source::kAddress;
        break;
      case Proto::kQueryParameter:
        part.source = Source::kQueryParameter;
        part.name = proto.query_parameter().name();
        break;
      case Proto::kFilterState:
        break;  // there is never anything in it
      case Proto::POLICY_SPECIFIER_NOT_SET:
        translation.errors.Add(at, "a hash policy is required");
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace remora::config
