#include "source/rbac/rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "source/net/address.h"
#include "source/net/tls_facts.h"

namespace remora::rbac {
namespace {

// One of the names that a certificate has: URI SANs, DNS SANs, the subject. Where no name is asked
// for, TLS is enough: whether a certificate is needed is the listener's business.
bool IsAuthenticated(const Matcher& matcher, const net::TlsFacts* tls) {
  if (tls == nullptr) return false;
  if (matcher.text == nullptr) return true;
  const net::CertificateFacts* peer = tls->peer();
  const auto matches = [&matcher](const std::string& name) { return matcher.text->Matches(name); };
  if (peer == nullptr) return matches("");
  return std::any_of(peer->uri_sans.begin(), peer->uri_sans.end(), matches) ||
         std::any_of(peer->dns_sans.begin(), peer->dns_sans.end(), matches) ||
         matches(peer->subject);
}

bool IsIn(const std::optional<net::CidrRange>& range, const net::Address* address) {
  return address != nullptr && range->Contains(*address);
}

bool IsToPort(const Matcher& matcher, const net::Address* local) {
  return local != nullptr && local->is_ip() && local->port() >= matcher.first_port &&
         local->port() < matcher.end_port;
}

bool HasPath(const Matcher& matcher, const http::RequestHead* request) {
  return request != nullptr &&
         matcher.text->Matches(request->path.substr(0, request->path.find_first_of("?#")));
}

// Whom a trusted x-forwarded-for names is known of a request alone.
const net::Address* ClientOf(const Subject& subject) {
  return subject.info != nullptr ? subject.info->downstream_remote : subject.connection.remote;
}

}  // namespace

bool Matcher::Matches(const Subject& subject) const {
  const auto matches = [&subject](const Matcher& part) { return part.Matches(subject); };
  switch (kind) {
    case Kind::kAny:
      return true;
    case Kind::kAnd:
      return std::all_of(parts.begin(), parts.end(), matches);
    case Kind::kOr:
      return std::any_of(parts.begin(), parts.end(), matches);
    case Kind::kNot:
      return !parts.front().Matches(subject);
    case Kind::kDestinationIp:
      return IsIn(range, subject.connection.FindLocal());
    case Kind::kDestinationPorts:
      return IsToPort(*this, subject.connection.FindLocal());
    case Kind::kServerName:
      return text->Matches(subject.connection.requested_server_name);
    case Kind::kHeader:
      return subject.request != nullptr && header->Matches(*subject.request);
    case Kind::kPath:
      return HasPath(*this, subject.request);
    case Kind::kMetadata:
      return subject.info != nullptr && metadata->Matches(subject.info->dynamic_metadata);
    case Kind::kRouteMetadata:
      return subject.info != nullptr && metadata->Matches(subject.info->route_metadata);
    case Kind::kAuthenticated:
      return IsAuthenticated(*this, subject.connection.tls);
    case Kind::kRemoteIp:
      return IsIn(range, ClientOf(subject));
    case Kind::kConnectionRemoteIp:
      return IsIn(range, subject.connection.remote);
    case Kind::kDirectRemoteIp:
      return IsIn(range, subject.connection.direct_remote);
  }
  return false;
}

Rules::Decision Rules::Decide(const Subject& subject) const {
  for (const Policy& policy : policies_) {
    if (policy.permissions.Matches(subject) && policy.principals.Matches(subject)) {
      return {action_ != Action::kDeny, policy.name};
    }
  }
  return {action_ != Action::kAllow, ""};
}

std::string DenialText(std::string_view policy) {
  std::string text = absl::StrCat("rbac_access_denied_matched_policy[",
                                  policy.empty() ? "none" : std::string(policy), "]");
  // Details are one word.
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }, '_');
  return text;
}

}  // namespace remora::rbac
