#pragma once

// TlsFacts: what there is to say about a TLS connection and the two certificates on it, for logs,
// headers and access rules, without a TLS library.
//
// Owner: the transport socket; valid as long as the connection. Thread: its worker. A certificate
// is taken apart when somebody first asks for it and kept from then on. Nothing fails: what does
// not exist is empty.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/event/clock.h"

namespace remora::net {

struct CertificateFacts {
  // Names in the order of the certificate. IP addresses in text; other names as their bytes.
  std::vector<std::string> uri_sans;
  std::vector<std::string> dns_sans;
  std::vector<std::string> email_sans;
  std::vector<std::string> ip_sans;
  std::vector<std::string> other_sans;
  std::string subject;          // RFC 2253
  std::string issuer;           // RFC 2253
  std::string common_name;      // of the subject
  std::string serial;           // lower-case hexadecimal digits
  std::string fingerprint_1;    // SHA-1 of the DER, lower-case hexadecimal digits
  std::string fingerprint_256;  // SHA-256
  std::string pem;
  int64_t not_before = 0;  // seconds since the Unix epoch
  int64_t not_after = 0;
};

class TlsFacts {
 public:
  // "TLSv1.2", "TLSv1.3".
  virtual std::string_view version() const = 0;
  // OpenSSL's name: "ECDHE-RSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256".
  virtual std::string_view cipher() const = 0;
  // "X25519", "P-256".
  virtual std::string_view group() const = 0;
  // Lower-case hexadecimal digits.
  virtual std::string session_id() const = 0;
  // SNI as it was sent.
  virtual std::string_view server_name() const = 0;
  // What ALPN agreed on.
  virtual std::string_view application_protocol() const = 0;
  virtual bool resumed() const = 0;
  // From Start to the end of the handshake; 0: it has not ended.
  virtual event::Duration handshake_duration() const = 0;
  // The peer's certificate was checked against a trusted authority (or a configured hash).
  virtual bool peer_validated() const = 0;
  // Null: it presented none.
  virtual const CertificateFacts* peer() const = 0;
  // Leaf first, empty without one.
  virtual const std::vector<CertificateFacts>& peer_chain() const = 0;
  // Null: we presented none.
  virtual const CertificateFacts* local() const = 0;
  // The same facts, for as long as somebody wants them: made once a connection. Null: there are
  // none to keep.
  virtual std::shared_ptr<const TlsFacts> Keep() const { return nullptr; }

 protected:
  ~TlsFacts() = default;
};

}  // namespace remora::net
