#include "source/tls/context.h"

#include <openssl/bytestring.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pool.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <utility>

#include "absl/strings/ascii.h"
#include "source/tls/context_callbacks.h"

namespace remora::tls {
namespace {

Handshake& HandshakeOf(const SSL* ssl) { return *static_cast<Handshake*>(SSL_get_app_data(ssl)); }

// A list of 16-bit numbers within an extension of the client's.
template <class Wanted>
bool ListHas(const SSL_CLIENT_HELLO& hello, uint16_t extension, const Wanted& wanted) {
  const uint8_t* bytes;
  size_t size;
  if (!SSL_early_callback_ctx_extension_get(&hello, extension, &bytes, &size)) return false;
  CBS in, list;
  CBS_init(&in, bytes, size);
  if (!CBS_get_u16_length_prefixed(&in, &list)) return false;
  uint16_t number;
  while (CBS_get_u16(&list, &number)) {
    if (wanted(number)) return true;
  }
  return false;
}

bool OffersTls13(const SSL_CLIENT_HELLO& hello) {
  const uint8_t* bytes;
  size_t size;
  if (!SSL_early_callback_ctx_extension_get(&hello, TLSEXT_TYPE_supported_versions, &bytes,
                                            &size)) {
    return false;
  }
  CBS in, list;
  CBS_init(&in, bytes, size);
  if (!CBS_get_u8_length_prefixed(&in, &list)) return false;
  uint16_t version;
  while (CBS_get_u16(&list, &version)) {
    if (version == TLS1_3_VERSION) return true;
  }
  return false;
}

bool HasEcdsaCipher(const SSL_CLIENT_HELLO& hello) {
  CBS list;
  CBS_init(&list, hello.cipher_suites, hello.cipher_suites_len);
  uint16_t number;
  while (CBS_get_u16(&list, &number)) {
    const SSL_CIPHER* cipher = SSL_get_cipher_by_value(number);
    if (cipher != nullptr && SSL_CIPHER_get_auth_nid(cipher) == NID_auth_ecdsa) return true;
  }
  return false;
}

uint16_t GroupOf(int curve) {
  return curve == NID_secp384r1   ? SSL_CURVE_SECP384R1
         : curve == NID_secp521r1 ? SSL_CURVE_SECP521R1
                                  : SSL_CURVE_SECP256R1;
}

uint16_t SignatureOf(int curve) {
  return curve == NID_secp384r1   ? SSL_SIGN_ECDSA_SECP384R1_SHA384
         : curve == NID_secp521r1 ? SSL_SIGN_ECDSA_SECP521R1_SHA512
                                  : SSL_SIGN_ECDSA_SECP256R1_SHA256;
}

// Could the client check a signature by a key of that curve?
bool Takes(const SSL_CLIENT_HELLO& hello, int curve) {
  const bool signs = ListHas(hello, TLSEXT_TYPE_signature_algorithms,
                             [curve](uint16_t n) { return n == SignatureOf(curve); });
  if (!signs || OffersTls13(hello)) return signs;
  return HasEcdsaCipher(hello) && ListHas(hello, TLSEXT_TYPE_supported_groups,
                                          [curve](uint16_t n) { return n == GroupOf(curve); });
}

bool AsksForStapling(const SSL_CLIENT_HELLO& hello) {
  const uint8_t* bytes;
  size_t size;
  return SSL_early_callback_ctx_extension_get(&hello, TLSEXT_TYPE_status_request, &bytes, &size);
}

// False: the handshake fails.
bool Staple(const SSL_CLIENT_HELLO& hello, const Context& context,
            const LoadedCertificate& certificate, const SslCounters& stats) {
  if (!AsksForStapling(hello)) return true;
  stats.ocsp_staple_requests.Inc();
  const OcspResponse& response = certificate.ocsp();
  const bool valid = !response.empty() && !response.ExpiredAt(std::time(nullptr));
  if (valid) {
    stats.ocsp_staple_responses.Inc();
    return SSL_set_ocsp_response(hello.ssl, reinterpret_cast<const uint8_t*>(response.der.data()),
                                 response.der.size()) == 1;
  }
  const OcspPolicy policy =
      certificate.must_staple() ? OcspPolicy::kMust : context.server_settings().ocsp_policy;
  const bool fails =
      policy == OcspPolicy::kMust || (policy == OcspPolicy::kStrict && !response.empty());
  if (fails) {
    stats.ocsp_staple_failed.Inc();
  } else {
    stats.ocsp_staple_omitted.Inc();
  }
  return !fails;
}

bool UseCertificate(SSL* ssl, const LoadedCertificate& certificate) {
  std::vector<CRYPTO_BUFFER*> chain;
  for (const BufferPtr& buffer : certificate.chain()) chain.push_back(buffer.get());
  return SSL_set_chain_and_key(ssl, chain.data(), chain.size(), certificate.key(), nullptr) == 1;
}

}  // namespace

Context::~Context() {
  // In this order: the pool goes last.
  ssl_.reset();
  certificates_.clear();
}

SslPtr Context::MakeSsl(Handshake& handshake) const {
  SslPtr ssl(SSL_new(ssl_.get()));
  if (ssl == nullptr) return nullptr;
  handshake.context = this;
  SSL_set_app_data(ssl.get(), &handshake);
  SSL_set_shed_handshake_config(ssl.get(), 1);
  if (server_) {
    SSL_set_accept_state(ssl.get());
  } else {
    SSL_set_connect_state(ssl.get());
    if (client_settings_.allow_renegotiation) {
      SSL_set_renegotiate_mode(ssl.get(), ssl_renegotiate_freely);
    }
    SSL_set_enforce_rsa_key_usage(ssl.get(), client_settings_.enforce_rsa_key_usage);
    if (!certificates_.empty()) handshake.presented = certificates_.front().get();
  }
  return ssl;
}

const LoadedCertificate* Context::Choose(const SSL_CLIENT_HELLO& hello) const {
  const LoadedCertificate* first = certificates_.front().get();
  if (certificates_.size() == 1) return first;
  const auto pick = [&hello](const Choice& choice) -> const LoadedCertificate* {
    if (choice.ecdsa != nullptr && Takes(hello, choice.ecdsa->curve())) return choice.ecdsa;
    return choice.rsa;
  };
  const char* sent = SSL_get_servername(hello.ssl, TLSEXT_NAMETYPE_host_name);
  const std::string name = absl::AsciiStrToLower(sent != nullptr ? sent : "");
  if (!name.empty()) {
    auto found = by_name_.find(name);
    const size_t dot = name.find('.');
    if (found == by_name_.end() && dot != std::string::npos)
      found = by_name_.find(name.substr(dot));
    const bool fits = found != by_name_.end();
    if (const LoadedCertificate* picked = fits ? pick(found->second) : nullptr) return picked;
    // One of that name that the client cannot check is better than one of another name.
    if (!server_settings_.full_scan_on_sni_mismatch) return fits ? found->second.ecdsa : first;
  }
  for (const auto& certificate : certificates_) {
    if (!certificate->ecdsa() || Takes(hello, certificate->curve())) return certificate.get();
  }
  return first;
}

ssl_select_cert_result_t ContextCallbacks::OnClientHello(const SSL_CLIENT_HELLO* hello) {
  Handshake& handshake = HandshakeOf(hello->ssl);
  if (handshake.held) {
    handshake.greeted = true;
    return ssl_select_cert_retry;
  }
  handshake.greeted = true;
  const Context& context = *handshake.context;
  const LoadedCertificate& chosen = *context.Choose(*hello);
  handshake.presented = &chosen;
  if (&chosen != context.certificates().front().get() && !UseCertificate(hello->ssl, chosen)) {
    return ssl_select_cert_error;
  }
  return Staple(*hello, context, chosen, handshake.stats->counters()) ? ssl_select_cert_success
                                                                      : ssl_select_cert_error;
}

ssl_verify_result_t ContextCallbacks::OnVerify(SSL* ssl, uint8_t* alert) {
  Handshake& handshake = HandshakeOf(ssl);
  const PeerCheck* check = handshake.context->check();
  if (check == nullptr || (!check->asks() && handshake.names.empty())) return ssl_verify_ok;
  const STACK_OF(CRYPTO_BUFFER)* sent = SSL_get0_peer_certificates(ssl);
  bssl::UniquePtr<STACK_OF(X509)> chain(sk_X509_new_null());
  for (CRYPTO_BUFFER* buffer : sent) {
    bssl::UniquePtr<X509> certificate(X509_parse_from_buffer(buffer));
    if (certificate == nullptr || !bssl::PushToStack(chain.get(), std::move(certificate))) {
      handshake.refusal = "verify cert failed: the certificate is malformed";
      *alert = SSL_AD_BAD_CERTIFICATE;
      return ssl_verify_invalid;
    }
  }
  const PeerVerdict verdict = check->Check(*chain, &handshake.names);
  const SslCounters& stats = handshake.stats->counters();
  switch (verdict.fault) {
    case PeerVerdict::Fault::kNone:
      break;
    case PeerVerdict::Fault::kChain:
      stats.fail_verify_error.Inc();
      break;
    case PeerVerdict::Fault::kName:
      stats.fail_verify_san.Inc();
      break;
    case PeerVerdict::Fault::kHash:
      stats.fail_verify_cert_hash.Inc();
      break;
  }
  handshake.validated = verdict.validated;
  if (verdict.accepted) return ssl_verify_ok;
  handshake.refusal = verdict.reason;
  *alert = verdict.alert;
  return ssl_verify_invalid;
}

// Our order decides; without anything in common the handshake goes on without a protocol.
int ContextCallbacks::OnSelectAlpn(SSL*, const uint8_t** out, uint8_t* out_size, const uint8_t* in,
                                   unsigned in_size, void* context) {
  const std::string& ours = static_cast<const Context*>(context)->alpn_;
  const int found = SSL_select_next_proto(const_cast<uint8_t**>(out), out_size,
                                          reinterpret_cast<const uint8_t*>(ours.data()),
                                          static_cast<unsigned>(ours.size()), in, in_size);
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

int ContextCallbacks::OnTicketKey(SSL* ssl, uint8_t* name, uint8_t* iv, EVP_CIPHER_CTX* cipher,
                                  HMAC_CTX* hmac, int encrypt) {
  const std::vector<Context::TicketKey>& keys = HandshakeOf(ssl).context->ticket_keys_;
  const auto start = [&](const Context::TicketKey& key, bool encrypting) {
    return HMAC_Init_ex(hmac, key.hmac, sizeof(key.hmac), EVP_sha256(), nullptr) &&
           (encrypting ? EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.aes, iv)
                       : EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.aes, iv));
  };
  if (encrypt == 1) {
    const Context::TicketKey& key = keys.front();
    std::copy(std::begin(key.name), std::end(key.name), name);
    RAND_bytes(iv, static_cast<size_t>(EVP_CIPHER_iv_length(EVP_aes_256_cbc())));
    return start(key, true) ? 1 : -1;
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!std::equal(std::begin(keys[i].name), std::end(keys[i].name), name)) continue;
    if (!start(keys[i], false)) return -1;
    return i == 0 ? 1 : 2;  // 2: the client gets a ticket of the first key
  }
  return 0;
}

int ContextCallbacks::OnNewSession(SSL* ssl, SSL_SESSION* session) {
  Handshake& handshake = HandshakeOf(ssl);
  if (handshake.keep_session == nullptr) return 0;
  handshake.keep_session(handshake.keeper, SessionPtr(session));
  return 1;  // it is ours
}

void ContextCallbacks::OnKeyLog(const SSL* ssl, const char* line) {
  const Handshake& handshake = HandshakeOf(ssl);
  handshake.context->key_log()->Write(handshake.fd, line);
}

}  // namespace remora::tls
