#include "source/rbac/rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace remora::rbac {
namespace {

// One of the names that a certificate has: URI SANs, DNS SANs, the subject.
bool IsAuthenticated(const Matcher& matcher, const net::TlsFacts* tls) {
  const net::CertificateFacts* peer = tls == nullptr ? nullptr : tls->peer();
  if (matcher.text == nullptr) return peer != nullptr;
  if (tls == nullptr) return false;
  const auto matches = [&matcher](const std::string& name) { return matcher.text->Matches(name); };
  if (peer == nullptr) return matches("");
  return std::any_of(peer->uri_sans.begin(), peer->uri_sans.end(), matches) ||
         std::any_of(peer->dns_sans.begin(), peer->dns_sans.end(), matches) ||
         matches(peer->subject);
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
      return range->Contains(subject.local);
    case Kind::kDestinationPorts:
      return subject.local.is_ip() && subject.local.port() >= first_port &&
             subject.local.port() < end_port;
    case Kind::kServerName:
      return text->Matches(subject.server_name);
    case Kind::kAuthenticated:
      return IsAuthenticated(*this, subject.tls);
    case Kind::kRemoteIp:
      return range->Contains(subject.remote);
    case Kind::kDirectRemoteIp:
      return range->Contains(subject.direct_remote);
  }
  return false;
}

Rules::Decision Rules::Decide(const Subject& subject) const {
  for (const Policy& policy : policies_) {
    if (policy.permissions.Matches(subject) && policy.principals.Matches(subject)) {
      return {action_ == Action::kAllow, policy.name};
    }
  }
  return {action_ == Action::kDeny, ""};
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
