#pragma once

// PeerCheck: whether a peer's certificate is acceptable: its chain, its names, its hashes, as a
// CertificateValidationContext says.
//
// Built on main, immutable, used by all workers during handshakes. A verdict says which alert the
// peer gets, what is counted, and why in words for the log. Build fails when the validation cannot
// be used. Source: Envoy source/common/tls/cert_validator/{default_validator,spiffe}/.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "source/tls/name_check.h"
#include "source/tls/part_cache.h"
#include "source/tls/trust_store.h"

struct stack_st_X509;

namespace remora::tls {

struct PeerVerdict {
  enum class Fault : uint8_t { kNone, kChain, kName, kHash };

  bool accepted = false;
  bool validated = false;  // by an authority or a hash; an accepted peer may not be
  Fault fault = Fault::kNone;
  uint8_t alert = 0;
  std::string reason;
};

class PeerCheck {
 public:
  enum class Peer : uint8_t { kClient, kServer };

  static absl::StatusOr<std::shared_ptr<const PeerCheck>> Build(const Validation& validation,
                                                                Peer peer, PartCache& parts);

  // `chain`: the leaf first, not empty. `names`: of which the leaf must have one as a DNS or URI
  // name (null: none asked for).
  PeerVerdict Check(stack_st_X509& chain, const std::vector<std::string>* names) const;

  // A peer without a certificate cannot be acceptable.
  bool demands_certificate() const { return has_rules() && !accept_untrusted_; }
  // There is anything to check at all.
  bool asks() const { return has_rules() || trust_ != nullptr || !domains_.empty(); }
  // All bundles.
  std::vector<const TrustStore*> stores() const;
  // Its part of a server's session identity: sessions of another check are not resumed.
  const std::string& identity() const { return identity_; }

 private:
  PeerCheck() = default;
  bool has_rules() const { return !names_.empty() || !hashes_.empty() || !pins_.empty(); }
  // Check, before untrusted peers are accepted.
  PeerVerdict Judge(stack_st_X509& chain, const std::vector<std::string>* names) const;
  absl::Status ReadHashes(const Validation& validation);
  absl::Status ReadStores(const Validation& validation, PartCache& parts);
  // Null: the leaf belongs to no trust domain.
  const TrustStore* StoreOf(const std::vector<SubjectAltName>& names) const;
  bool VerifyChain(stack_st_X509& chain, const TrustStore& store, PeerVerdict& verdict) const;
  bool HashFits(x509_st& leaf) const;

  Peer peer_ = Peer::kClient;
  std::shared_ptr<const TrustStore> trust_;
  struct Domain {
    std::string name;
    std::shared_ptr<const TrustStore> trust;
  };
  std::vector<Domain> domains_;  // SPIFFE: by the trust domain of the leaf
  NameCheck names_;
  std::vector<std::string> hashes_;  // 32 bytes each
  std::vector<std::string> pins_;
  bool allow_expired_ = false;
  bool accept_untrusted_ = false;
  int max_depth_ = -1;  // -1: the library's
  std::string identity_;
};

}  // namespace remora::tls
