#pragma once

// Secrets as plain values: certificates with their keys, what peers are checked against, session
// ticket keys, other bytes; and where a secret comes from when it is not in the configuration.
//
// Made by the secret translators (config/) on main, read by whoever builds a context from them.
// Plain values: the texts are not parsed here, so a value may hold a broken certificate; the
// context builder finds that. Compared by content: two secrets that are equal make one context. No
// TLS library, no protobuf. Never logged: a message names `path`, not `content`.
// Source: envoy.extensions.transport_sockets.tls.v3, common.proto and secret.proto.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "source/event/clock.h"
#include "source/tls/shared_text.h"

namespace remora::tls {

// envoy.config.core.v3.DataSource, read.
struct Bytes {
  std::string path = {};  // the file they were read from; empty: inline or from the environment
  SharedText content = {};

  bool empty() const { return path.empty() && content.empty(); }
  // How messages name it.
  std::string Name() const { return path.empty() ? "<inline>" : path; }
  bool operator==(const Bytes&) const = default;
};

// TlsCertificate: chain and key in PEM, or both in PKCS #12.
struct Certificate {
  std::string name = {};  // for statistics: the secret's, or made up
  Bytes chain = {};       // the leaf first
  Bytes private_key = {};
  Bytes pkcs12 = {};
  Bytes password = {};     // of private_key or pkcs12
  Bytes ocsp_staple = {};  // DER
  // When something is moved into one of these, files are read again, all of them together.
  std::vector<std::string> watched_directories = {};

  bool operator==(const Certificate&) const = default;
};

// envoy.type.matcher.v3.StringMatcher.
struct TextMatch {
  enum class Kind : uint8_t { kExact, kPrefix, kSuffix, kContains, kRegex };

  Kind kind = Kind::kExact;
  std::string text = {};  // kRegex: RE2 syntax, compiles
  bool ignore_case = false;

  bool operator==(const TextMatch&) const = default;
};

// SubjectAltNameMatcher. An entry of the older match_subject_alt_names is four of these: DNS, URI,
// e-mail, IP address.
struct SubjectAltNameMatch {
  enum class Type : uint8_t { kEmail, kDns, kUri, kIpAddress, kOtherName };

  Type type = Type::kDns;
  TextMatch match = {};
  std::string oid = {};  // kOtherName

  bool operator==(const SubjectAltNameMatch&) const = default;
};

// SPIFFECertValidatorConfig.TrustDomain.
struct TrustDomain {
  std::string name = {};
  Bytes bundle = {};  // PEM

  bool operator==(const TrustDomain&) const = default;
};

// CertificateValidationContext.
struct Validation {
  std::string name = {};       // as in Certificate
  Bytes trusted_ca = {};       // PEM; empty: peers' chains are not verified
  bool system_roots = false;   // the machine's own roots instead
  Bytes crl = {};              // PEM
  bool crl_leaf_only = false;  // only_verify_leaf_cert_crl
  std::vector<SubjectAltNameMatch> subject_alt_names = {};
  std::vector<std::string> spki_pins = {};           // base64 of SHA-256
  std::vector<std::string> certificate_hashes = {};  // SHA-256, hexadecimal, colons allowed
  bool allow_expired = false;
  bool accept_untrusted = false;                // trust_chain_verification: ACCEPT_UNTRUSTED
  std::optional<uint32_t> max_depth = {};       // max_verify_depth
  std::vector<TrustDomain> trust_domains = {};  // instead of trusted_ca: SPIFFE, a bundle a domain
  std::vector<std::string> watched_directories = {};  // as in Certificate

  bool operator==(const Validation&) const = default;
};

// TlsSessionTicketKeys: the first one encrypts, all decrypt. 80 bytes each (Envoy's length).
struct TicketKeys {
  static constexpr size_t kKeySize = 80;

  std::vector<Bytes> keys = {};
  std::vector<std::string> watched_directories = {};  // as in Certificate

  bool operator==(const TicketKeys&) const = default;
};

// GenericSecret: bytes whose meaning is their user's.
struct GenericSecret {
  Bytes secret = {};
  std::vector<std::string> watched_directories = {};  // as in Certificate

  bool operator==(const GenericSecret&) const = default;
};

using SecretValue = std::variant<Certificate, Validation, TicketKeys, GenericSecret>;

// "tls_certificate", "validation_context", "session_ticket_keys", "generic_secret".
std::string_view KindName(const SecretValue& value);
// Everything in it that may have come from a file.
std::vector<Bytes*> AllBytes(SecretValue& value);
// The files in it.
std::vector<std::string> FilesOf(const SecretValue& value);
const std::vector<std::string>& WatchedDirectories(const SecretValue& value);

// combined_validation_context: `over` is laid over `defaults`: what it states replaces, lists grow.
Validation MergeValidation(const Validation& defaults, const Validation& over);

struct Secret {
  std::string name = {};
  SecretValue value;

  bool operator==(const Secret&) const = default;
};

// SdsSecretConfig: where a secret comes from that changes while the process runs. (One of the
// bootstrap's own secrets is put in its place when the configuration is translated.)
struct SecretSource {
  std::string name = {};
  std::string path = {};               // a file with a DiscoveryResponse
  std::string watched_directory = {};  // empty: `path` itself is watched
  // How long what needs it waits for it. 0: for ever.
  event::Duration initial_fetch_timeout = 15 * event::kSecond;
  // In place of `path`: a control plane, as a config::ConfigSource, which is not known here. Equal
  // ones of one configuration are one.
  std::shared_ptr<const void> server = {};

  bool operator==(const SecretSource&) const = default;
};

// All secrets of one CommonTlsContext (and, of a server, its ticket keys), found or to be found.
struct SecretNeeds {
  std::vector<Certificate> certificates = {};
  std::vector<SecretSource> certificate_sources = {};  // follow `certificates`
  // Absent: peers are not checked. With a source: what the source's value is merged over
  // (combined_validation_context.default_validation_context).
  std::optional<Validation> validation = {};
  std::optional<SecretSource> validation_source = {};
  std::optional<TicketKeys> ticket_keys = {};
  std::optional<SecretSource> ticket_keys_source = {};

  bool waits() const {
    return !certificate_sources.empty() || validation_source.has_value() ||
           ticket_keys_source.has_value();
  }
  bool operator==(const SecretNeeds&) const = default;
};

// The same with every source answered: what a context is built from.
struct ContextSecrets {
  std::vector<Certificate> certificates = {};
  std::optional<Validation> validation = {};
  std::optional<TicketKeys> ticket_keys = {};

  bool operator==(const ContextSecrets&) const = default;
};

}  // namespace remora::tls
