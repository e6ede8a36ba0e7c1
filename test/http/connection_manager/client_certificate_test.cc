// x-forwarded-client-cert: who may say what about the client's certificate, and in which form.

#include "source/http/connection_manager/client_certificate.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "source/base/arena.h"

namespace remora::connection_manager {
namespace {

using Mode = ClientCertificateMode;

class Facts final : public net::TlsFacts {
 public:
  std::string_view version() const override { return "TLSv1.3"; }
  std::string_view cipher() const override { return ""; }
  std::string_view group() const override { return ""; }
  std::string session_id() const override { return ""; }
  std::string_view server_name() const override { return ""; }
  std::string_view application_protocol() const override { return ""; }
  bool resumed() const override { return false; }
  event::Duration handshake_duration() const override { return 1; }
  bool peer_validated() const override { return true; }
  const net::CertificateFacts* peer() const override {
    return chain.empty() ? nullptr : &chain.front();
  }
  const std::vector<net::CertificateFacts>& peer_chain() const override { return chain; }
  const net::CertificateFacts* local() const override { return &ours; }

  std::vector<net::CertificateFacts> chain;
  net::CertificateFacts ours;
};

Facts Example() {
  Facts facts;
  facts.ours.uri_sans = {"spiffe://d/server", "spiffe://d/other"};
  net::CertificateFacts& peer = facts.chain.emplace_back();
  peer.fingerprint_256 = "ab12";
  peer.subject = "CN=client,O=test";
  peer.uri_sans = {"spiffe://d/a", "spiffe://d/b"};
  peer.dns_sans = {"a.test", "b.test"};
  peer.pem = "-----BEGIN X-----\na+/=\n-----END X-----\n";
  facts.chain.emplace_back().pem = "ca\n";
  return facts;
}

TEST_CASE("client certificate: the element says what it is asked for, in Envoy's order") {
  const Facts facts = Example();
  CHECK(DescribeClientCertificate({}, facts) == "By=spiffe://d/server;Hash=ab12");
  ClientCertificateDetails details;
  details.subject = details.uri = details.dns = true;
  CHECK(DescribeClientCertificate(details, facts) ==
        "By=spiffe://d/server;Hash=ab12;Subject=\"CN=client,O=test\";URI=spiffe://d/a;"
        "URI=spiffe://d/b;DNS=a.test;DNS=b.test");
  details = {};
  details.certificate = details.chain = true;
  CHECK(DescribeClientCertificate(details, facts) ==
        "By=spiffe://d/server;Hash=ab12;"
        "Cert=\"-----BEGIN%20X-----%0Aa%2B%2F%3D%0A-----END%20X-----%0A\";"
        "Chain=\"-----BEGIN%20X-----%0Aa%2B%2F%3D%0A-----END%20X-----%0Aca%0A\"");
}

TEST_CASE("client certificate: what is not in the certificate") {
  Facts facts = Example();
  facts.ours.uri_sans.clear();
  facts.chain.front() = {};
  facts.chain.front().fingerprint_256 = "cd";
  ClientCertificateDetails details;
  details.subject = details.uri = details.dns = true;
  CHECK(DescribeClientCertificate(details, facts) == "Hash=cd;Subject=\"\";URI=");
}

TEST_CASE("client certificate: a client's own word passes in the modes that say so") {
  struct Row {
    Mode mode;
    bool presented;
    std::vector<std::string> sent;
    std::string passed;  // "-": no field
  };
  const Row rows[] = {
      {Mode::kSanitize, true, {"Hash=evil"}, "-"},
      {Mode::kSanitize, false, {"Hash=evil"}, "-"},
      {Mode::kForwardOnly, true, {"Hash=theirs"}, "Hash=theirs"},
      {Mode::kForwardOnly, false, {"Hash=evil"}, "-"},
      {Mode::kAppendForward, true, {"Hash=theirs"}, "Hash=theirs,Hash=ours"},
      {Mode::kAppendForward, true, {"Hash=a", "Hash=b"}, "Hash=a,Hash=b,Hash=ours"},
      {Mode::kAppendForward, true, {}, "Hash=ours"},
      {Mode::kAppendForward, false, {"Hash=evil"}, "-"},
      {Mode::kSanitizeSet, true, {"Hash=evil"}, "Hash=ours"},
      {Mode::kSanitizeSet, false, {"Hash=evil"}, "-"},
      {Mode::kAlwaysForwardOnly, false, {"Hash=theirs"}, "Hash=theirs"},
  };
  for (const Row& row : rows) {
    base::ArenaPool arenas;
    base::Arena arena(arenas);
    http::HeaderMap headers(arena);
    for (const std::string& value : row.sent) {
      REQUIRE(headers.Add("x-forwarded-client-cert", value));
    }
    ApplyClientCertificate(row.mode, row.presented, "Hash=ours", headers);
    std::vector<std::string> passed;
    headers.ForEach([&](const http::HeaderEntry& entry) { passed.emplace_back(entry.value()); });
    INFO("mode " << static_cast<int>(row.mode) << ", presented " << row.presented);
    if (row.passed == "-") {
      CHECK(passed.empty());
    } else {
      CHECK(passed == std::vector<std::string>{row.passed});
    }
  }
}

}  // namespace
}  // namespace remora::connection_manager
