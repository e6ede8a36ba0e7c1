#include "source/extensions/access_loggers/grpc/tls_values.h"

#include <string>
#include <utility>

#include "envoy/data/accesslog/v3/accesslog.pb.h"
#include "source/config/proto_values.h"

namespace remora::extensions {
namespace {

using config::ToUtf8;
using Tls = envoy::data::accesslog::v3::TLSProperties;

// IANA's numbers of the suites that BoringSSL has, by OpenSSL's names.
constexpr std::pair<std::string_view, uint32_t> kCiphers[] = {
    {"TLS_AES_128_GCM_SHA256", 0x1301},
    {"TLS_AES_256_GCM_SHA384", 0x1302},
    {"TLS_CHACHA20_POLY1305_SHA256", 0x1303},
    {"ECDHE-ECDSA-AES128-GCM-SHA256", 0xc02b},
    {"ECDHE-ECDSA-AES256-GCM-SHA384", 0xc02c},
    {"ECDHE-RSA-AES128-GCM-SHA256", 0xc02f},
    {"ECDHE-RSA-AES256-GCM-SHA384", 0xc030},
    {"ECDHE-ECDSA-CHACHA20-POLY1305", 0xcca9},
    {"ECDHE-RSA-CHACHA20-POLY1305", 0xcca8},
    {"ECDHE-ECDSA-AES128-SHA", 0xc009},
    {"ECDHE-ECDSA-AES256-SHA", 0xc00a},
    {"ECDHE-RSA-AES128-SHA", 0xc013},
    {"ECDHE-RSA-AES256-SHA", 0xc014},
    {"AES128-GCM-SHA256", 0x009c},
    {"AES256-GCM-SHA384", 0x009d},
    {"AES128-SHA", 0x002f},
    {"AES256-SHA", 0x0035},
};

Tls::TLSVersion VersionOf(std::string_view name) {
  if (name == "TLSv1.3") return Tls::TLSv1_3;
  if (name == "TLSv1.2") return Tls::TLSv1_2;
  if (name == "TLSv1.1") return Tls::TLSv1_1;
  if (name == "TLSv1") return Tls::TLSv1;
  return Tls::VERSION_UNSPECIFIED;
}

void SetCertificate(const net::CertificateFacts& from, Tls::CertificateProperties& to) {
  for (const std::string& uri : from.uri_sans) to.add_subject_alt_name()->set_uri(ToUtf8(uri));
  for (const std::string& name : from.dns_sans) to.add_subject_alt_name()->set_dns(ToUtf8(name));
  to.set_subject(ToUtf8(from.subject));
}

}  // namespace

void SetTls(const net::TlsFacts& from, std::string_view server_name, Tls& to) {
  to.set_tls_version(VersionOf(from.version()));
  for (const auto& [name, number] : kCiphers) {
    if (name == from.cipher()) to.mutable_tls_cipher_suite()->set_value(number);
  }
  to.set_tls_sni_hostname(ToUtf8(server_name));
  to.set_tls_session_id(from.session_id());
  if (from.local() != nullptr) {
    SetCertificate(*from.local(), *to.mutable_local_certificate_properties());
  }
  if (from.peer() != nullptr) {
    SetCertificate(*from.peer(), *to.mutable_peer_certificate_properties());
    to.mutable_peer_certificate_properties()->set_issuer(ToUtf8(from.peer()->issuer));
  }
}

}  // namespace remora::extensions
