#include <openssl/err.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "source/tls/context.h"
#include "source/tls/context_callbacks.h"
#include "source/tls/errors.h"

namespace remora::tls {
namespace {

// Envoy's defaults, in its order.
constexpr char kDefaultCiphers[] =
    "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]:"
    "[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
constexpr char kDefaultCurves[] = "X25519:P-256";

uint16_t VersionNumber(Version version, uint16_t automatic) {
  switch (version) {
    case Version::kAuto:
      return automatic;
    case Version::kTls10:
      return TLS1_VERSION;
    case Version::kTls11:
      return TLS1_1_VERSION;
    case Version::kTls12:
      return TLS1_2_VERSION;
    case Version::kTls13:
      return TLS1_3_VERSION;
  }
  return automatic;
}

// Which of the suites the library does not take, one by one.
std::string RejectedSuites(SSL_CTX* ssl, const std::vector<std::string>& suites) {
  std::vector<std::string> rejected;
  for (const std::string& entry : suites) {
    std::string text = entry;
    if (text.starts_with("[") && text.ends_with("]")) text = text.substr(1, text.size() - 2);
    for (const absl::string_view suite : absl::StrSplit(text, '|')) {
      if (!SSL_CTX_set_strict_cipher_list(ssl, std::string(suite).c_str())) {
        rejected.emplace_back(suite);
      }
    }
  }
  ERR_clear_error();
  return absl::StrJoin(rejected, ", ");
}

STACK_OF(CRYPTO_BUFFER) * NamesOf(const PeerCheck& check) {
  STACK_OF(CRYPTO_BUFFER)* names = sk_CRYPTO_BUFFER_new_null();
  for (const TrustStore* store : check.stores()) {
    for (const BufferPtr& name : store->names()) {
      CRYPTO_BUFFER_up_ref(name.get());
      sk_CRYPTO_BUFFER_push(names, name.get());
    }
  }
  return names;
}

}  // namespace

absl::StatusOr<std::string> AlpnWire(const std::vector<std::string>& entries) {
  std::string wire;
  for (const std::string& entry : entries) {
    for (const absl::string_view protocol : absl::StrSplit(entry, ',')) {
      if (protocol.empty() || protocol.size() > 255) {
        return absl::InvalidArgumentError("Invalid ALPN protocol string");
      }
      wire.push_back(static_cast<char>(protocol.size()));
      wire.append(protocol.data(), protocol.size());
    }
  }
  if (wire.size() > 65535) return absl::InvalidArgumentError("Invalid ALPN protocol string");
  return wire;
}

// What the two kinds of context have in common, step by step; each may fail.
class ContextBuilder {
 public:
  ContextBuilder() : context_(new Context) {}

  absl::StatusOr<std::shared_ptr<const Context>> Server(const ServerSettings& settings,
                                                        const ContextSecrets& secrets,
                                                        PartCache& parts);
  absl::StatusOr<std::shared_ptr<const Context>> Client(const ClientSettings& settings,
                                                        const ContextSecrets& secrets,
                                                        PartCache& parts);

 private:
  SSL_CTX* ssl() { return context_->ssl_.get(); }
  absl::Status Begin(const CommonSettings& settings, uint16_t maximum);
  absl::Status SetCiphers(const CommonSettings& settings);
  absl::Status LoadCertificates(const ContextSecrets& secrets, PartCache& parts);
  absl::Status UseCertificate(const LoadedCertificate& certificate);
  absl::Status CheckStapling();
  void IndexNames();
  absl::Status SetResumption(const ContextSecrets& secrets);
  void SetVerification();

  std::unique_ptr<Context> context_;
};

absl::Status ContextBuilder::Begin(const CommonSettings& settings, uint16_t maximum) {
  // Certificates as bytes: no parsed chain is kept for each connection.
  context_->ssl_.reset(SSL_CTX_new(TLS_with_buffers_method()));
  context_->pool_.reset(CRYPTO_BUFFER_POOL_new());
  SSL_CTX_set0_buffer_pool(ssl(), context_->pool_.get());
  SSL_CTX_set_mode(ssl(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (!SSL_CTX_set_min_proto_version(ssl(), VersionNumber(settings.minimum, TLS1_2_VERSION)) ||
      !SSL_CTX_set_max_proto_version(ssl(), VersionNumber(settings.maximum, maximum))) {
    return absl::InvalidArgumentError(
        absl::StrCat("Failed to set TLS protocol versions: ", TakeReason()));
  }
  if (absl::Status set = SetCiphers(settings); !set.ok()) return set;
  absl::StatusOr<std::string> alpn = AlpnWire(settings.alpn);
  if (!alpn.ok()) return alpn.status();
  context_->alpn_ = *std::move(alpn);
  if (!settings.key_log.has_value()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<const KeyLog>> log = KeyLog::Open(*settings.key_log);
  if (!log.ok()) return log.status();
  context_->key_log_ = *std::move(log);
  SSL_CTX_set_keylog_callback(ssl(), &ContextCallbacks::OnKeyLog);
  return absl::OkStatus();
}

absl::Status ContextBuilder::SetCiphers(const CommonSettings& settings) {
  const std::string ciphers =
      settings.cipher_suites.empty() ? kDefaultCiphers : absl::StrJoin(settings.cipher_suites, ":");
  if (!SSL_CTX_set_strict_cipher_list(ssl(), ciphers.c_str())) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        absl::StrCat("Failed to initialize cipher suites ", ciphers,
                     ". The following ciphers were rejected when tried individually: ",
                     RejectedSuites(ssl(), settings.cipher_suites)));
  }
  const std::string curves =
      settings.curves.empty() ? kDefaultCurves : absl::StrJoin(settings.curves, ":");
  if (!SSL_CTX_set1_curves_list(ssl(), curves.c_str())) {
    ERR_clear_error();
    return absl::InvalidArgumentError(absl::StrCat("Failed to initialize ECDH curves ", curves));
  }
  if (settings.signature_algorithms.empty()) return absl::OkStatus();
  const std::string algorithms = absl::StrJoin(settings.signature_algorithms, ":");
  if (!SSL_CTX_set1_sigalgs_list(ssl(), algorithms.c_str())) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        absl::StrCat("Failed to initialize TLS signature algorithms ", algorithms));
  }
  return absl::OkStatus();
}

absl::Status ContextBuilder::LoadCertificates(const ContextSecrets& secrets, PartCache& parts) {
  for (const Certificate& secret : secrets.certificates) {
    const std::string key = PartCache::KeyOf(
        {secret.chain.content.str(), secret.private_key.content.str(), secret.pkcs12.content.str(),
         secret.password.content.str(), secret.ocsp_staple.content.str()});
    auto loaded = parts.Find<LoadedCertificate>("certificate", key);
    if (loaded == nullptr) {
      auto made = LoadedCertificate::Load(secret);
      if (!made.ok()) return made.status();
      loaded = *std::move(made);
      parts.Add("certificate", key, loaded);
    }
    context_->certificates_.push_back(std::move(loaded));
  }
  return absl::OkStatus();
}

absl::Status ContextBuilder::UseCertificate(const LoadedCertificate& certificate) {
  std::vector<CRYPTO_BUFFER*> chain;
  for (const BufferPtr& buffer : certificate.chain()) chain.push_back(buffer.get());
  if (SSL_CTX_set_chain_and_key(ssl(), chain.data(), chain.size(), certificate.key(), nullptr)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("Failed to load certificate chain from ",
                                                 certificate.path(), ": ", TakeReason()));
}

absl::Status ContextBuilder::CheckStapling() {
  for (const auto& certificate : context_->certificates_) {
    if (!certificate->ocsp().empty()) continue;
    if (certificate->must_staple()) {
      return absl::InvalidArgumentError("OCSP response is required for must-staple certificate");
    }
    if (context_->server_settings_.ocsp_policy == OcspPolicy::kMust) {
      return absl::InvalidArgumentError("Required OCSP response is missing from TLS context");
    }
  }
  return absl::OkStatus();
}

void ContextBuilder::IndexNames() {
  for (const auto& certificate : context_->certificates_) {
    for (const std::string& name : certificate->server_names()) {
      const bool wildcard = name.starts_with("*.");
      Context::Choice& choice = context_->by_name_[wildcard ? name.substr(1) : name];
      const LoadedCertificate*& place = certificate->ecdsa() ? choice.ecdsa : choice.rsa;
      if (place == nullptr) place = certificate.get();
    }
  }
}

absl::Status ContextBuilder::SetResumption(const ContextSecrets& secrets) {
  const ServerSettings& settings = context_->server_settings_;
  if (!settings.stateless_resumption) {
    SSL_CTX_set_options(ssl(), SSL_OP_NO_TICKET);
  } else if (secrets.ticket_keys.has_value() && !secrets.ticket_keys->keys.empty()) {
    for (const Bytes& key : secrets.ticket_keys->keys) {
      static_assert(sizeof(Context::TicketKey) == TicketKeys::kKeySize);
      if (key.content.size() != TicketKeys::kKeySize) {
        return absl::InvalidArgumentError(
            absl::StrCat("Incorrect TLS session ticket key length. Length ", key.content.size(),
                         ", expected length ", TicketKeys::kKeySize, "."));
      }
      std::memcpy(&context_->ticket_keys_.emplace_back(), key.content.data(), key.content.size());
    }
    SSL_CTX_set_tlsext_ticket_key_cb(ssl(), &ContextCallbacks::OnTicketKey);
  }
  if (!settings.stateful_resumption) SSL_CTX_set_session_cache_mode(ssl(), SSL_SESS_CACHE_OFF);
  if (settings.session_timeout_seconds.has_value()) {
    SSL_CTX_set_timeout(ssl(), *settings.session_timeout_seconds);
    SSL_CTX_set_session_psk_dhe_timeout(ssl(), *settings.session_timeout_seconds);
  }
  // Sessions of other certificates or another check are not resumed, even with the same ticket
  // keys.
  std::string identity = absl::StrCat(settings.require_client_certificate);
  for (const auto& certificate : context_->certificates_) {
    identity += certificate->facts().fingerprint_256;
  }
  identity =
      PartCache::KeyOf({identity, context_->check_ != nullptr ? context_->check_->identity() : ""});
  if (!SSL_CTX_set_session_id_context(ssl(), reinterpret_cast<const uint8_t*>(identity.data()),
                                      identity.size())) {
    return absl::InternalError(TakeReason());
  }
  return absl::OkStatus();
}

void ContextBuilder::SetVerification() {
  const PeerCheck* check = context_->check_.get();
  // A client's library wants an answer; without a check it is yes.
  const bool asks = !context_->server_ || (check != nullptr && check->asks());
  int mode = asks ? SSL_VERIFY_PEER : SSL_VERIFY_NONE;
  const bool required =
      context_->server_ && (context_->server_settings_.require_client_certificate ||
                            (check != nullptr && check->demands_certificate()));
  if (required) mode |= SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_custom_verify(ssl(), mode, &ContextCallbacks::OnVerify);
  if (context_->server_ && check != nullptr) SSL_CTX_set0_client_CAs(ssl(), NamesOf(*check));
}

absl::StatusOr<std::shared_ptr<const Context>> ContextBuilder::Server(
    const ServerSettings& settings, const ContextSecrets& secrets, PartCache& parts) {
  context_->server_ = true;
  context_->server_settings_ = settings;
  if (secrets.certificates.empty()) {
    return absl::InvalidArgumentError("Server TlsCertificates must have a certificate specified");
  }
  absl::Status done = Begin(settings, TLS1_3_VERSION);
  if (done.ok()) done = LoadCertificates(secrets, parts);
  if (done.ok()) done = UseCertificate(*context_->certificates_.front());
  if (done.ok()) done = CheckStapling();
  if (!done.ok()) return done;
  IndexNames();
  if (secrets.validation.has_value()) {
    auto check = PeerCheck::Build(*secrets.validation, PeerCheck::Peer::kClient, parts);
    if (!check.ok()) return check.status();
    context_->check_ = *std::move(check);
  }
  if (done = SetResumption(secrets); !done.ok()) return done;
  SetVerification();
  if (!settings.prefer_client_ciphers) SSL_CTX_set_options(ssl(), SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_select_certificate_cb(ssl(), &ContextCallbacks::OnClientHello);
  if (!context_->alpn_.empty()) {
    SSL_CTX_set_alpn_select_cb(ssl(), &ContextCallbacks::OnSelectAlpn, context_.get());
  }
  return std::shared_ptr<const Context>(std::move(context_));
}

absl::StatusOr<std::shared_ptr<const Context>> ContextBuilder::Client(
    const ClientSettings& settings, const ContextSecrets& secrets, PartCache& parts) {
  context_->client_settings_ = settings;
  if (secrets.certificates.size() > 1) {
    return absl::InvalidArgumentError(
        "Multiple TLS certificates are not supported for client contexts");
  }
  absl::Status done = Begin(settings, TLS1_2_VERSION);
  if (done.ok()) done = LoadCertificates(secrets, parts);
  if (done.ok() && !context_->certificates_.empty()) {
    done = UseCertificate(*context_->certificates_.front());
  }
  if (!done.ok()) return done;
  auto check =
      PeerCheck::Build(secrets.validation.value_or(Validation()), PeerCheck::Peer::kServer, parts);
  if (!check.ok()) return check.status();
  context_->check_ = *std::move(check);
  SetVerification();
  const std::string& alpn = context_->alpn_;
  SSL_CTX_set_alpn_protos(ssl(), reinterpret_cast<const uint8_t*>(alpn.data()), alpn.size());
  if (settings.max_session_keys > 0) {
    SSL_CTX_set_session_cache_mode(ssl(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl(), &ContextCallbacks::OnNewSession);
  }
  return std::shared_ptr<const Context>(std::move(context_));
}

absl::StatusOr<std::shared_ptr<const Context>> BuildServerContext(const ServerSettings& settings,
                                                                  const ContextSecrets& secrets,
                                                                  PartCache& parts) {
  return ContextBuilder().Server(settings, secrets, parts);
}

absl::StatusOr<std::shared_ptr<const Context>> BuildClientContext(const ClientSettings& settings,
                                                                  const ContextSecrets& secrets,
                                                                  PartCache& parts) {
  return ContextBuilder().Client(settings, secrets, parts);
}

}  // namespace remora::tls
