#pragma once

// Translators of secrets and of where they come from: Secret, TlsCertificate,
// CertificateValidationContext, TlsSessionTicketKeys, SdsSecretConfig, ConfigSource.
//
// Files and environment variables that a DataSource names are read here (main thread). Faults go to
// Translation::errors with their fields' paths; texts are Envoy's where it has one. Whether the
// bytes are a certificate is not asked here: whoever builds a context from them finds out.
// Source: Envoy source/common/secret, source/common/tls/{tls_certificate,
// certificate_validation_context}_config_impl.cc.

#include <optional>
#include <string>
#include <string_view>

#include "source/config/core_config.h"
#include "source/tls/secret.h"

namespace envoy::config::core::v3 {
class ConfigSource;
}
namespace envoy::extensions::transport_sockets::tls::v3 {
class CertificateValidationContext;
class SdsSecretConfig;
class Secret;
class TlsCertificate;
class TlsSessionTicketKeys;
}  // namespace envoy::extensions::transport_sockets::tls::v3

namespace remora::config {

// Files larger than this are refused: a revocation list of 100,000 entries has 5 MB.
inline constexpr uint64_t kMaxSecretSize = 16 * 1024 * 1024;

tls::Certificate ParseCertificate(
    const envoy::extensions::transport_sockets::tls::v3::TlsCertificate& proto,
    const FieldPath& path, Translation& translation);

tls::Validation ParseValidation(
    const envoy::extensions::transport_sockets::tls::v3::CertificateValidationContext& proto,
    const FieldPath& path, Translation& translation);

tls::TicketKeys ParseTicketKeys(
    const envoy::extensions::transport_sockets::tls::v3::TlsSessionTicketKeys& proto,
    const FieldPath& path, Translation& translation);

// nullopt after an error.
std::optional<tls::Secret> ParseSecret(
    const envoy::extensions::transport_sockets::tls::v3::Secret& proto, const FieldPath& path,
    Translation& translation);

// static_resources.secrets, to Translation::secrets.
void ParseStaticSecrets(const google::protobuf::RepeatedPtrField<
                            envoy::extensions::transport_sockets::tls::v3::Secret>& protos,
                        const FieldPath& path, Translation& translation);

// What a SdsSecretConfig of a context stands for: one of the bootstrap's secrets is put in place,
// any other one becomes a source.
void AddCertificate(const envoy::extensions::transport_sockets::tls::v3::SdsSecretConfig& proto,
                    const FieldPath& path, Translation& translation, tls::SecretNeeds& needs);
// Over `needs.validation`, when there is one already (combined_validation_context).
void AddValidation(const envoy::extensions::transport_sockets::tls::v3::SdsSecretConfig& proto,
                   const FieldPath& path, Translation& translation, tls::SecretNeeds& needs);
void AddTicketKeys(const envoy::extensions::transport_sockets::tls::v3::SdsSecretConfig& proto,
                   const FieldPath& path, Translation& translation, tls::SecretNeeds& needs);

}  // namespace remora::config
