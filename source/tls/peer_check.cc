#include "source/tls/peer_check.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "source/tls/certificate_facts.h"

namespace remora::tls {
namespace {

constexpr std::string_view kSpiffe = "spiffe://";

int IgnoreExpiry(int ok, X509_STORE_CTX* context) {
  const int error = X509_STORE_CTX_get_error(context);
  if (ok != 0) return ok;
  return error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID ? 1 : 0;
}

bool IsAuthority(X509& leaf) {
  const uint32_t usage = X509_get_key_usage(&leaf);
  const bool signs = usage != UINT32_MAX && (usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0;
  return X509_check_ca(&leaf) != 0 || signs;
}

// "spiffe://domain/..." of the leaf's one URI name; empty: it is no SPIFFE identity.
std::string_view TrustDomainOf(const std::vector<SubjectAltName>& names) {
  for (const SubjectAltName& name : names) {
    if (name.type != SubjectAltNameMatch::Type::kUri) continue;
    const std::string_view uri = name.value;
    if (!uri.starts_with(kSpiffe)) continue;
    const std::string_view rest = uri.substr(kSpiffe.size());
    return rest.substr(0, rest.find('/'));
  }
  return {};
}

// In what is said of a refused peer: its names are its own choice, so escaped and bounded.
constexpr size_t kShownNames = 1024;

std::string Shown(const std::vector<SubjectAltName>& names) {
  std::string shown;
  for (const SubjectAltName& name : names) {
    if (!shown.empty()) shown += ", ";
    if (shown.size() + name.value.size() > kShownNames) return shown + "...";
    shown += absl::CHexEscape(name.value);
  }
  return shown;
}

PeerVerdict Refuse(PeerVerdict verdict, PeerVerdict::Fault fault, int alert, std::string reason) {
  verdict.fault = fault;
  verdict.alert = static_cast<uint8_t>(alert);
  verdict.reason = std::move(reason);
  return verdict;
}

}  // namespace

absl::Status PeerCheck::ReadHashes(const Validation& validation) {
  for (const std::string& text : validation.certificate_hashes) {
    const std::string digits = absl::StrReplaceAll(text, {{":", ""}});
    const bool hex = std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit);
    if (!hex || digits.size() != 2 * SHA256_DIGEST_LENGTH) {
      return absl::InvalidArgumentError(absl::StrCat("Invalid hex-encoded SHA-256 ", text));
    }
    hashes_.push_back(absl::HexStringToBytes(digits));
  }
  for (const std::string& text : validation.spki_pins) {
    std::string bytes;
    if (!absl::Base64Unescape(text, &bytes) || bytes.size() != SHA256_DIGEST_LENGTH) {
      return absl::InvalidArgumentError(absl::StrCat("Invalid base64-encoded SHA-256 ", text));
    }
    pins_.push_back(std::move(bytes));
  }
  return absl::OkStatus();
}

absl::Status PeerCheck::ReadStores(const Validation& validation, PartCache& parts) {
  const auto build = [&](const Bytes& bundle, std::shared_ptr<const TrustStore>& to) {
    auto store = TrustStore::Build(bundle, validation.crl, validation.crl_leaf_only, parts);
    if (!store.ok()) return store.status();
    to = *std::move(store);
    return absl::OkStatus();
  };
  for (const TrustDomain& domain : validation.trust_domains) {
    Domain& added = domains_.emplace_back();
    added.name = domain.name;
    if (absl::Status built = build(domain.bundle, added.trust); !built.ok()) return built;
  }
  if (!domains_.empty()) return absl::OkStatus();
  if (!validation.trusted_ca.empty()) return build(validation.trusted_ca, trust_);
  if (validation.system_roots) {
    const absl::StatusOr<Bytes> roots = TrustStore::ReadSystemRoots();
    return roots.ok() ? build(*roots, trust_) : roots.status();
  }
  if (!validation.crl.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("Failed to load CRL from ", validation.crl.Name(), " without trusted CA"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const PeerCheck>> PeerCheck::Build(const Validation& validation,
                                                                  Peer peer, PartCache& parts) {
  std::unique_ptr<PeerCheck> check(new PeerCheck);
  check->peer_ = peer;
  check->allow_expired_ = validation.allow_expired;
  check->accept_untrusted_ = validation.accept_untrusted;
  if (validation.max_depth.has_value()) {
    check->max_depth_ = static_cast<int>(*validation.max_depth);
  }
  absl::StatusOr<NameCheck> names = NameCheck::Compile(validation.subject_alt_names);
  if (!names.ok()) return names.status();
  check->names_ = *std::move(names);
  absl::Status read = check->ReadHashes(validation);
  if (read.ok()) read = check->ReadStores(validation, parts);
  if (!read.ok()) return read;
  if (!validation.subject_alt_names.empty() && check->stores().empty()) {
    return absl::InvalidArgumentError(
        "SAN-based verification of peer certificates without trusted CA is insecure and not "
        "allowed");
  }
  std::string identity = absl::StrCat(validation.allow_expired, validation.accept_untrusted,
                                      check->max_depth_, validation.crl_leaf_only);
  for (const SubjectAltNameMatch& name : validation.subject_alt_names) {
    absl::StrAppend(&identity, "|", static_cast<int>(name.type), static_cast<int>(name.match.kind),
                    name.match.ignore_case, name.match.text.size(), ":", name.match.text, name.oid);
  }
  for (const std::string& hash : check->hashes_) identity += hash;
  for (const std::string& pin : check->pins_) identity += pin;
  for (const TrustDomain& domain : validation.trust_domains) {
    identity += PartCache::KeyOf({domain.name, domain.bundle.content.str()});
  }
  check->identity_ = PartCache::KeyOf(
      {identity, validation.trusted_ca.content.str(), validation.crl.content.str()});
  return std::shared_ptr<const PeerCheck>(std::move(check));
}

std::vector<const TrustStore*> PeerCheck::stores() const {
  std::vector<const TrustStore*> stores;
  if (trust_ != nullptr) stores.push_back(trust_.get());
  for (const Domain& domain : domains_) stores.push_back(domain.trust.get());
  return stores;
}

const TrustStore* PeerCheck::StoreOf(const std::vector<SubjectAltName>& names) const {
  const std::string_view wanted = TrustDomainOf(names);
  for (const Domain& domain : domains_) {
    if (domain.name == wanted) return domain.trust.get();
  }
  return nullptr;
}

bool PeerCheck::VerifyChain(stack_st_X509& chain, const TrustStore& store,
                            PeerVerdict& verdict) const {
  bssl::UniquePtr<X509_STORE_CTX> context(X509_STORE_CTX_new());
  X509* leaf = sk_X509_value(&chain, 0);
  if (context == nullptr || !X509_STORE_CTX_init(context.get(), store.get(), leaf, &chain) ||
      !X509_STORE_CTX_set_default(context.get(),
                                  peer_ == Peer::kClient ? "ssl_client" : "ssl_server")) {
    verdict.alert = SSL_AD_INTERNAL_ERROR;
    verdict.reason = "verify cert failed: internal error";
    return false;
  }
  if (max_depth_ >= 0) X509_STORE_CTX_set_depth(context.get(), max_depth_);
  if (allow_expired_) X509_STORE_CTX_set_verify_cb(context.get(), &IgnoreExpiry);
  const bool verified = X509_verify_cert(context.get()) == 1;
  ERR_clear_error();
  if (verified) return true;
  const int error = X509_STORE_CTX_get_error(context.get());
  verdict.alert = static_cast<uint8_t>(SSL_alert_from_verify_result(error));
  verdict.reason = absl::StrCat(
      "verify cert failed: X509_verify_cert: certificate verification error at depth ",
      X509_STORE_CTX_get_error_depth(context.get()), ": ", X509_verify_cert_error_string(error));
  return false;
}

bool PeerCheck::HashFits(x509_st& leaf) const {
  uint8_t digest[SHA256_DIGEST_LENGTH];
  const auto is_digest = [&digest](const std::string& bytes) {
    return std::equal(bytes.begin(), bytes.end(), reinterpret_cast<const char*>(digest));
  };
  if (!hashes_.empty()) {
    unsigned size = 0;
    if (X509_digest(&leaf, EVP_sha256(), digest, &size) &&
        std::any_of(hashes_.begin(), hashes_.end(), is_digest)) {
      return true;
    }
  }
  if (pins_.empty()) return false;
  uint8_t* spki = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(&leaf), &spki);
  if (size < 0) return false;
  bssl::UniquePtr<uint8_t> owned(spki);
  SHA256(spki, static_cast<size_t>(size), digest);
  return std::any_of(pins_.begin(), pins_.end(), is_digest);
}

PeerVerdict PeerCheck::Check(stack_st_X509& chain, const std::vector<std::string>* names) const {
  PeerVerdict verdict = Judge(chain, names);
  // Counted, and let in all the same.
  verdict.accepted |= accept_untrusted_;
  return verdict;
}

PeerVerdict PeerCheck::Judge(stack_st_X509& chain, const std::vector<std::string>* names) const {
  using Fault = PeerVerdict::Fault;
  PeerVerdict verdict;
  X509& leaf = *sk_X509_value(&chain, 0);
  const std::vector<SubjectAltName> presented = SubjectAltNames(leaf);
  const TrustStore* store = trust_.get();
  if (!domains_.empty()) {
    if (IsAuthority(leaf)) {
      return Refuse(verdict, Fault::kChain, SSL_AD_BAD_CERTIFICATE,
                    "verify cert failed: SPIFFE: the leaf certificate is an authority's");
    }
    store = StoreOf(presented);
    if (store == nullptr) {
      return Refuse(verdict, Fault::kChain, SSL_AD_UNKNOWN_CA,
                    "verify cert failed: no trust bundle store");
    }
  }
  if (store != nullptr) {
    verdict.validated = VerifyChain(chain, *store, verdict);
    if (!verdict.validated) {
      verdict.fault = Fault::kChain;
      return verdict;
    }
  }
  if (names != nullptr && !names->empty()) {
    const bool fits = std::any_of(presented.begin(), presented.end(), [&](const auto& name) {
      const bool dns = name.type == SubjectAltNameMatch::Type::kDns;
      return std::any_of(names->begin(), names->end(), [&](const std::string& wanted) {
        return dns ? DnsNameFits(wanted, name.value) : wanted == name.value;
      });
    });
    if (!fits) {
      return Refuse(verdict, Fault::kName, SSL_AD_CERTIFICATE_UNKNOWN,
                    absl::StrCat("verify cert failed: SAN matcher, certificate SANs are [",
                                 Shown(presented), "]"));
    }
    verdict.validated = true;
  }
  if (!names_.empty() && !names_.Holds(presented)) {
    return Refuse(verdict, Fault::kName, SSL_AD_CERTIFICATE_UNKNOWN,
                  absl::StrCat("verify cert failed: SAN matcher, certificate SANs are [",
                               Shown(presented), "]"));
  }
  if (!hashes_.empty() || !pins_.empty()) {
    if (!HashFits(leaf)) {
      return Refuse(verdict, Fault::kHash, SSL_AD_BAD_CERTIFICATE_HASH_VALUE,
                    "verify cert failed: cert hash and spki");
    }
    verdict.validated = true;
  }
  verdict.accepted = true;
  return verdict;
}

}  // namespace remora::tls
