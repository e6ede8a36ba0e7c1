// What a Transport says about itself as TlsFacts.

#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/tls/certificate_facts.h"
#include "source/tls/transport.h"

namespace remora::tls {
namespace {

std::string_view OrEmpty(const char* text) { return text != nullptr ? text : ""; }

using Chain = std::vector<net::CertificateFacts>;

std::unique_ptr<Chain> ReadChain(const STACK_OF(CRYPTO_BUFFER) * sent) {
  auto chain = std::make_unique<Chain>();
  if (sent == nullptr) return chain;
  for (CRYPTO_BUFFER* buffer : sent) {
    const X509Ptr certificate(X509_parse_from_buffer(buffer));
    if (certificate == nullptr) break;  // it was not looked at: no check asked for it
    chain->push_back(ReadFacts(*certificate));
  }
  return chain;
}

// What outlives the connection. The texts of the library are literals; certificates stay bytes
// until somebody asks. One worker's, as the connection is.
class KeptFacts final : public net::TlsFacts {
 public:
  KeptFacts(const net::TlsFacts& facts, ssl_st* ssl, std::shared_ptr<const Context> context,
            const LoadedCertificate* presented)
      : context_(std::move(context)),
        presented_(presented),
        session_(SSL_get1_session(ssl)),
        version_(facts.version()),
        cipher_(facts.cipher()),
        group_(facts.group()),
        session_id_(facts.session_id()),
        server_name_(facts.server_name()),
        application_protocol_(facts.application_protocol()),
        resumed_(facts.resumed()),
        validated_(facts.peer_validated()),
        handshake_duration_(facts.handshake_duration()) {}

  std::string_view version() const override { return version_; }
  std::string_view cipher() const override { return cipher_; }
  std::string_view group() const override { return group_; }
  std::string session_id() const override { return session_id_; }
  std::string_view server_name() const override { return server_name_; }
  std::string_view application_protocol() const override { return application_protocol_; }
  bool resumed() const override { return resumed_; }
  event::Duration handshake_duration() const override { return handshake_duration_; }
  bool peer_validated() const override { return validated_; }
  const net::CertificateFacts* peer() const override {
    return peer_chain().empty() ? nullptr : &peer_chain().front();
  }
  const Chain& peer_chain() const override {
    if (chain_ == nullptr) {
      chain_ = ReadChain(session_ != nullptr ? SSL_SESSION_get0_peer_certificates(session_.get())
                                             : nullptr);
    }
    return *chain_;
  }
  const net::CertificateFacts* local() const override {
    return presented_ != nullptr ? &presented_->facts() : nullptr;
  }

 private:
  std::shared_ptr<const Context> context_;  // whose `presented_` is
  const LoadedCertificate* presented_;
  SessionPtr session_;
  std::string_view version_;
  std::string_view cipher_;
  std::string_view group_;
  std::string session_id_;
  std::string server_name_;
  std::string application_protocol_;
  bool resumed_;
  bool validated_;
  event::Duration handshake_duration_;
  mutable std::unique_ptr<Chain> chain_;  // once asked for
};

}  // namespace

std::shared_ptr<const net::TlsFacts> Transport::Keep() const {
  if (kept_ == nullptr && state_ == State::kOpen) {
    kept_ = std::make_shared<const KeptFacts>(*this, ssl_.get(), context_, handshake_.presented);
  }
  return kept_;
}

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
  if (peer_chain_ == nullptr) peer_chain_ = ReadChain(SSL_get0_peer_certificates(ssl_.get()));
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
