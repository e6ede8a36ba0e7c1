#include "source/config/secret_config.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/common.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.pb.h"
#include "envoy/type/matcher/v3/string.pb.h"
#include "source/config/config_source_config.h"
#include "source/config/matcher_config.h"
#include "source/config/text.h"
#include "source/tls/fingerprint.h"

namespace remora::config {
namespace {

namespace core = envoy::config::core::v3;
namespace tlsv3 = envoy::extensions::transport_sockets::tls::v3;
using envoy::type::matcher::v3::StringMatcher;
using Directories = std::vector<std::string>;
using SanType = tls::SubjectAltNameMatch::Type;

// What Envoy calls a certificate that is in no secret: only bytes tell them apart, texts and files
// do not.
std::string MadeUpName(std::string_view kind, const core::DataSource& proto) {
  constexpr size_t kBytes = 4;
  return Concat("unnamed_", kind, "_", tls::HashPrefix(proto.inline_bytes(), kBytes));
}

// A data source of a secret, whose directories are remembered.
tls::Bytes ParseBytes(const core::DataSource& proto, const FieldPath& path,
                      Translation& translation, Directories& directories) {
  tls::Bytes bytes;
  if (proto.specifier_case() == core::DataSource::kFilename) bytes.path = proto.filename();
  bytes.content =
      translation.tls_parts.Share(ReadDataSource(proto, kMaxSecretSize, path, translation));
  const std::string& directory = proto.watched_directory().path();
  if (!directory.empty() &&
      std::find(directories.begin(), directories.end(), directory) == directories.end()) {
    directories.push_back(directory);
  }
  return bytes;
}

tls::TextMatch ParseTextMatch(const StringMatcher& proto, const FieldPath& path,
                              Translation& translation) {
  const route::StringMatch match = ParseStringMatch(proto, path, translation);
  tls::TextMatch out;
  out.text = match.text;
  out.ignore_case = match.ignore_case;
  using Kind = route::StringMatch::Kind;
  switch (match.kind) {
    case Kind::kExact:
      out.kind = tls::TextMatch::Kind::kExact;
      break;
    case Kind::kPrefix:
      out.kind = tls::TextMatch::Kind::kPrefix;
      break;
    case Kind::kSuffix:
      out.kind = tls::TextMatch::Kind::kSuffix;
      break;
    case Kind::kContains:
      out.kind = tls::TextMatch::Kind::kContains;
      break;
    case Kind::kSafeRegex:
      out.kind = tls::TextMatch::Kind::kRegex;
      if (const RE2 regex(match.text, RE2::Quiet); !regex.ok()) {
        const FieldPath matcher = path.Field("safe_regex");
        translation.errors.Add(matcher.Field("regex"), regex.error());
      }
      break;
  }
  return out;
}

SanType ParseSanType(tlsv3::SubjectAltNameMatcher::SanType type) {
  switch (type) {
    case tlsv3::SubjectAltNameMatcher::EMAIL:
      return SanType::kEmail;
    case tlsv3::SubjectAltNameMatcher::URI:
      return SanType::kUri;
    case tlsv3::SubjectAltNameMatcher::IP_ADDRESS:
      return SanType::kIpAddress;
    case tlsv3::SubjectAltNameMatcher::OTHER_NAME:
      return SanType::kOtherName;
    default:
      return SanType::kDns;
  }
}

void ParseNames(const tlsv3::CertificateValidationContext& proto, const FieldPath& path,
                Translation& translation, tls::Validation& validation) {
  const FieldPath typed = path.Field("match_typed_subject_alt_names");
  for (int i = 0; i < proto.match_typed_subject_alt_names_size(); ++i) {
    const auto& matcher = proto.match_typed_subject_alt_names(i);
    const FieldPath at = typed.Index(static_cast<size_t>(i));
    const bool other = matcher.san_type() == tlsv3::SubjectAltNameMatcher::OTHER_NAME;
    if (other && matcher.oid().empty()) {
      translation.errors.Add(at.Field("oid"), "Must specify OID when matching OTHER_NAME SANs.");
    }
    validation.subject_alt_names.push_back(
        {ParseSanType(matcher.san_type()),
         ParseTextMatch(matcher.matcher(), at.Field("matcher"), translation), matcher.oid()});
  }
  const FieldPath untyped = path.Field("match_subject_alt_names");
  for (int i = 0; i < proto.match_subject_alt_names_size(); ++i) {
    const tls::TextMatch match = ParseTextMatch(proto.match_subject_alt_names(i),
                                                untyped.Index(static_cast<size_t>(i)), translation);
    for (const SanType type :
         {SanType::kDns, SanType::kUri, SanType::kEmail, SanType::kIpAddress}) {
      validation.subject_alt_names.push_back({type, match, ""});
    }
  }
}

// custom_validator_config.
void ParseCustomValidator(const core::TypedExtensionConfig& proto, const FieldPath& path,
                          Translation& translation, tls::Validation& validation) {
  const FieldPath config = path.Field("typed_config");
  tlsv3::SPIFFECertValidatorConfig spiffe;
  if (!proto.typed_config().UnpackTo(&spiffe)) {
    AddNoImplementation(proto.name(), proto.typed_config().type_url(), path, translation);
    return;
  }
  absl::flat_hash_set<std::string> names;
  const FieldPath domains = config.Field("trust_domains");
  for (int i = 0; i < spiffe.trust_domains_size(); ++i) {
    const auto& domain = spiffe.trust_domains(i);
    const FieldPath at = domains.Index(static_cast<size_t>(i));
    if (!names.insert(domain.name()).second) {
      translation.errors.Add(
          at.Field("name"),
          Concat("Multiple trust bundles are given for one trust domain for ", domain.name()));
    }
    validation.trust_domains.push_back(
        {domain.name(), ParseBytes(domain.trust_bundle(), at.Field("trust_bundle"), translation,
                                   validation.watched_directories)});
  }
}

// The one that equals it of those that were met before.
std::shared_ptr<const ConfigSource> Share(ConfigSource source, Translation& translation) {
  for (const auto& known : translation.secret_servers) {
    if (*known == source) return known;
  }
  translation.secret_servers.push_back(std::make_shared<const ConfigSource>(std::move(source)));
  return translation.secret_servers.back();
}

// nullopt after an error.
std::optional<tls::SecretSource> ParseSource(const tlsv3::SdsSecretConfig& proto,
                                             const FieldPath& path, Translation& translation) {
  std::optional<ConfigSource> config =
      ParseConfigSource(proto.sds_config(), path.Field("sds_config"), translation);
  if (!config.has_value()) return std::nullopt;
  tls::SecretSource source;
  source.name = proto.name();
  source.initial_fetch_timeout = config->initial_fetch_timeout;
  if (config->kind == ConfigSource::Kind::kPath) {
    source.path = std::move(config->path);
    source.watched_directory = std::move(config->watched_directory);
  } else {
    source.server = Share(*std::move(config), translation);
  }
  return source;
}

// One of the bootstrap's secrets, null after an error. `wanted`: the kind in Envoy's words.
template <typename Value>
const Value* FindStatic(const tlsv3::SdsSecretConfig& proto, const FieldPath& path,
                        std::string_view wanted, Translation& translation) {
  const auto found = translation.secrets.find(proto.name());
  const Value* value =
      found == translation.secrets.end() ? nullptr : std::get_if<Value>(&found->second);
  if (value == nullptr) {
    translation.errors.Add(path.Field("name"),
                           Concat("Unknown static ", wanted, ": ", proto.name()));
  }
  return value;
}

}  // namespace

tls::Certificate ParseCertificate(const tlsv3::TlsCertificate& proto, const FieldPath& path,
                                  Translation& translation) {
  tls::Certificate certificate;
  Directories& directories = certificate.watched_directories;
  if (proto.has_watched_directory()) directories.push_back(proto.watched_directory().path());
  const auto parse = [&](const core::DataSource& source, std::string_view field) {
    return ParseBytes(source, path.Field(field), translation, directories);
  };
  certificate.name = MadeUpName("cert", proto.certificate_chain());
  certificate.chain = parse(proto.certificate_chain(), "certificate_chain");
  certificate.private_key = parse(proto.private_key(), "private_key");
  certificate.pkcs12 = parse(proto.pkcs12(), "pkcs12");
  certificate.password = parse(proto.password(), "password");
  certificate.ocsp_staple = parse(proto.ocsp_staple(), "ocsp_staple");
  return certificate;
}

tls::Validation ParseValidation(const tlsv3::CertificateValidationContext& proto,
                                const FieldPath& path, Translation& translation) {
  tls::Validation validation;
  Directories& directories = validation.watched_directories;
  if (proto.has_watched_directory()) directories.push_back(proto.watched_directory().path());
  validation.name = MadeUpName("ca_cert", proto.trusted_ca());
  validation.trusted_ca =
      ParseBytes(proto.trusted_ca(), path.Field("trusted_ca"), translation, directories);
  // As Envoy, which has no such rule for the other sources here.
  if ((proto.trusted_ca().has_inline_string() && proto.trusted_ca().inline_string().empty()) ||
      (proto.trusted_ca().has_inline_bytes() && proto.trusted_ca().inline_bytes().empty())) {
    translation.errors.Add(path.Field("trusted_ca"), "DataSource cannot be empty");
  }
  validation.system_roots = proto.has_system_root_certs();
  validation.crl = ParseBytes(proto.crl(), path.Field("crl"), translation, directories);
  validation.crl_leaf_only = proto.only_verify_leaf_cert_crl();
  ParseNames(proto, path, translation, validation);
  validation.spki_pins.assign(proto.verify_certificate_spki().begin(),
                              proto.verify_certificate_spki().end());
  validation.certificate_hashes.assign(proto.verify_certificate_hash().begin(),
                                       proto.verify_certificate_hash().end());
  validation.allow_expired = proto.allow_expired_certificate();
  validation.accept_untrusted =
      proto.trust_chain_verification() == tlsv3::CertificateValidationContext::ACCEPT_UNTRUSTED;
  if (proto.has_max_verify_depth()) validation.max_depth = proto.max_verify_depth().value();
  if (proto.has_custom_validator_config()) {
    ParseCustomValidator(proto.custom_validator_config(), path.Field("custom_validator_config"),
                         translation, validation);
  }
  return validation;
}

tls::TicketKeys ParseTicketKeys(const tlsv3::TlsSessionTicketKeys& proto, const FieldPath& path,
                                Translation& translation) {
  tls::TicketKeys keys;
  const FieldPath list = path.Field("keys");
  for (int i = 0; i < proto.keys_size(); ++i) {
    const FieldPath at = list.Index(static_cast<size_t>(i));
    const size_t errors = translation.errors.size();
    keys.keys.push_back(ParseBytes(proto.keys(i), at, translation, keys.watched_directories));
    const size_t size = keys.keys.back().content.size();
    if (size == tls::TicketKeys::kKeySize || translation.errors.size() != errors) continue;
    translation.errors.Add(at, Concat("Incorrect TLS session ticket key length. Length ", size,
                                      ", expected length ", tls::TicketKeys::kKeySize, "."));
  }
  return keys;
}

std::optional<tls::Secret> ParseSecret(const tlsv3::Secret& proto, const FieldPath& path,
                                       Translation& translation) {
  const size_t errors_before = translation.errors.size();
  tls::Secret secret;
  secret.name = proto.name();
  switch (proto.type_case()) {
    case tlsv3::Secret::kTlsCertificate: {
      tls::Certificate certificate =
          ParseCertificate(proto.tls_certificate(), path.Field("tls_certificate"), translation);
      certificate.name = proto.name();
      secret.value = std::move(certificate);
      break;
    }
    case tlsv3::Secret::kValidationContext: {
      tls::Validation validation = ParseValidation(proto.validation_context(),
                                                   path.Field("validation_context"), translation);
      validation.name = proto.name();
      secret.value = std::move(validation);
      break;
    }
    case tlsv3::Secret::kSessionTicketKeys:
      secret.value = ParseTicketKeys(proto.session_ticket_keys(), path.Field("session_ticket_keys"),
                                     translation);
      break;
    case tlsv3::Secret::kGenericSecret: {
      tls::GenericSecret generic;
      const FieldPath at = path.Field("generic_secret");
      generic.secret = ParseBytes(proto.generic_secret().secret(), at.Field("secret"), translation,
                                  generic.watched_directories);
      secret.value = std::move(generic);
      break;
    }
    case tlsv3::Secret::TYPE_NOT_SET:
      translation.errors.Add(path, "Secret type not implemented");
  }
  if (translation.errors.size() != errors_before) return std::nullopt;
  return secret;
}

void ParseStaticSecrets(const google::protobuf::RepeatedPtrField<tlsv3::Secret>& protos,
                        const FieldPath& path, Translation& translation) {
  for (int i = 0; i < protos.size(); ++i) {
    const FieldPath at = path.Index(static_cast<size_t>(i));
    std::optional<tls::Secret> secret = ParseSecret(protos.Get(i), at, translation);
    if (!secret.has_value()) continue;
    std::string_view kind = tls::KindName(secret->value);
    if (!translation.secrets.emplace(secret->name, std::move(secret->value)).second) {
      translation.errors.Add(at.Field("name"),
                             Concat("Duplicate static ", kind, " secret name ", secret->name));
    }
  }
}

void AddCertificate(const tlsv3::SdsSecretConfig& proto, const FieldPath& path,
                    Translation& translation, tls::SecretNeeds& needs) {
  if (proto.has_sds_config()) {
    auto source = ParseSource(proto, path, translation);
    if (source.has_value()) needs.certificate_sources.push_back(*std::move(source));
  } else if (const auto* value =
                 FindStatic<tls::Certificate>(proto, path, "certificate", translation);
             value != nullptr) {
    needs.certificates.push_back(*value);
  }
}

void AddValidation(const tlsv3::SdsSecretConfig& proto, const FieldPath& path,
                   Translation& translation, tls::SecretNeeds& needs) {
  if (proto.has_sds_config()) {
    needs.validation_source = ParseSource(proto, path, translation);
  } else if (const auto* value = FindStatic<tls::Validation>(
                 proto, path, "certificate validation context", translation);
             value != nullptr) {
    needs.validation =
        needs.validation.has_value() ? tls::MergeValidation(*needs.validation, *value) : *value;
  }
}

void AddTicketKeys(const tlsv3::SdsSecretConfig& proto, const FieldPath& path,
                   Translation& translation, tls::SecretNeeds& needs) {
  if (proto.has_sds_config()) {
    needs.ticket_keys_source = ParseSource(proto, path, translation);
  } else if (const auto* value =
                 FindStatic<tls::TicketKeys>(proto, path, "session ticket keys", translation);
             value != nullptr) {
    needs.ticket_keys = *value;
  }
}

}  // namespace remora::config
