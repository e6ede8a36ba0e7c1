#include "source/config/rbac_config.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/rbac/v3/rbac.pb.h"
#include "envoy/type/matcher/v3/path.pb.h"
#include "source/config/extension_values.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

using envoy::config::core::v3::CidrRange;
using envoy::config::rbac::v3::Permission;
using envoy::config::rbac::v3::Principal;
using envoy::config::rbac::v3::SourcedMetadata;
using rbac::Matcher;
using Kind = Matcher::Kind;

Matcher OfKind(Kind kind) {
  Matcher matcher;
  matcher.kind = kind;
  return matcher;
}

Matcher OnPorts(int32_t first, int32_t end) {
  Matcher matcher = OfKind(Kind::kDestinationPorts);
  matcher.first_port = first;
  matcher.end_port = end;
  return matcher;
}

Matcher Not(Matcher part) {
  Matcher matcher = OfKind(Kind::kNot);
  matcher.parts.push_back(std::move(part));
  return matcher;
}

// The conditions of one set of rules. Depths are bounded by the loader's limit on nested messages.
class Parser {
 public:
  Parser(RbacOf of, ConfigContext& context) : of_(of), context_(context) {}

  Matcher Permissions(Kind kind, const Repeated<Permission>& protos, const std::string& field) {
    return All(kind, protos, field, &Parser::OnePermission);
  }
  Matcher Principals(Kind kind, const Repeated<Principal>& protos, const std::string& field) {
    return All(kind, protos, field, &Parser::OnePrincipal);
  }

 private:
  template <class Proto>
  Matcher All(Kind kind, const Repeated<Proto>& protos, const std::string& field,
              Matcher (Parser::*parse)(const Proto&, const std::string&));
  Matcher OnePermission(const Permission& proto, const std::string& field);
  Matcher OnePrincipal(const Principal& proto, const std::string& field);

  Matcher InRange(Kind kind, const CidrRange& proto, const std::string& field);
  Matcher Text(Kind kind, const envoy::type::matcher::v3::StringMatcher& proto,
               const std::string& field);
  Matcher Header(const envoy::config::route::v3::HeaderMatcher& proto, const std::string& field);
  Matcher Metadata(Kind kind, const envoy::type::matcher::v3::MetadataMatcher& proto,
                   const std::string& field);
  Matcher Metadata(const SourcedMetadata& proto, const std::string& field);
  Matcher Authenticated(const Principal::Authenticated& proto, const std::string& field);
  // An error where rules of connections ask for it.
  void NeedsRequest(const std::string& field) {
    if (of_ == RbacOf::kConnections) context_.AddError(field, "is not supported for connections");
  }

  RbacOf of_;
  ConfigContext& context_;
};

template <class Proto>
Matcher Parser::All(Kind kind, const Repeated<Proto>& protos, const std::string& field,
                    Matcher (Parser::*parse)(const Proto&, const std::string&)) {
  Matcher matcher = OfKind(kind);
  for (int i = 0; i < protos.size(); ++i) {
    matcher.parts.push_back((this->*parse)(protos[i], Concat(field, "[", i, "]")));
  }
  return matcher;
}

Matcher Parser::InRange(Kind kind, const CidrRange& proto, const std::string& field) {
  Matcher matcher = OfKind(kind);
  matcher.range = ParseExtensionRange(proto, field, context_);
  return matcher;
}

Matcher Parser::Text(Kind kind, const envoy::type::matcher::v3::StringMatcher& proto,
                     const std::string& field) {
  Matcher matcher = OfKind(kind);
  matcher.text = ParseStringMatcher(proto, field, context_);
  return matcher;
}

Matcher Parser::Header(const envoy::config::route::v3::HeaderMatcher& proto,
                       const std::string& field) {
  NeedsRequest(field);
  Matcher matcher = OfKind(Kind::kHeader);
  if (auto header = ParseHeaderMatcher(proto, field, context_)) {
    matcher.header = std::make_shared<const route::HeaderMatcher>(*std::move(header));
  }
  return matcher;
}

Matcher Parser::Metadata(Kind kind, const envoy::type::matcher::v3::MetadataMatcher& proto,
                         const std::string& field) {
  NeedsRequest(field);
  Matcher matcher = OfKind(kind);
  if (auto metadata = ParseMetadataMatcher(proto, field, context_)) {
    matcher.metadata = std::make_shared<const route::MetadataMatcher>(*std::move(metadata));
  }
  return matcher;
}

Matcher Parser::Metadata(const SourcedMetadata& proto, const std::string& field) {
  const bool of_route = proto.metadata_source() == envoy::config::rbac::v3::ROUTE;
  return Metadata(of_route ? Kind::kRouteMetadata : Kind::kMetadata, proto.metadata_matcher(),
                  field + ".metadata_matcher");
}

Matcher Parser::Authenticated(const Principal::Authenticated& proto, const std::string& field) {
  if (!proto.has_principal_name()) return OfKind(Kind::kAuthenticated);
  return Text(Kind::kAuthenticated, proto.principal_name(), field + ".principal_name");
}

Matcher Parser::OnePermission(const Permission& proto, const std::string& field) {
  switch (proto.rule_case()) {
    case Permission::kAndRules:
      return Permissions(Kind::kAnd, proto.and_rules().rules(), field + ".and_rules.rules");
    case Permission::kOrRules:
      return Permissions(Kind::kOr, proto.or_rules().rules(), field + ".or_rules.rules");
    case Permission::kHeader:
      return Header(proto.header(), field + ".header");
    case Permission::kUrlPath:
      NeedsRequest(field + ".url_path");
      return Text(Kind::kPath, proto.url_path().path(), field + ".url_path.path");
    case Permission::kDestinationIp:
      return InRange(Kind::kDestinationIp, proto.destination_ip(), field + ".destination_ip");
    case Permission::kDestinationPort: {
      const auto port = static_cast<int32_t>(proto.destination_port());
      return OnPorts(port, port + 1);
    }
    case Permission::kDestinationPortRange:
      return OnPorts(proto.destination_port_range().start(), proto.destination_port_range().end());
    case Permission::kMetadata:
      return Metadata(Kind::kMetadata, proto.metadata(), field + ".metadata");
    case Permission::kSourcedMetadata:
      return Metadata(proto.sourced_metadata(), field + ".sourced_metadata");
    case Permission::kNotRule:
      return Not(OnePermission(proto.not_rule(), field + ".not_rule"));
    case Permission::kRequestedServerName:
      return Text(Kind::kServerName, proto.requested_server_name(),
                  field + ".requested_server_name");
    case Permission::kAny:
    case Permission::RULE_NOT_SET:
      break;
  }
  return OfKind(Kind::kAny);
}

Matcher Parser::OnePrincipal(const Principal& proto, const std::string& field) {
  switch (proto.identifier_case()) {
    case Principal::kAndIds:
      return Principals(Kind::kAnd, proto.and_ids().ids(), field + ".and_ids.ids");
    case Principal::kOrIds:
      return Principals(Kind::kOr, proto.or_ids().ids(), field + ".or_ids.ids");
    case Principal::kAuthenticated:
      return Authenticated(proto.authenticated(), field + ".authenticated");
    case Principal::kSourceIp:
      return InRange(Kind::kConnectionRemoteIp, proto.source_ip(), field + ".source_ip");
    case Principal::kDirectRemoteIp:
      return InRange(Kind::kDirectRemoteIp, proto.direct_remote_ip(), field + ".direct_remote_ip");
    case Principal::kRemoteIp:
      return InRange(Kind::kRemoteIp, proto.remote_ip(), field + ".remote_ip");
    case Principal::kHeader:
      return Header(proto.header(), field + ".header");
    case Principal::kUrlPath:
      NeedsRequest(field + ".url_path");
      return Text(Kind::kPath, proto.url_path().path(), field + ".url_path.path");
    case Principal::kMetadata:
      return Metadata(Kind::kMetadata, proto.metadata(), field + ".metadata");
    case Principal::kSourcedMetadata:
      return Metadata(proto.sourced_metadata(), field + ".sourced_metadata");
    case Principal::kNotId:
      return Not(OnePrincipal(proto.not_id(), field + ".not_id"));
    case Principal::kAny:
    case Principal::IDENTIFIER_NOT_SET:
      break;
  }
  return OfKind(Kind::kAny);
}

rbac::Rules::Action ParseAction(envoy::config::rbac::v3::RBAC::Action action) {
  switch (action) {
    case envoy::config::rbac::v3::RBAC::DENY:
      return rbac::Rules::Action::kDeny;
    case envoy::config::rbac::v3::RBAC::LOG:
      return rbac::Rules::Action::kLog;
    default:
      return rbac::Rules::Action::kAllow;
  }
}

}  // namespace

std::shared_ptr<const rbac::Rules> ParseRbac(const envoy::config::rbac::v3::RBAC& proto, RbacOf of,
                                             std::string_view field, ConfigContext& context) {
  const size_t errors = context.errors().size();
  const rbac::Rules::Action action = ParseAction(proto.action());
  if (of == RbacOf::kConnections && action == rbac::Rules::Action::kLog) {
    context.AddError(Concat(field, ".action"), "LOG is not supported for connections");
  }
  Parser parser(of, context);
  // A proto's map has no order; rules are asked by name.
  std::map<std::string, rbac::Policy> policies;
  for (const auto& [name, policy] : proto.policies()) {
    const std::string place = Concat(field, ".policies[\"", name, "\"]");
    policies[name] = {name,
                      parser.Permissions(Kind::kOr, policy.permissions(), place + ".permissions"),
                      parser.Principals(Kind::kOr, policy.principals(), place + ".principals")};
  }
  if (context.errors().size() > errors) return nullptr;
  std::vector<rbac::Policy> ordered;
  for (auto& [name, policy] : policies) ordered.push_back(std::move(policy));
  return std::make_shared<const rbac::Rules>(action, std::move(ordered));
}

}  // namespace remora::config
