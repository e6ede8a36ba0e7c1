// What a context can be built of, and what is said of the rest; parts that contexts share.

#include "source/tls/context.h"

#include <catch2/catch.hpp>
#include <string>

#include "source/tls/name_check.h"
#include "test/tls/pair.h"

namespace remora::tls {
namespace {

using fakes::Authority;
using Type = SubjectAltNameMatch::Type;

std::string BuildError(const ServerSettings& settings, const ContextSecrets& secrets) {
  PartCache parts;
  const auto context = BuildServerContext(settings, secrets, parts);
  return context.ok() ? "ok" : std::string(context.status().message());
}

TEST_CASE("tls context: what cannot be used is said") {
  Authority authority("test authority");
  ContextSecrets secrets;
  ServerSettings settings;
  CHECK(BuildError(settings, secrets) ==
        "Server TlsCertificates must have a certificate specified");
  const Certificate good = ToSecret(authority.Issue({.common_name = "x"}));
  secrets.certificates = {good};
  CHECK(BuildError(settings, secrets) == "ok");
  SECTION("a key that belongs elsewhere") {
    secrets.certificates[0].private_key = Inline(authority.Issue({}).key);
    CHECK(BuildError(settings, secrets).find("KEY_VALUES_MISMATCH") != std::string::npos);
  }
  SECTION("garbage") {
    secrets.certificates[0].chain = {"/etc/x.pem", "garbage"};
    CHECK(BuildError(settings, secrets) == "Failed to load certificate chain from /etc/x.pem");
    secrets.certificates[0] = good;
    secrets.certificates[0].private_key = {"/etc/x.key", "garbage"};
    CHECK(BuildError(settings, secrets) == "Failed to load private key from /etc/x.key");
  }
  SECTION("a cut chain") {
    const std::string chain = secrets.certificates[0].chain.content.str();
    secrets.certificates[0].chain.content = chain + chain.substr(0, chain.size() / 2);
    CHECK(BuildError(settings, secrets) == "Failed to load certificate chain from <inline>");
  }
  SECTION("ciphers") {
    settings.cipher_suites = {"ECDHE-RSA-AES128-GCM-SHA256", "BOGUS1", "[AES128-SHA|BOGUS2]"};
    CHECK(BuildError(settings, secrets) ==
          "Failed to initialize cipher suites "
          "ECDHE-RSA-AES128-GCM-SHA256:BOGUS1:[AES128-SHA|BOGUS2]. The following ciphers were "
          "rejected when tried individually: BOGUS1, BOGUS2");
  }
  SECTION("curves and algorithms") {
    settings.curves = {"bogus"};
    CHECK(BuildError(settings, secrets) == "Failed to initialize ECDH curves bogus");
    settings.curves.clear();
    settings.signature_algorithms = {"bogus"};
    CHECK(BuildError(settings, secrets) == "Failed to initialize TLS signature algorithms bogus");
  }
  SECTION("protocols") {
    settings.alpn = {"h2,,http/1.1"};
    CHECK(BuildError(settings, secrets) == "Invalid ALPN protocol string");
  }
  SECTION("authorities and lists") {
    secrets.validation = Validation();
    secrets.validation->trusted_ca = {"/etc/ca.pem", "garbage"};
    CHECK(BuildError(settings, secrets) ==
          "Failed to load trusted CA certificates from /etc/ca.pem");
    secrets.validation->trusted_ca = Inline(authority.pem());
    secrets.validation->crl = {"/etc/crl.pem", "garbage"};
    CHECK(BuildError(settings, secrets) == "Failed to load CRL from /etc/crl.pem");
    secrets.validation->crl = {};
    secrets.validation->certificate_hashes = {"zz"};
    CHECK(BuildError(settings, secrets) == "Invalid hex-encoded SHA-256 zz");
    secrets.validation = Validation();
    secrets.validation->subject_alt_names = {{Type::kDns, {}, ""}};
    CHECK(BuildError(settings, secrets).find("without trusted CA is insecure") !=
          std::string::npos);
  }
  SECTION("stapling") {
    settings.ocsp_policy = OcspPolicy::kMust;
    CHECK(BuildError(settings, secrets) == "Required OCSP response is missing from TLS context");
    settings.ocsp_policy = OcspPolicy::kLenient;
    secrets.certificates = {ToSecret(authority.Issue({.common_name = "x", .must_staple = true}))};
    CHECK(BuildError(settings, secrets) == "OCSP response is required for must-staple certificate");
    secrets.certificates = {good};
    secrets.certificates[0].ocsp_staple = Inline("garbage");
    CHECK(BuildError(settings, secrets) == "OCSP response: it is malformed");
  }
  SECTION("ticket keys") {
    secrets.ticket_keys = TicketKeys();
    secrets.ticket_keys->keys = {Inline("short")};
    CHECK(BuildError(settings, secrets) ==
          "Incorrect TLS session ticket key length. Length 5, expected length 80.");
  }
}

TEST_CASE("tls context: a certificate without any name is served (an instance that ends)") {
  Authority authority("test authority");
  ContextSecrets secrets;
  secrets.certificates = {ToSecret(authority.Issue({.empty_dns_name = true}))};
  CHECK(BuildError({}, secrets) == "ok");
}

TEST_CASE("tls context: a client has one certificate at most") {
  Authority authority("test authority");
  PartCache parts;
  ContextSecrets secrets;
  secrets.certificates = {ToSecret(authority.Issue({})), ToSecret(authority.Issue({}))};
  const auto context = BuildClientContext({}, secrets, parts);
  CHECK(context.status().message() ==
        "Multiple TLS certificates are not supported for client contexts");
}

TEST_CASE("tls context: equal bytes are one store and one certificate") {
  Authority authority("test authority");
  ContextSecrets secrets;
  secrets.certificates = {ToSecret(authority.Issue({.common_name = "x"}))};
  secrets.validation = Validation();
  secrets.validation->trusted_ca = Inline(authority.pem());
  PartCache parts;
  std::vector<std::shared_ptr<const Context>> contexts;
  for (int i = 0; i < 1000; ++i) contexts.push_back(*BuildServerContext({}, secrets, parts));
  CHECK(parts.size() == 2);
  CHECK(contexts.front()->certificates()[0] == contexts.back()->certificates()[0]);
  CHECK(contexts.front()->check()->stores() == contexts.back()->check()->stores());
  parts.Sweep();
  CHECK(parts.size() == 2);
  contexts.clear();
  parts.Sweep();
  CHECK(parts.size() == 0);
}

TEST_CASE("tls context: a list of 100,000 revoked certificates") {
  Authority authority("test authority");
  ContextSecrets secrets;
  secrets.certificates = {ToSecret(authority.Issue({.common_name = "x"}))};
  secrets.validation = Validation();
  secrets.validation->trusted_ca = Inline(authority.pem());
  secrets.validation->crl = Inline(authority.RevokeMany(100'000));
  Endpoint server(ServerSettings(), secrets);
  ContextSecrets client_secrets;
  client_secrets.certificates = {ToSecret(authority.Issue({.common_name = "client"}))};
  ClientSettings settings;
  settings.max_session_keys = 0;  // a resumed session would not search the list again
  Endpoint client(settings, client_secrets);
  for (int i = 0; i < 3; ++i) {
    Pair pair(client, server);
    CHECK(pair.server.Take() == "connected(TLSv1.2) ");
  }
}

TEST_CASE("tls context: certificates of 16 KiB") {
  Authority authority("test authority");
  ContextSecrets secrets;
  secrets.certificates = {ToSecret(authority.Issue({.common_name = "x", .padding = 16 * 1024}))};
  Endpoint server(ServerSettings(), secrets);
  Endpoint client(ClientSettings(), secrets);
  Pair pair(client, server);
  CHECK(pair.client.Take() == "connected(TLSv1.2) ");
}

TEST_CASE("tls names: wildcards, cases, kinds, zero bytes") {
  CHECK(DnsNameFits("a.test", "a.test"));
  CHECK(DnsNameFits("A.test", "a.TEST"));
  CHECK(DnsNameFits("a.test", "*.test"));
  CHECK_FALSE(DnsNameFits("a.b.test", "*.test"));
  CHECK_FALSE(DnsNameFits("test", "*.test"));
  CHECK_FALSE(DnsNameFits(".test", "*.test"));
  CHECK_FALSE(DnsNameFits("a.test", "*"));
  CHECK_FALSE(DnsNameFits("ab.test", "a*.test"));
  CHECK_FALSE(DnsNameFits("", ""));
  CHECK_FALSE(DnsNameFits("a.test", std::string_view("a.test\0.evil", 12)));

  const auto holds = [](SubjectAltNameMatch match, std::vector<SubjectAltName> names) {
    auto check = NameCheck::Compile({match});
    REQUIRE(check.ok());
    return check->Holds(names);
  };
  using Kind = TextMatch::Kind;
  CHECK(holds({Type::kUri, {Kind::kPrefix, "spiffe://d/", false}, ""},
              {{Type::kUri, "spiffe://d/x", ""}}));
  CHECK_FALSE(holds({Type::kUri, {Kind::kPrefix, "spiffe://d/", false}, ""},
                    {{Type::kDns, "spiffe://d/x", ""}}));
  CHECK(holds({Type::kDns, {Kind::kSuffix, ".TEST", true}, ""}, {{Type::kDns, "a.Test", ""}}));
  CHECK(holds({Type::kDns, {Kind::kRegex, "a[0-9]+\\.test", false}, ""},
              {{Type::kDns, "a12.test", ""}}));
  CHECK_FALSE(holds({Type::kDns, {Kind::kRegex, "a[0-9]+\\.test", false}, ""},
                    {{Type::kDns, "xa12.test", ""}}));
  const std::string zero("good.test\0.evil.test", 20);
  CHECK_FALSE(
      holds({Type::kDns, {Kind::kPrefix, "good.test", false}, ""}, {{Type::kDns, zero, ""}}));
  CHECK_FALSE(
      holds({Type::kDns, {Kind::kExact, "good.test", false}, ""}, {{Type::kDns, zero, ""}}));
  CHECK(holds({Type::kOtherName, {Kind::kExact, "x", false}, "1.2.3.4"},
              {{Type::kOtherName, "x", "1.2.3.4"}}));
  CHECK_FALSE(holds({Type::kOtherName, {Kind::kExact, "x", false}, "1.2.3.4"},
                    {{Type::kOtherName, "x", "1.2.3.5"}}));
}

TEST_CASE("tls names: a minted name with a zero byte is kept whole") {
  Authority authority("test authority");
  const std::string zero("good.test\0.evil.test", 20);
  auto loaded = LoadedCertificate::Load(ToSecret(authority.Issue({.raw_dns_name = zero})));
  REQUIRE(loaded.ok());
  CHECK((*loaded)->facts().dns_sans == std::vector<std::string>{zero});
}

}  // namespace
}  // namespace remora::tls
