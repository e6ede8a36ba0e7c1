#pragma once

// LoadedCertificate: one of our own certificates with its chain and key, ready to be presented, and
// what there is to know about it.
//
// Made on main from a secret, shared read-only by all workers' connections (BoringSSL signs with a
// shared key from any thread). Load fails when bytes are no certificate or key, or do not belong
// together; the message names the file, never its bytes.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "source/net/tls_facts.h"
#include "source/tls/handles.h"
#include "source/tls/ocsp.h"
#include "source/tls/secret.h"

namespace remora::tls {

class LoadedCertificate {
 public:
  static absl::StatusOr<std::shared_ptr<const LoadedCertificate>> Load(const Certificate& secret);

  const std::vector<BufferPtr>& chain() const { return chain_; }
  evp_pkey_st* key() const { return key_.get(); }
  bool ecdsa() const { return curve_ != 0; }
  // NID of an ECDSA key's curve; 0: RSA.
  int curve() const { return curve_; }
  // For SNI, lower-case: DNS names, or the common name where there are none. `*.` begins a
  // wildcard.
  const std::vector<std::string>& server_names() const { return server_names_; }
  bool must_staple() const { return must_staple_; }
  // Empty: none was given.
  const OcspResponse& ocsp() const { return ocsp_; }
  const net::CertificateFacts& facts() const { return facts_; }
  // Of every certificate in the chain, the leaf first.
  const std::vector<net::CertificateFacts>& chain_facts() const { return chain_facts_; }
  const std::string& path() const { return path_; }

 private:
  LoadedCertificate() = default;
  absl::Status ReadPem(const Certificate& secret);
  absl::Status ReadPkcs12(const Certificate& secret);
  absl::Status AddToChain(x509_st& certificate);
  absl::Status CheckLeaf(const Certificate& secret);
  absl::Status ReadOcsp(const Certificate& secret);

  std::string path_;
  std::vector<BufferPtr> chain_;
  X509Ptr leaf_;
  KeyPtr key_;
  int curve_ = 0;
  bool must_staple_ = false;
  std::vector<std::string> server_names_;
  OcspResponse ocsp_;
  net::CertificateFacts facts_;
  std::vector<net::CertificateFacts> chain_facts_;
};

}  // namespace remora::tls
