#include "source/rbac/rules.h"

#include <catch2/catch.hpp>
#include <utility>

#include "source/net/address.h"
#include "source/net/tls_facts.h"

namespace remora::rbac {
namespace {

using Kind = Matcher::Kind;

// A TLS connection whose peer may have a certificate.
class Tls final : public net::TlsFacts {
 public:
  explicit Tls(const net::CertificateFacts* peer) : peer_(peer) {}
  std::string_view version() const override { return "TLSv1.3"; }
  std::string_view cipher() const override { return "TLS_AES_128_GCM_SHA256"; }
  std::string_view group() const override { return "X25519"; }
  std::string session_id() const override { return ""; }
  std::string_view server_name() const override { return ""; }
  std::string_view application_protocol() const override { return ""; }
  bool resumed() const override { return false; }
  event::Duration handshake_duration() const override { return 1; }
  bool peer_validated() const override { return peer_ != nullptr; }
  const net::CertificateFacts* peer() const override { return peer_; }
  const std::vector<net::CertificateFacts>& peer_chain() const override { return chain_; }
  const net::CertificateFacts* local() const override { return nullptr; }

 private:
  const net::CertificateFacts* peer_;
  std::vector<net::CertificateFacts> chain_;
};

struct Visitor {
  net::Address local = *net::Address::Ip("10.0.0.1", 443);
  net::Address remote = *net::Address::Ip("192.0.2.7", 1);
  net::Address direct_remote = *net::Address::Ip("10.9.0.1", 2);
  std::string server_name = "api.example.com";
  const net::TlsFacts* tls = nullptr;

  http::ConnectionFacts Facts() const {
    http::ConnectionFacts facts;
    facts.local = &local;
    facts.remote = &remote;
    facts.direct_remote = &direct_remote;
    facts.requested_server_name = server_name;
    facts.tls = tls;
    return facts;
  }
};

bool Matches(const Matcher& matcher, const Visitor& visitor) {
  return matcher.Matches({visitor.Facts()});
}

Matcher Of(Kind kind, std::vector<Matcher> parts = {}) {
  Matcher matcher;
  matcher.kind = kind;
  matcher.parts = std::move(parts);
  return matcher;
}
Matcher In(Kind kind, const std::string& ip, uint32_t bits) {
  Matcher matcher = Of(kind);
  matcher.range = net::CidrRange(*net::Address::Ip(ip, 0), bits);
  return matcher;
}
Matcher Ports(int32_t first, int32_t end) {
  Matcher matcher = Of(Kind::kDestinationPorts);
  matcher.first_port = first;
  matcher.end_port = end;
  return matcher;
}
Matcher Text(Kind kind, route::StringMatch::Kind how, const std::string& text) {
  Matcher matcher = Of(kind);
  route::StringMatch match;
  match.kind = how;
  match.text = text;
  matcher.text = std::make_shared<const route::StringMatcher>(
      *route::StringMatcher::Compile(std::move(match), 100));
  return matcher;
}

TEST_CASE("access rules: addresses, ports and names") {
  const Visitor visitor;
  CHECK(Matches(Of(Kind::kAny), visitor));
  CHECK(Matches(In(Kind::kDestinationIp, "10.0.0.0", 24), visitor));
  CHECK_FALSE(Matches(In(Kind::kDestinationIp, "10.0.1.0", 24), visitor));
  CHECK(Matches(In(Kind::kRemoteIp, "192.0.2.7", 32), visitor));
  CHECK_FALSE(Matches(In(Kind::kRemoteIp, "10.9.0.1", 32), visitor));
  CHECK(Matches(In(Kind::kDirectRemoteIp, "10.9.0.1", 32), visitor));
  CHECK(Matches(In(Kind::kConnectionRemoteIp, "192.0.2.7", 32), visitor));
  CHECK_FALSE(Matches(In(Kind::kConnectionRemoteIp, "10.9.0.1", 32), visitor));
  CHECK(Matches(Ports(443, 444), visitor));
  CHECK_FALSE(Matches(Ports(400, 443), visitor));
  CHECK(
      Matches(Text(Kind::kServerName, route::StringMatch::Kind::kSuffix, ".example.com"), visitor));
  Visitor nameless;
  nameless.server_name = "";
  CHECK_FALSE(
      Matches(Text(Kind::kServerName, route::StringMatch::Kind::kSuffix, ".com"), nameless));
  CHECK(Matches(Text(Kind::kServerName, route::StringMatch::Kind::kExact, ""), nameless));
}

TEST_CASE("access rules: what is not known is in no range and has no port") {
  const http::ConnectionFacts unknown;
  CHECK_FALSE(In(Kind::kDestinationIp, "0.0.0.0", 0).Matches({unknown}));
  CHECK_FALSE(In(Kind::kRemoteIp, "0.0.0.0", 0).Matches({unknown}));
  CHECK_FALSE(Ports(0, 65536).Matches({unknown}));
}

TEST_CASE("access rules: a connection has nothing that requests have") {
  const Visitor visitor;
  CHECK_FALSE(Matches(Text(Kind::kPath, route::StringMatch::Kind::kExact, ""), visitor));
  CHECK_FALSE(Matches(Of(Kind::kHeader), visitor));
  CHECK_FALSE(Matches(Of(Kind::kMetadata), visitor));
  CHECK_FALSE(Matches(Of(Kind::kRouteMetadata), visitor));
}

TEST_CASE("access rules: a Unix socket is in no range and has no port") {
  Visitor visitor;
  visitor.local = visitor.remote = visitor.direct_remote = *net::Address::Unix("/s");
  CHECK_FALSE(Matches(In(Kind::kRemoteIp, "0.0.0.0", 0), visitor));
  CHECK_FALSE(Matches(Ports(0, 65536), visitor));
}

TEST_CASE("access rules: and, or, not") {
  const Visitor visitor;
  const Matcher yes = Of(Kind::kAny);
  const Matcher no = Of(Kind::kNot, {yes});
  CHECK_FALSE(Matches(no, visitor));
  CHECK(Matches(Of(Kind::kAnd, {yes, yes}), visitor));
  CHECK_FALSE(Matches(Of(Kind::kAnd, {yes, no}), visitor));
  CHECK(Matches(Of(Kind::kOr, {no, yes}), visitor));
  CHECK_FALSE(Matches(Of(Kind::kOr, {no, no}), visitor));
}

TEST_CASE("access rules: who has a certificate, and in which name") {
  net::CertificateFacts certificate;
  certificate.uri_sans = {"spiffe://a/b"};
  certificate.dns_sans = {"b.example"};
  certificate.subject = "CN=c";
  const Tls with(&certificate);
  const Tls without(nullptr);
  Visitor plain;
  Visitor known;
  known.tls = &with;
  Visitor anonymous;
  anonymous.tls = &without;
  const auto named = [](const std::string& name) {
    return Text(Kind::kAuthenticated, route::StringMatch::Kind::kExact, name);
  };
  CHECK(Matches(Of(Kind::kAuthenticated), known));
  // As in Envoy: TLS is enough, a certificate is the listener's business.
  CHECK(Matches(Of(Kind::kAuthenticated), anonymous));
  CHECK_FALSE(Matches(Of(Kind::kAuthenticated), plain));
  CHECK(Matches(named("spiffe://a/b"), known));
  CHECK(Matches(named("b.example"), known));
  CHECK(Matches(named("CN=c"), known));
  CHECK_FALSE(Matches(named("other"), known));
  CHECK_FALSE(Matches(named("spiffe://a/b"), anonymous));
  CHECK_FALSE(Matches(named(""), plain));
}

TEST_CASE("access rules: the first policy that matches decides") {
  const Visitor visitor;
  const auto decide = [&visitor](Rules::Action action, std::vector<Policy> policies) {
    const Rules rules(action, std::move(policies));
    const http::ConnectionFacts facts = visitor.Facts();
    const Rules::Decision decision = rules.Decide({facts});
    return std::string(decision.allowed ? "allowed " : "denied ") + std::string(decision.policy);
  };
  const Policy all{"all", Of(Kind::kAny), Of(Kind::kAny)};
  const Policy none{"none", Of(Kind::kAny), Of(Kind::kNot, {Of(Kind::kAny)})};
  CHECK(decide(Rules::Action::kAllow, {none, all}) == "allowed all");
  CHECK(decide(Rules::Action::kAllow, {none}) == "denied ");
  CHECK(decide(Rules::Action::kAllow, {}) == "denied ");
  CHECK(decide(Rules::Action::kDeny, {none, all}) == "denied all");
  CHECK(decide(Rules::Action::kDeny, {none}) == "allowed ");
  CHECK(decide(Rules::Action::kLog, {none, all}) == "allowed all");
  CHECK(decide(Rules::Action::kLog, {none}) == "allowed ");
}

TEST_CASE("access rules: the text of a denial is one word") {
  CHECK(DenialText("") == "rbac_access_denied_matched_policy[none]");
  CHECK(DenialText("two words") == "rbac_access_denied_matched_policy[two_words]");
}

}  // namespace
}  // namespace remora::rbac
