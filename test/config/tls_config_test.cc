// TLS transport sockets from text: what is taken, what is refused and where.

#include "source/config/tls_config.h"

#include <catch2/catch.hpp>
#include <string>

#include "envoy/config/core/v3/base.pb.h"
#include "source/config/load_bootstrap.h"
#include "source/tls/factory.h"
#include "test/fakes/authority.h"

namespace remora::config {
namespace {

constexpr char kPrefix[] = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.";

struct Translating {
  // `context` is flow YAML: "{...}" without the type.
  std::shared_ptr<const net::TransportFactory> Parse(bool downstream, const std::string& context) {
    envoy::config::core::v3::TransportSocket socket;
    LoadOptions options;
    options.yaml = "{name: t, typed_config: {'@type': '" + std::string(kPrefix) +
                   (downstream ? "Downstream" : "Upstream") + "TlsContext'" +
                   (context.empty() ? "" : ", ") + context + "}}";
    const LoadResult result = LoadMessage(options, socket);
    INFO(result.errors.ToString());
    REQUIRE(result.ok());
    const FieldPath root;
    const FieldPath path = root.Field("transport_socket");
    return downstream ? ParseDownstreamTransport(socket, "listener 'a'", path, translation)
                      : ParseUpstreamTransport(socket, "cluster 'b'", path, translation);
  }
  std::string Errors() const { return errors.ToString(); }

  Registry registry;
  ErrorList errors;
  ErrorList warnings;
  Translation translation{registry, errors, warnings};
};

// PEM as a double-quoted YAML text.
std::string Quoted(const std::string& pem) {
  std::string out = "\"";
  for (const char c : pem) out += c == '\n' ? std::string("\\n") : std::string(1, c);
  return out + "\"";
}

std::string CertificateOf(const fakes::Minted& minted) {
  return "tls_certificates: [{certificate_chain: {inline_string: " + Quoted(minted.certificate) +
         "}, private_key: {inline_string: " + Quoted(minted.key) + "}}]";
}

const tls::Context& ContextOf(const std::shared_ptr<const net::TransportFactory>& factory) {
  REQUIRE(factory != nullptr);
  const auto& source = static_cast<const tls::Factory&>(*factory).source();
  REQUIRE(source->Get() != nullptr);
  return *source->Get();
}

TEST_CASE("tls config: a filter chain's context is built at once") {
  fakes::Authority authority("test authority");
  const fakes::Minted minted = authority.Issue({.common_name = "a"});
  Translating t;
  const auto factory = t.Parse(
      true,
      "require_client_certificate: true, session_timeout: 60s, "
      "disable_stateful_session_resumption: true, prefer_client_ciphers: true, "
      "ocsp_staple_policy: STRICT_STAPLING, full_scan_certs_on_sni_mismatch: true, "
      "common_tls_context: {alpn_protocols: ['h2,http/1.1'], "
      "tls_params: {tls_minimum_protocol_version: TLSv1_3, ecdh_curves: [P-256]}, " +
          CertificateOf(minted) +
          ", validation_context: {trusted_ca: {inline_string: " + Quoted(authority.pem()) + "}}}");
  INFO(t.Errors());
  const tls::ServerSettings& settings = ContextOf(factory).server_settings();
  CHECK(settings.require_client_certificate);
  CHECK(settings.session_timeout_seconds == 60u);
  CHECK(settings.stateless_resumption);
  CHECK_FALSE(settings.stateful_resumption);
  CHECK(settings.prefer_client_ciphers);
  CHECK(settings.ocsp_policy == tls::OcspPolicy::kStrict);
  CHECK(settings.full_scan_on_sni_mismatch);
  CHECK(settings.minimum == tls::Version::kTls13);
  CHECK(settings.curves == std::vector<std::string>{"P-256"});
  CHECK(settings.alpn == std::vector<std::string>{"h2,http/1.1"});
  CHECK(ContextOf(factory).check()->asks());
  REQUIRE(t.translation.tls_contexts.size() == 1);
  CHECK(t.translation.tls_contexts[0].owner == "listener 'a'");
}

TEST_CASE("tls config: a cluster's context, with Envoy's defaults") {
  Translating t;
  const auto factory = t.Parse(false, "");
  INFO(t.Errors());
  const tls::ClientSettings& settings = ContextOf(factory).client_settings();
  CHECK(settings.max_session_keys == 1);
  CHECK_FALSE(settings.allow_renegotiation);
  const tls::ClientSettings& given =
      ContextOf(t.Parse(false,
                        "sni: a.test, auto_host_sni: true, auto_sni_san_validation: true, "
                        "allow_renegotiation: true, max_session_keys: 0, "
                        "enforce_rsa_key_usage: true"))
          .client_settings();
  CHECK(given.sni == "a.test");
  CHECK(given.auto_host_sni);
  CHECK(given.auto_sni_san_validation);
  CHECK(given.allow_renegotiation);
  CHECK(given.max_session_keys == 0);
  CHECK(given.enforce_rsa_key_usage);
}

TEST_CASE("tls config: what is wrong stands at the context") {
  Translating t;
  CHECK(t.Parse(true, "") == nullptr);
  CHECK(t.Errors() ==
        "transport_socket.typed_config: Server TlsCertificates must have a certificate "
        "specified\n");
  Translating ciphers;
  CHECK(ciphers.Parse(false, "common_tls_context: {tls_params: {cipher_suites: [BOGUS]}}") ==
        nullptr);
  CHECK(ciphers.Errors().find("rejected when tried individually: BOGUS") != std::string::npos);
}

TEST_CASE("tls config: a thousand clusters with one bundle hold one store and one text") {
  const fakes::Authority authority("test authority");
  Translating t;
  const std::string context =
      "common_tls_context: {validation_context: {trusted_ca: "
      "{inline_string: " +
      Quoted(authority.pem()) + "}}}";
  std::vector<std::shared_ptr<const net::TransportFactory>> factories;
  for (int i = 0; i < 1000; ++i) factories.push_back(t.Parse(false, context));
  INFO(t.Errors());
  CHECK(t.translation.tls_parts.size() == 2);
  const auto& stores = ContextOf(factories.front()).check()->stores();
  REQUIRE(stores.size() == 1);
  const auto text = [&](size_t i) {
    return t.translation.tls_contexts[i].source->needs().validation->trusted_ca.content.data();
  };
  for (size_t i = 0; i < factories.size(); ++i) {
    REQUIRE(ContextOf(factories[i]).check()->stores() == stores);
    REQUIRE(text(i) == text(0));
  }
}

TEST_CASE("tls config: what certificates are called in statistics") {
  fakes::Authority authority("test authority");
  const fakes::Minted minted = authority.Issue({.common_name = "a"});
  Translating t;
  t.Parse(true, "common_tls_context: {" + CertificateOf(minted) +
                    ", validation_context: {trusted_ca: {inline_string: " +
                    Quoted(authority.pem()) + "}}}");
  REQUIRE(t.translation.tls_contexts.size() == 1);
  const tls::SecretNeeds& needs = t.translation.tls_contexts[0].source->needs();
  // As in Envoy, where only inline_bytes count.
  CHECK(needs.certificates[0].name == "unnamed_cert_e3b0c442");
  CHECK(needs.validation->name == "unnamed_ca_cert_e3b0c442");
}

}  // namespace
}  // namespace remora::config
