// What a Transport says about itself as TlsFacts.

#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "source/tls/certificate_facts.h"
#include "source/tls/transport.h"

namespace remora::tls {
namespace {

std::string_view OrEmpty(const char* text) { return text != nullptr ? text : ""; }

}  // namespace

std::string_view Transport::version() const { return OrEmpty(SSL_get_version(ssl_.get())); }

std::string_view Transport::cipher() const {
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_.get());
  return cipher != nullptr ? OrEmpty(SSL_CIPHER_get_name(cipher)) : "";
}

std::string_view Transport::group() const {
  return OrEmpty(SSL_get_curve_name(SSL_get_curve_id(ssl_.get())));
}

std::string Transport::session_id() const {
  const SSL_SESSION* session = SSL_get_session(ssl_.get());
  if (session == nullptr) return "";
  unsigned size = 0;
  const uint8_t* id = SSL_SESSION_get_id(session, &size);
  return ToHex(id, size);
}

std::string_view Transport::server_name() const {
  return OrEmpty(SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name));
}

std::string_view Transport::application_protocol() const {
  const uint8_t* protocol;
  unsigned size;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  return {reinterpret_cast<const char*>(protocol), size};
}

bool Transport::resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

const std::vector<net::CertificateFacts>& Transport::peer_chain() const {
  if (peer_chain_ != nullptr) return *peer_chain_;
  peer_chain_ = std::make_unique<std::vector<net::CertificateFacts>>();
  const STACK_OF(CRYPTO_BUFFER)* chain = SSL_get0_peer_certificates(ssl_.get());
  if (chain == nullptr) return *peer_chain_;
  for (CRYPTO_BUFFER* buffer : chain) {
    const X509Ptr certificate(X509_parse_from_buffer(buffer));
    if (certificate == nullptr) break;  // it was not looked at: no check asked for it
    peer_chain_->push_back(ReadFacts(*certificate));
  }
  return *peer_chain_;
}

const net::CertificateFacts* Transport::peer() const {
  const std::vector<net::CertificateFacts>& chain = peer_chain();
  return chain.empty() ? nullptr : &chain.front();
}

const net::CertificateFacts* Transport::local() const {
  return handshake_.presented != nullptr ? &handshake_.presented->facts() : nullptr;
}

}  // namespace remora::tls
