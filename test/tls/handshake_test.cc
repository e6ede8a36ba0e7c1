// Handshakes between the product's own client and server: who is let in, what each side learns,
// which alerts and counters a refusal gives.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "test/tls/pair.h"

namespace remora::tls {
namespace {

using fakes::Authority;
using fakes::CertificateWish;

ClientSettings Client() {
  ClientSettings settings;
  settings.maximum = Version::kTls13;
  return settings;
}

Validation Trust(const Authority& authority) {
  Validation validation;
  validation.trusted_ca = Inline(authority.pem());
  return validation;
}

SubjectAltNameMatch Name(SubjectAltNameMatch::Type type, const std::string& text,
                         TextMatch::Kind kind = TextMatch::Kind::kExact) {
  return {type, {kind, text, false}, ""};
}

struct World {
  Authority authority{"test authority"};
  Authority stranger{"other authority"};
  ContextSecrets server_secrets;
  ContextSecrets client_secrets;
  ServerSettings server;
  ClientSettings client = Client();

  World() {
    server_secrets.certificates = {
        ToSecret(authority.Issue({.common_name = "server", .names = {"DNS:server.test"}}))};
    client_secrets.certificates = {ToSecret(authority.Issue(
        {.common_name = "client", .names = {"URI:spiffe://d/client", "DNS:client.test"}}))};
  }
  // What the server and the client say of a handshake.
  std::string Meet(net::TransportOptions options = {}) {
    Endpoint client_end(client, client_secrets);
    Endpoint server_end(server, server_secrets);
    Pair pair(client_end, server_end, options);
    server_failure = pair.server.connection->transport_failure();
    client_failure = pair.client.connection->transport_failure();
    last_counters.clear();
    for (const char* name :
         {"handshake", "connection_error", "fail_verify_no_cert", "fail_verify_error",
          "fail_verify_san", "fail_verify_cert_hash", "no_certificate", "session_reused"}) {
      const uint64_t value = server_end.Counter("ssl." + std::string(name));
      if (value != 0) last_counters += std::string(name) + " ";
    }
    return pair.server.Take() + "| " + pair.client.Take();
  }
  std::string server_failure;
  std::string client_failure;
  std::string last_counters;
};

TEST_CASE("tls: bytes go both ways, however large") {
  for (const Version version : {Version::kTls12, Version::kTls13}) {
    World world;
    world.client.maximum = version;
    Endpoint client(world.client, {});
    Endpoint server(world.server, world.server_secrets);
    Pair pair(client, server);
    const std::string name = version == Version::kTls12 ? "TLSv1.2" : "TLSv1.3";
    CHECK(pair.client.Take() == "connected(" + name + ") ");
    CHECK(pair.server.Take() == "connected(" + name + ") ");
    std::string bulk;
    for (int i = 0; i < 300'000; ++i) bulk += static_cast<char>(i * 7 + i / 251);
    pair.Send(pair.client, "hello");
    pair.Send(pair.server, bulk);
    for (int i = 0; i < 200 && pair.client.received.size() < bulk.size(); ++i) pair.Run();
    CHECK(pair.server.received == "hello");
    CHECK((pair.client.received == bulk));
    CHECK(pair.server.connection->bytes_sent() == bulk.size());
    CHECK(pair.client.connection->bytes_received() == bulk.size());
    CHECK(server.Counter("ssl.handshake") == 1);
    CHECK(server.Counter("ssl.no_certificate") == 1);
    CHECK(server.Counter("ssl.versions." + name) == 1);
    CHECK(server.Counter("ssl.curves.X25519") == 1);
    CHECK(client.Counter("ssl.sigalgs.ecdsa_secp256r1_sha256") == 1);
  }
}

TEST_CASE("tls: an end is told with close_notify, also of a hard close; without it is a cut") {
  World world;
  Endpoint client(world.client, {});
  Endpoint server(world.server, world.server_secrets);
  Pair pair(client, server);
  pair.client.Take();
  SECTION("half-close") {
    pair.server.connection->ShutdownAfterFlush();
    pair.Run();
    CHECK(pair.client.Take() == "end ");
    pair.Send(pair.client, "still");
    CHECK(pair.server.received == "still");
  }
  SECTION("hard") {
    pair.server.connection->Close();
    pair.Run();
    CHECK(pair.client.Take() == "end ");
  }
  SECTION("behind what is queued") {
    pair.server.connection->output().Append("last words");
    pair.server.connection->CloseAfterFlush(true);
    pair.Run();
    CHECK(pair.client.Take() == "input(10) end ");
  }
  SECTION("cut by somebody on the way") {
    shutdown(pair.server.connection->fd(), SHUT_WR);
    pair.Run();
    CHECK(pair.client.Take() == "cut ");
  }
}

TEST_CASE("tls: a client certificate can be demanded, with its names") {
  World world;
  world.server.require_client_certificate = true;
  world.server_secrets.validation = Trust(world.authority);
  SECTION("there") {
    CHECK(world.Meet() == "connected(TLSv1.3) | connected(TLSv1.3) ");
    CHECK(world.last_counters == "handshake ");
  }
  SECTION("missing") {
    world.client_secrets.certificates.clear();
    CHECK(world.Meet() == "failed | connected(TLSv1.3) failed ");
    CHECK(world.last_counters == "fail_verify_no_cert ");
    CHECK(world.client_failure.find("CERTIFICATE_REQUIRED") != std::string::npos);
    CHECK(world.server_failure ==
          "TLS_error:|268435648:SSL routines:OPENSSL_internal:PEER_DID_NOT_RETURN_A_CERTIFICATE:"
          "peer did not provide required client certificate:"
          "TLS_error_end");
  }
  SECTION("missing, TLS 1.2") {
    world.client.maximum = Version::kTls12;
    world.client_secrets.certificates.clear();
    CHECK(world.Meet() == "failed | failed ");
    CHECK(world.client_failure.find("HANDSHAKE_FAILURE") != std::string::npos);
  }
  SECTION("of another authority") {
    world.client_secrets.certificates = {ToSecret(world.stranger.Issue({.common_name = "x"}))};
    CHECK(world.Meet() == "failed | connected(TLSv1.3) failed ");
    CHECK(world.last_counters == "fail_verify_error ");
    CHECK(world.client_failure.find("UNKNOWN_CA") != std::string::npos);
    CHECK(world.server_failure.find("CERTIFICATE_VERIFY_FAILED:verify cert failed: "
                                    "X509_verify_cert: certificate verification error at depth 0: "
                                    "unable to get local issuer certificate") != std::string::npos);
  }
  SECTION("expired") {
    world.client_secrets.certificates = {ToSecret(
        world.authority.Issue({.common_name = "x", .valid_from = -7200, .valid_for = -3600}))};
    CHECK(world.Meet() == "failed | connected(TLSv1.3) failed ");
    CHECK(world.client_failure.find("CERTIFICATE_EXPIRED") != std::string::npos);
    world.server_secrets.validation->allow_expired = true;
    CHECK(world.Meet() == "connected(TLSv1.3) | connected(TLSv1.3) ");
  }
  SECTION("with another name") {
    world.server_secrets.validation->subject_alt_names = {
        Name(SubjectAltNameMatch::Type::kDns, "router.test")};
    CHECK(world.Meet() == "failed | connected(TLSv1.3) failed ");
    CHECK(world.last_counters == "fail_verify_san ");
    CHECK(world.client_failure.find("CERTIFICATE_UNKNOWN") != std::string::npos);
    CHECK(world.server_failure.find("verify cert failed: SAN matcher") != std::string::npos);
  }
  SECTION("with the right name") {
    world.server_secrets.validation->subject_alt_names = {
        Name(SubjectAltNameMatch::Type::kUri, "spiffe://d/", TextMatch::Kind::kPrefix)};
    CHECK(world.Meet() == "connected(TLSv1.3) | connected(TLSv1.3) ");
  }
  SECTION("revoked") {
    const fakes::Minted minted = world.authority.Issue({.common_name = "x"});
    world.client_secrets.certificates = {ToSecret(minted)};
    world.server_secrets.validation->crl = Inline(world.authority.Revoke({minted.serial}));
    CHECK(world.Meet() == "failed | connected(TLSv1.3) failed ");
    CHECK(world.client_failure.find("CERTIFICATE_REVOKED") != std::string::npos);
    world.server_secrets.validation->crl = Inline(world.authority.Revoke({"7"}));
    CHECK(world.Meet() == "connected(TLSv1.3) | connected(TLSv1.3) ");
  }
  SECTION("not asked for when nothing is checked, demanded by names alone") {
    world.server.require_client_certificate = false;
    world.client_secrets.certificates.clear();
    CHECK(world.Meet() == "connected(TLSv1.3) | connected(TLSv1.3) ");
    world.server_secrets.validation->subject_alt_names = {
        Name(SubjectAltNameMatch::Type::kDns, "router.test")};
    CHECK(world.Meet() == "failed | connected(TLSv1.3) failed ");
    CHECK(world.last_counters == "fail_verify_no_cert ");
  }
}

TEST_CASE("tls: a server is checked by its name, and by hash") {
  World world;
  world.client_secrets = {};
  world.client_secrets.validation = Trust(world.authority);
  world.client.sni = "server.test";
  world.client.auto_sni_san_validation = true;
  SECTION("right") { CHECK(world.Meet() == "connected(TLSv1.3) | connected(TLSv1.3) "); }
  SECTION("wrong") {
    world.client.sni = "other.test";
    CHECK(world.Meet() == "failed | failed ");
    CHECK(world.client_failure.find("SAN matcher, certificate SANs are") != std::string::npos);
    CHECK(world.server_failure.find("CERTIFICATE_UNKNOWN") != std::string::npos);
  }
  SECTION("the host's own name") {
    world.client.sni.clear();
    world.client.auto_host_sni = true;
    net::TransportOptions options;
    options.hostname = "server.test";
    CHECK(world.Meet(options) == "connected(TLSv1.3) | connected(TLSv1.3) ");
    options.hostname = "other.test";
    CHECK(world.Meet(options) == "failed | failed ");
  }
  SECTION("hash") {
    world.client.auto_sni_san_validation = false;
    world.client_secrets.validation->certificate_hashes = {std::string(64, 'a')};
    CHECK(world.Meet() == "failed | failed ");
    CHECK(world.client_failure.find("cert hash and spki") != std::string::npos);
    CHECK(world.server_failure.find("BAD_CERTIFICATE_HASH_VALUE") != std::string::npos);
  }
  SECTION("other authority, accepted untrusted") {
    world.client.auto_sni_san_validation = false;
    world.client_secrets.validation = Trust(world.stranger);
    CHECK(world.Meet() == "failed | failed ");
    world.client_secrets.validation->accept_untrusted = true;
    CHECK(world.Meet() == "connected(TLSv1.3) | connected(TLSv1.3) ");
  }
}

TEST_CASE("tls: untrusted clients are accepted where that is asked for, and counted") {
  World world;
  Validation validation = Trust(world.authority);
  validation.accept_untrusted = true;
  validation.subject_alt_names = {Name(SubjectAltNameMatch::Type::kUri, "spiffe://d/client")};
  world.server_secrets.validation = validation;
  const auto present = [&world](Authority& by, const CertificateWish& wish) {
    world.client_secrets.certificates = {ToSecret(by.Issue(wish))};
  };
  const std::string met = "connected(TLSv1.3) | connected(TLSv1.3) ";
  present(world.stranger, {.common_name = "x", .names = {"URI:spiffe://d/client"}});
  CHECK(world.Meet() == met);
  CHECK(world.last_counters == "handshake fail_verify_error ");
  present(world.authority, {.common_name = "x", .names = {"URI:spiffe://d/other"}});
  CHECK(world.Meet() == met);
  CHECK(world.last_counters == "handshake fail_verify_san ");
  world.client_secrets.certificates.clear();
  CHECK(world.Meet() == met);
  CHECK(world.last_counters == "handshake no_certificate ");
  world.server.require_client_certificate = true;
  CHECK(world.Meet() == "failed | connected(TLSv1.3) failed ");
}

TEST_CASE("tls: SPIFFE: each trust domain has its own authority") {
  World world;
  Validation validation;
  validation.trust_domains = {{"d", Inline(world.authority.pem())},
                              {"e", Inline(world.stranger.pem())}};
  world.server_secrets.validation = validation;
  world.server.require_client_certificate = true;
  CHECK(world.Meet() == "connected(TLSv1.3) | connected(TLSv1.3) ");
  // An authority speaks for its own domain only.
  world.client_secrets.certificates = {
      ToSecret(world.stranger.Issue({.common_name = "x", .names = {"URI:spiffe://d/client"}}))};
  CHECK(world.Meet() == "failed | connected(TLSv1.3) failed ");
  world.client_secrets.certificates = {
      ToSecret(world.stranger.Issue({.common_name = "x", .names = {"URI:spiffe://e/client"}}))};
  CHECK(world.Meet() == "connected(TLSv1.3) | connected(TLSv1.3) ");
  world.client_secrets.certificates = {
      ToSecret(world.stranger.Issue({.common_name = "x", .names = {"URI:spiffe://f/client"}}))};
  CHECK(world.Meet() == "failed | connected(TLSv1.3) failed ");
  CHECK(world.server_failure.find("no trust bundle store") != std::string::npos);
}

TEST_CASE("tls: versions, ciphers and protocols that have nothing in common") {
  World world;
  SECTION("version") {
    world.client.minimum = Version::kTls10;
    world.client.maximum = Version::kTls11;
    world.client.cipher_suites = {"ECDHE-ECDSA-AES128-SHA"};  // the default ones are newer
    CHECK(world.Meet() == "failed | failed ");
    CHECK(world.client_failure.find("PROTOCOL_VERSION") != std::string::npos);
    CHECK(world.last_counters == "connection_error ");
  }
  SECTION("cipher") {
    world.client.maximum = Version::kTls12;
    world.client.cipher_suites = {"ECDHE-ECDSA-AES256-GCM-SHA384"};
    world.server.cipher_suites = {"ECDHE-ECDSA-AES128-GCM-SHA256"};
    CHECK(world.Meet() == "failed | failed ");
    CHECK(world.client_failure.find("HANDSHAKE_FAILURE") != std::string::npos);
  }
  SECTION("protocol: the server's order decides, commas split, no overlap is no protocol") {
    world.client.alpn = {"http/1.1", "h2"};
    world.server.alpn = {"h2,http/1.1"};
    CHECK(world.Meet() == "connected(TLSv1.3,h2) | connected(TLSv1.3,h2) ");
    world.client.alpn = {"spdy/3"};
    CHECK(world.Meet() == "connected(TLSv1.3) | connected(TLSv1.3) ");
    world.client.alpn.clear();
    net::TransportOptions options;
    options.application_protocols = "http/1.1";
    CHECK(world.Meet(options) == "connected(TLSv1.3,http/1.1) | connected(TLSv1.3,http/1.1) ");
  }
}

TEST_CASE("tls: the certificate follows the server name and the client's abilities") {
  World world;
  const auto issue = [&world](const std::string& name, bool rsa) {
    return ToSecret(world.authority.Issue(
        {.common_name = rsa ? "rsa" : "ecdsa", .names = {"DNS:" + name}, .rsa = rsa}));
  };
  world.server_secrets.certificates = {issue("a.test", true), issue("a.test", false),
                                       issue("*.w.test", true), issue("b.test", false)};
  const auto chosen = [&world](const std::string& sni) {
    world.client.sni = sni;
    world.client_secrets = {};
    Endpoint client(world.client, {});
    Endpoint server(world.server, world.server_secrets);
    Pair pair(client, server);
    const net::CertificateFacts* facts = pair.client.connection->tls()->peer();
    REQUIRE(facts != nullptr);
    CHECK(pair.server.connection->tls()->server_name() == sni);
    CHECK(pair.server.connection->tls()->local()->serial == facts->serial);
    return facts->common_name + " " + facts->dns_sans.at(0);
  };
  CHECK(chosen("a.test") == "ecdsa a.test");
  CHECK(chosen("A.Test") == "ecdsa a.test");
  CHECK(chosen("x.w.test") == "rsa *.w.test");
  CHECK(chosen("x.y.w.test") == "rsa a.test");  // a wildcard is one label
  CHECK(chosen("b.test") == "ecdsa b.test");
  CHECK(chosen("none.test") == "rsa a.test");  // the first of all
  world.client.signature_algorithms = {"rsa_pss_rsae_sha256"};
  CHECK(chosen("a.test") == "rsa a.test");
  world.client.signature_algorithms.clear();
  world.server_secrets.certificates = {issue("b.test", false), issue("a.test", true)};
  world.client.signature_algorithms = {"rsa_pss_rsae_sha256"};
  world.server.full_scan_on_sni_mismatch = true;
  CHECK(chosen("none.test") == "rsa a.test");
}

TEST_CASE("tls: sessions are resumed, but not past a change of certificates or checks") {
  for (const Version version : {Version::kTls12, Version::kTls13}) {
    World world;
    world.client.maximum = version;
    TicketKeys keys;
    keys.keys = {Inline(std::string(80, 'k'))};
    world.server_secrets.ticket_keys = keys;
    Endpoint client(world.client, {});
    Endpoint server(world.server, world.server_secrets);
    const auto meet = [&] {
      Pair pair(client, server);
      pair.Send(pair.server, "x");  // tickets come with it
      CHECK(pair.client.received == "x");
      return pair.client.connection->tls()->resumed();
    };
    CHECK_FALSE(meet());
    CHECK(meet());
    CHECK(server.Counter("ssl.session_reused") == 1);
    // New keys, the old one still known: resumed, with a new ticket.
    world.server_secrets.ticket_keys->keys.insert(world.server_secrets.ticket_keys->keys.begin(),
                                                  Inline(std::string(80, 'n')));
    server.Replace(world.server_secrets);
    CHECK(meet());
    world.server_secrets.ticket_keys->keys.pop_back();
    server.Replace(world.server_secrets);
    CHECK(meet());
    // The same keys, another certificate.
    world.server_secrets.certificates = {
        ToSecret(world.authority.Issue({.common_name = "server", .names = {"DNS:server.test"}}))};
    server.Replace(world.server_secrets);
    CHECK_FALSE(meet());
    // The client's own context changed: what it knew was checked by the old one.
    client.Replace({});
    CHECK_FALSE(meet());
    CHECK(meet());
  }
}

TEST_CASE("tls: resumption can be turned off") {
  World world;
  SECTION("tickets") { world.server.stateless_resumption = false; }
  SECTION("at the client") { world.client.max_session_keys = 0; }
  Endpoint client(world.client, {});
  Endpoint server(world.server, world.server_secrets);
  for (int i = 0; i < 2; ++i) {
    Pair pair(client, server);
    pair.Send(pair.server, "x");
    CHECK_FALSE(pair.client.connection->tls()->resumed());
  }
}

TEST_CASE("tls: a held handshake says nothing until it is released") {
  World world;
  world.client.sni = "server.test";
  Endpoint client(world.client, {});
  Endpoint server(world.server, world.server_secrets);
  Pair pair(client, server, {}, true);
  CHECK(pair.server.Take() == "held ");
  CHECK(pair.server.connection->tls()->server_name() == "server.test");
  CHECK(pair.client.Take().empty());
  SECTION("released") {
    pair.server.connection->ReleaseHandshake();
    pair.Run();
    CHECK(pair.server.Take() == "connected(TLSv1.3) ");
    CHECK(pair.client.Take() == "connected(TLSv1.3) ");
    pair.Send(pair.client, "x");
    CHECK(pair.server.received == "x");
  }
  SECTION("closed: an end without a byte") {
    pair.server.connection->CloseAfterFlush(false);
    pair.Run();
    CHECK(pair.client.Take() == "closed ");
  }
  SECTION("the client goes") {
    pair.client.connection->Close();
    pair.Run();
    CHECK(pair.server.Take() == "closed ");
  }
}

TEST_CASE("tls: facts of both certificates") {
  World world;
  world.server_secrets.validation = Trust(world.authority);
  Endpoint client(world.client, world.client_secrets);
  Endpoint server(world.server, world.server_secrets);
  Pair pair(client, server);
  const net::TlsFacts& facts = *pair.server.connection->tls();
  REQUIRE(facts.peer() != nullptr);
  CHECK(facts.peer()->uri_sans == std::vector<std::string>{"spiffe://d/client"});
  CHECK(facts.peer()->dns_sans == std::vector<std::string>{"client.test"});
  CHECK(facts.peer()->subject == "CN=client,O=remora test");
  CHECK(facts.peer()->issuer == "CN=test authority,O=remora test");
  CHECK(facts.peer()->serial == "03ea");
  CHECK(facts.peer()->fingerprint_256.size() == 64);
  CHECK(facts.peer()->not_after - facts.peer()->not_before == 7200);
  CHECK(facts.peer_validated());
  CHECK(facts.local()->dns_sans == std::vector<std::string>{"server.test"});
  CHECK(facts.cipher() == "TLS_AES_128_GCM_SHA256");
  CHECK(facts.group() == "X25519");
  CHECK(facts.handshake_duration() > 0);
}

TEST_CASE("tls: kept facts outlive their connection and its context") {
  World world;
  std::shared_ptr<const net::TlsFacts> kept;
  {
    Endpoint client(world.client, world.client_secrets);
    Endpoint server(world.server, world.server_secrets);
    Pair pair(client, server);
    const net::TlsFacts* facts = pair.client.connection->tls();
    kept = facts->Keep();
    CHECK(facts->Keep() == kept);
  }
  REQUIRE(kept != nullptr);
  CHECK(kept->version() == "TLSv1.3");
  CHECK_FALSE(kept->cipher().empty());
  CHECK_FALSE(kept->group().empty());
  REQUIRE(kept->peer() != nullptr);
  CHECK(kept->peer()->dns_sans == std::vector<std::string>{"server.test"});
  REQUIRE(kept->local() != nullptr);
  CHECK(kept->local()->uri_sans == std::vector<std::string>{"spiffe://d/client"});
}

TEST_CASE("tls: without a context there is no connection, and it is counted") {
  stats::Store store(1);
  stats::Scope& scope = store.AddScope("x");
  const auto source = std::make_shared<const ContextSource>(ServerSettings(), SecretNeeds());
  const Factory factory(source);
  const auto maker = factory.ForWorker(scope, store.worker_shard(0));
  CHECK(maker->Make({}) == nullptr);
  uint64_t counted = 0;
  const stats::Snapshot snapshot = store.TakeSnapshot();
  for (const stats::Metric& metric : snapshot.metrics()) {
    if (metric.name == "x.server_ssl_socket_factory.downstream_context_secrets_not_ready") {
      counted = metric.value;
    }
  }
  CHECK(counted == 1);
}

}  // namespace
}  // namespace remora::tls
