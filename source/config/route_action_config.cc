#include "source/config/route_action_config.h"

#include <string>

#include "absl/strings/ascii.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/type/matcher/v3/regex.pb.h"

namespace remora::config {
namespace {

namespace routes = envoy::config::route::v3;
using HostRewrite = route::ForwardAction::HostRewrite;

route::RegexSubstitutionConfig ParseSubstitution(
    const envoy::type::matcher::v3::RegexMatchAndSubstitute& proto) {
  return {proto.pattern().regex(), proto.substitution()};
}

uint16_t StatusOf(routes::RedirectAction::RedirectResponseCode code) {
  switch (code) {
    case routes::RedirectAction::FOUND:
      return 302;
    case routes::RedirectAction::SEE_OTHER:
      return 303;
    case routes::RedirectAction::TEMPORARY_REDIRECT:
      return 307;
    case routes::RedirectAction::PERMANENT_REDIRECT:
      return 308;
    default:
      return 301;
  }
}

}  // namespace

route::RedirectAction ParseRedirect(const routes::RedirectAction& proto, const FieldPath& path,
                                    Translation& translation) {
  constexpr uint32_t kMaxPort = 65535;
  route::RedirectAction action;
  if (proto.https_redirect()) action.scheme = "https";
  if (!proto.scheme_redirect().empty()) {
    action.scheme = absl::AsciiStrToLower(proto.scheme_redirect());
  }
  action.host = proto.host_redirect();
  action.port = proto.port_redirect();
  if (action.port > kMaxPort) {
    translation.errors.Add(path.Field("port_redirect"), "this is no port: it is above 65535");
  }
  action.path = proto.path_redirect();
  action.prefix_rewrite = proto.prefix_rewrite();
  if (proto.has_regex_rewrite()) action.regex_rewrite = ParseSubstitution(proto.regex_rewrite());
  action.status = StatusOf(proto.response_code());
  action.strip_query = proto.strip_query();
  return action;
}

void ParseRewrites(const routes::RouteAction& proto, const FieldPath& path,
                   Translation& translation, route::ForwardAction& action) {
  action.prefix_rewrite = proto.prefix_rewrite();
  if (proto.has_regex_rewrite()) action.regex_rewrite = ParseSubstitution(proto.regex_rewrite());
  switch (proto.host_rewrite_specifier_case()) {
    case routes::RouteAction::kHostRewriteLiteral:
      action.host_rewrite_kind = HostRewrite::kLiteral;
      action.host_rewrite = proto.host_rewrite_literal();
      break;
    case routes::RouteAction::kAutoHostRewrite:
      if (proto.auto_host_rewrite().value()) {
        action.host_rewrite_kind = HostRewrite::kEndpointHostname;
      }
      break;
    case routes::RouteAction::kHostRewriteHeader:
      action.host_rewrite_kind = HostRewrite::kHeader;
      action.host_rewrite = proto.host_rewrite_header();
      break;
    case routes::RouteAction::kHostRewritePathRegex:
      action.host_rewrite_kind = HostRewrite::kPathRegex;
      action.host_rewrite_path_regex = ParseSubstitution(proto.host_rewrite_path_regex());
      break;
    case routes::RouteAction::HOST_REWRITE_SPECIFIER_NOT_SET:
      break;
  }
  action.append_x_forwarded_host = proto.append_x_forwarded_host();
  if (action.append_x_forwarded_host && action.host_rewrite_kind == HostRewrite::kNone) {
    translation.warnings.Add(path.Field("append_x_forwarded_host"),
                             "the route does not rewrite the Host: accepted without effect");
  }
}

}  // namespace remora::config
