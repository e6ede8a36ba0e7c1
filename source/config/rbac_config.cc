#include "source/config/rbac_config.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/rbac/v3/rbac.pb.h"
#include "source/config/extension_values.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

using envoy::config::core::v3::CidrRange;
using envoy::config::rbac::v3::Permission;
using envoy::config::rbac::v3::Principal;
using rbac::Matcher;
using Kind = Matcher::Kind;

// Depths are bounded by the loader's limit on nested messages.
Matcher ParsePermission(const Permission& proto, const std::string& field, ConfigContext& context);
Matcher ParsePrincipal(const Principal& proto, const std::string& field, ConfigContext& context);

// Several of a kind, `parse`d one by one.
template <class Proto, class Parse>
Matcher ParseAll(Kind kind, const Repeated<Proto>& protos, const std::string& field,
                 ConfigContext& context, const Parse& parse) {
  Matcher matcher;
  matcher.kind = kind;
  for (int i = 0; i < protos.size(); ++i) {
    matcher.parts.push_back(parse(protos[i], Concat(field, "[", i, "]"), context));
  }
  return matcher;
}

Matcher InRange(Kind kind, const CidrRange& proto, const std::string& field,
                ConfigContext& context) {
  Matcher matcher;
  matcher.kind = kind;
  matcher.range = ParseExtensionRange(proto, field, context);
  return matcher;
}

Matcher OnPorts(int32_t first, int32_t end) {
  Matcher matcher;
  matcher.kind = Kind::kDestinationPorts;
  matcher.first_port = first;
  matcher.end_port = end;
  return matcher;
}

Matcher Not(Matcher part) {
  Matcher matcher;
  matcher.kind = Kind::kNot;
  matcher.parts.push_back(std::move(part));
  return matcher;
}

Matcher ParsePermission(const Permission& proto, const std::string& field, ConfigContext& context) {
  switch (proto.rule_case()) {
    case Permission::kAndRules:
      return ParseAll(Kind::kAnd, proto.and_rules().rules(), field + ".and_rules.rules", context,
                      ParsePermission);
    case Permission::kOrRules:
      return ParseAll(Kind::kOr, proto.or_rules().rules(), field + ".or_rules.rules", context,
                      ParsePermission);
    case Permission::kDestinationIp:
      return InRange(Kind::kDestinationIp, proto.destination_ip(), field + ".destination_ip",
                     context);
    case Permission::kDestinationPort: {
      const auto port = static_cast<int32_t>(proto.destination_port());
      return OnPorts(port, port + 1);
    }
    case Permission::kDestinationPortRange:
      return OnPorts(proto.destination_port_range().start(), proto.destination_port_range().end());
    case Permission::kNotRule:
      return Not(ParsePermission(proto.not_rule(), field + ".not_rule", context));
    case Permission::kRequestedServerName: {
      Matcher matcher;
      matcher.kind = Kind::kServerName;
      matcher.text = ParseStringMatcher(proto.requested_server_name(),
                                        field + ".requested_server_name", context);
      return matcher;
    }
    case Permission::kAny:
    case Permission::RULE_NOT_SET:
      break;
  }
  return Matcher();
}

Matcher ParseAuthenticated(const Principal::Authenticated& proto, const std::string& field,
                           ConfigContext& context) {
  Matcher matcher;
  matcher.kind = Kind::kAuthenticated;
  if (proto.has_principal_name()) {
    matcher.text = ParseStringMatcher(proto.principal_name(), field + ".principal_name", context);
  }
  return matcher;
}

Matcher ParsePrincipal(const Principal& proto, const std::string& field, ConfigContext& context) {
  switch (proto.identifier_case()) {
    case Principal::kAndIds:
      return ParseAll(Kind::kAnd, proto.and_ids().ids(), field + ".and_ids.ids", context,
                      ParsePrincipal);
    case Principal::kOrIds:
      return ParseAll(Kind::kOr, proto.or_ids().ids(), field + ".or_ids.ids", context,
                      ParsePrincipal);
    case Principal::kAuthenticated:
      return ParseAuthenticated(proto.authenticated(), field + ".authenticated", context);
    case Principal::kSourceIp:
      return InRange(Kind::kDirectRemoteIp, proto.source_ip(), field + ".source_ip", context);
    case Principal::kDirectRemoteIp:
      return InRange(Kind::kDirectRemoteIp, proto.direct_remote_ip(), field + ".direct_remote_ip",
                     context);
    case Principal::kRemoteIp:
      return InRange(Kind::kRemoteIp, proto.remote_ip(), field + ".remote_ip", context);
    case Principal::kNotId:
      return Not(ParsePrincipal(proto.not_id(), field + ".not_id", context));
    case Principal::kAny:
    case Principal::IDENTIFIER_NOT_SET:
      break;
  }
  return Matcher();
}

}  // namespace

std::shared_ptr<const rbac::Rules> ParseRbac(const envoy::config::rbac::v3::RBAC& proto,
                                             std::string_view field, ConfigContext& context) {
  const size_t errors = context.errors().size();
  // A proto's map has no order; rules are asked by name.
  std::map<std::string, rbac::Policy> policies;
  for (const auto& [name, policy] : proto.policies()) {
    const std::string place = Concat(field, ".policies[\"", name, "\"]");
    policies[name] = {
        name,
        ParseAll(Kind::kOr, policy.permissions(), place + ".permissions", context, ParsePermission),
        ParseAll(Kind::kOr, policy.principals(), place + ".principals", context, ParsePrincipal)};
  }
  if (context.errors().size() > errors) return nullptr;
  std::vector<rbac::Policy> ordered;
  for (auto& [name, policy] : policies) ordered.push_back(std::move(policy));
  const auto action = proto.action() == envoy::config::rbac::v3::RBAC::DENY
                          ? rbac::Rules::Action::kDeny
                          : rbac::Rules::Action::kAllow;
  return std::make_shared<const rbac::Rules>(action, std::move(ordered));
}

}  // namespace remora::config
