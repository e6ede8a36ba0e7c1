#pragma once

// TrustStore: the authorities that a peer's chain may end in, with revocation lists.
//
// Built on main from PEM bytes, shared read-only by all contexts whose bytes are equal (PartCache)
// and used by all workers at once. Build fails when the bytes are no certificates or lists; the
// message names the file. An intermediate in the bundle is trusted by itself (a partial chain), as
// in Envoy.

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "source/net/tls_facts.h"
#include "source/tls/handles.h"
#include "source/tls/part_cache.h"
#include "source/tls/secret.h"

namespace remora::tls {

class TrustStore {
 public:
  // `crl`: may be empty.
  static absl::StatusOr<std::shared_ptr<const TrustStore>> Build(const Bytes& authorities,
                                                                 const Bytes& crl,
                                                                 bool crl_leaf_only,
                                                                 PartCache& parts);
  // The machine's own roots.
  static absl::StatusOr<Bytes> ReadSystemRoots();

  x509_store_st* get() const { return store_.get(); }
  // Their distinguished names, for a server's CertificateRequest.
  const std::vector<BufferPtr>& names() const { return names_; }
  const std::vector<net::CertificateFacts>& facts() const { return facts_; }
  const std::string& path() const { return path_; }

 private:
  TrustStore() = default;
  absl::Status AddAuthorities(const Bytes& pem, bool& has_crl);
  absl::Status AddLists(const Bytes& pem);

  StorePtr store_;
  std::vector<BufferPtr> names_;
  std::vector<net::CertificateFacts> facts_;
  std::string path_;
};

}  // namespace remora::tls
