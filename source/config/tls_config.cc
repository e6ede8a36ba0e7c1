#include "source/config/tls_config.h"

#include <utility>

#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "google/protobuf/duration.pb.h"
#include "source/config/secret_config.h"
#include "source/tls/context_source.h"
#include "source/tls/factory.h"

namespace remora::config {
namespace {

namespace core = envoy::config::core::v3;
namespace tlsv3 = envoy::extensions::transport_sockets::tls::v3;
using envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer;
using Factory = std::shared_ptr<const net::TransportFactory>;

tls::Version ParseVersion(tlsv3::TlsParameters::TlsProtocol version) {
  switch (version) {
    case tlsv3::TlsParameters::TLSv1_0:
      return tls::Version::kTls10;
    case tlsv3::TlsParameters::TLSv1_1:
      return tls::Version::kTls11;
    case tlsv3::TlsParameters::TLSv1_2:
      return tls::Version::kTls12;
    case tlsv3::TlsParameters::TLSv1_3:
      return tls::Version::kTls13;
    default:
      return tls::Version::kAuto;
  }
}

std::vector<net::CidrRange> ParseRanges(
    const google::protobuf::RepeatedPtrField<core::CidrRange>& protos, const FieldPath& path,
    Translation& translation) {
  std::vector<net::CidrRange> ranges;
  for (int i = 0; i < protos.size(); ++i) {
    const auto range = ParseCidrRange(protos[i], path.Index(static_cast<size_t>(i)), translation);
    if (range.has_value()) ranges.push_back(*range);
  }
  return ranges;
}

void ParseCommon(const tlsv3::CommonTlsContext& proto, const FieldPath& path,
                 Translation& translation, tls::CommonSettings& settings) {
  const tlsv3::TlsParameters& params = proto.tls_params();
  settings.minimum = ParseVersion(params.tls_minimum_protocol_version());
  settings.maximum = ParseVersion(params.tls_maximum_protocol_version());
  settings.cipher_suites.assign(params.cipher_suites().begin(), params.cipher_suites().end());
  settings.curves.assign(params.ecdh_curves().begin(), params.ecdh_curves().end());
  settings.signature_algorithms.assign(params.signature_algorithms().begin(),
                                       params.signature_algorithms().end());
  settings.alpn.assign(proto.alpn_protocols().begin(), proto.alpn_protocols().end());
  if (!proto.has_key_log()) return;
  const FieldPath at = path.Field("key_log");
  settings.key_log =
      tls::KeyLogSettings{proto.key_log().path(),
                          ParseRanges(proto.key_log().local_address_range(),
                                      at.Field("local_address_range"), translation),
                          ParseRanges(proto.key_log().remote_address_range(),
                                      at.Field("remote_address_range"), translation)};
}

tls::SecretNeeds ParseNeeds(const tlsv3::CommonTlsContext& proto, const FieldPath& path,
                            Translation& translation) {
  tls::SecretNeeds needs;
  const FieldPath certificates = path.Field("tls_certificates");
  for (int i = 0; i < proto.tls_certificates_size(); ++i) {
    needs.certificates.push_back(ParseCertificate(
        proto.tls_certificates(i), certificates.Index(static_cast<size_t>(i)), translation));
  }
  const FieldPath secrets = path.Field("tls_certificate_sds_secret_configs");
  for (int i = 0; i < proto.tls_certificate_sds_secret_configs_size(); ++i) {
    AddCertificate(proto.tls_certificate_sds_secret_configs(i),
                   secrets.Index(static_cast<size_t>(i)), translation, needs);
  }
  switch (proto.validation_context_type_case()) {
    case tlsv3::CommonTlsContext::kValidationContext:
      needs.validation = ParseValidation(proto.validation_context(),
                                         path.Field("validation_context"), translation);
      break;
    case tlsv3::CommonTlsContext::kValidationContextSdsSecretConfig:
      AddValidation(proto.validation_context_sds_secret_config(),
                    path.Field("validation_context_sds_secret_config"), translation, needs);
      break;
    case tlsv3::CommonTlsContext::kCombinedValidationContext: {
      const FieldPath combined = path.Field("combined_validation_context");
      const auto& both = proto.combined_validation_context();
      needs.validation = ParseValidation(both.default_validation_context(),
                                         combined.Field("default_validation_context"), translation);
      AddValidation(both.validation_context_sds_secret_config(),
                    combined.Field("validation_context_sds_secret_config"), translation, needs);
      break;
    }
    case tlsv3::CommonTlsContext::VALIDATION_CONTEXT_TYPE_NOT_SET:
      break;
  }
  return needs;
}

tls::OcspPolicy ParseOcspPolicy(tlsv3::DownstreamTlsContext::OcspStaplePolicy policy) {
  switch (policy) {
    case tlsv3::DownstreamTlsContext::STRICT_STAPLING:
      return tls::OcspPolicy::kStrict;
    case tlsv3::DownstreamTlsContext::MUST_STAPLE:
      return tls::OcspPolicy::kMust;
    default:
      return tls::OcspPolicy::kLenient;
  }
}

tls::ServerSettings ParseServer(const tlsv3::DownstreamTlsContext& proto, const FieldPath& path,
                                Translation& translation, tls::SecretNeeds& needs) {
  tls::ServerSettings settings;
  const FieldPath common = path.Field("common_tls_context");
  ParseCommon(proto.common_tls_context(), common, translation, settings);
  needs = ParseNeeds(proto.common_tls_context(), common, translation);
  settings.require_client_certificate = proto.require_client_certificate().value();
  if (proto.has_session_ticket_keys()) {
    needs.ticket_keys = ParseTicketKeys(proto.session_ticket_keys(),
                                        path.Field("session_ticket_keys"), translation);
  } else if (proto.has_session_ticket_keys_sds_secret_config()) {
    AddTicketKeys(proto.session_ticket_keys_sds_secret_config(),
                  path.Field("session_ticket_keys_sds_secret_config"), translation, needs);
  }
  settings.stateless_resumption = !proto.disable_stateless_session_resumption();
  settings.stateful_resumption = !proto.disable_stateful_session_resumption();
  if (proto.has_session_timeout()) {
    settings.session_timeout_seconds = static_cast<uint32_t>(
        ParseDuration(proto.session_timeout(), path.Field("session_timeout"), translation) /
        event::kSecond);
  }
  settings.ocsp_policy = ParseOcspPolicy(proto.ocsp_staple_policy());
  settings.full_scan_on_sni_mismatch = proto.full_scan_certs_on_sni_mismatch().value();
  settings.prefer_client_ciphers = proto.prefer_client_ciphers();
  return settings;
}

tls::ClientSettings ParseClient(const tlsv3::UpstreamTlsContext& proto, const FieldPath& path,
                                Translation& translation, tls::SecretNeeds& needs) {
  tls::ClientSettings settings;
  const FieldPath common = path.Field("common_tls_context");
  ParseCommon(proto.common_tls_context(), common, translation, settings);
  needs = ParseNeeds(proto.common_tls_context(), common, translation);
  settings.sni = proto.sni();
  if (settings.sni.find('\0') != std::string::npos) {
    translation.errors.Add(path.Field("sni"), "SNI names containing NULL-byte are not allowed");
  }
  settings.auto_host_sni = proto.auto_host_sni();
  settings.auto_sni_san_validation = proto.auto_sni_san_validation();
  settings.allow_renegotiation = proto.allow_renegotiation();
  if (proto.has_max_session_keys()) settings.max_session_keys = proto.max_session_keys().value();
  settings.enforce_rsa_key_usage = proto.enforce_rsa_key_usage().value();
  return settings;
}

Factory MakeFactory(tls::ContextSource::Settings settings, tls::SecretNeeds needs,
                    const std::string& owner, const FieldPath& path, Translation& translation) {
  auto source = std::make_shared<const tls::ContextSource>(std::move(settings), std::move(needs));
  translation.tls_contexts.push_back({owner, source});
  if (!source->needs().waits()) {
    const tls::SecretNeeds& found = source->needs();
    absl::StatusOr<std::shared_ptr<const tls::Context>> context = source->Build(
        {found.certificates, found.validation, found.ticket_keys}, translation.tls_parts);
    if (!context.ok()) {
      translation.errors.Add(path, std::string(context.status().message()));
      return nullptr;
    }
    source->Put(*std::move(context));
  }
  return std::make_shared<const tls::Factory>(std::move(source));
}

// Both kinds of socket; `Proto` is the side's TLS message.
template <class Proto, class Parse>
Factory ParseTransport(const core::TransportSocket& proto, const std::string& owner,
                       const FieldPath& path, Translation& translation, const Parse& parse) {
  if (proto.typed_config().Is<RawBuffer>()) return nullptr;
  Proto config;
  if (!proto.typed_config().Is<Proto>()) {
    AddNoImplementation(proto.name(), proto.typed_config().type_url(), path, translation);
    return nullptr;
  }
  const FieldPath at = path.Field("typed_config");
  if (!proto.typed_config().UnpackTo(&config)) {
    translation.errors.Add(at, "the value is damaged");
    return nullptr;
  }
  const size_t errors_before = translation.errors.size();
  tls::SecretNeeds needs;
  auto settings = parse(config, at, translation, needs);
  if (translation.errors.size() != errors_before) return nullptr;
  return MakeFactory(std::move(settings), std::move(needs), owner, at, translation);
}

}  // namespace

Factory ParseDownstreamTransport(const core::TransportSocket& proto, const std::string& owner,
                                 const FieldPath& path, Translation& translation) {
  return ParseTransport<tlsv3::DownstreamTlsContext>(proto, owner, path, translation, &ParseServer);
}

Factory ParseUpstreamTransport(const core::TransportSocket& proto, const std::string& owner,
                               const FieldPath& path, Translation& translation) {
  return ParseTransport<tlsv3::UpstreamTlsContext>(proto, owner, path, translation, &ParseClient);
}

}  // namespace remora::config
