#include "source/tls/trust_store.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pool.h>
#include <openssl/x509.h>

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/tls/certificate_facts.h"

namespace remora::tls {
namespace {

// Where distributions keep all roots in one file: Debian, Red Hat, SUSE, Alpine.
constexpr const char* kSystemRoots[] = {"/etc/ssl/certs/ca-certificates.crt",
                                        "/etc/pki/tls/certs/ca-bundle.crt",
                                        "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};

using InfoStack = bssl::UniquePtr<STACK_OF(X509_INFO)>;

InfoStack ReadPem(const std::string& bytes) {
  bssl::UniquePtr<BIO> in(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  return InfoStack(PEM_X509_INFO_read_bio(in.get(), nullptr, nullptr, nullptr));
}

BufferPtr NameBytes(X509& certificate) {
  uint8_t* der = nullptr;
  const int size = i2d_X509_NAME(X509_get_subject_name(&certificate), &der);
  if (size < 0) return nullptr;
  bssl::UniquePtr<uint8_t> owned(der);
  return BufferPtr(CRYPTO_BUFFER_new(der, static_cast<size_t>(size), nullptr));
}

bool SameBytes(const BufferPtr& a, const BufferPtr& b) {
  return CRYPTO_BUFFER_len(a.get()) == CRYPTO_BUFFER_len(b.get()) &&
         std::equal(CRYPTO_BUFFER_data(a.get()),
                    CRYPTO_BUFFER_data(a.get()) + CRYPTO_BUFFER_len(a.get()),
                    CRYPTO_BUFFER_data(b.get()));
}

}  // namespace

absl::Status TrustStore::AddAuthorities(const Bytes& pem, bool& has_crl) {
  const InfoStack items = ReadPem(pem.content.str());
  if (items == nullptr) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        absl::StrCat("Failed to load trusted CA certificates from ", pem.Name()));
  }
  for (const X509_INFO* item : items.get()) {
    if (item->x509 != nullptr) {
      X509_STORE_add_cert(store_.get(), item->x509);
      facts_.push_back(ReadFacts(*item->x509));
      BufferPtr name = NameBytes(*item->x509);
      const bool known = name == nullptr ||
                         std::any_of(names_.begin(), names_.end(),
                                     [&name](const auto& other) { return SameBytes(name, other); });
      if (!known) names_.push_back(std::move(name));
    }
    if (item->crl != nullptr) {
      X509_STORE_add_crl(store_.get(), item->crl);
      has_crl = true;
    }
  }
  ERR_clear_error();
  if (!facts_.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("Failed to load trusted CA certificates from ", pem.Name()));
}

absl::Status TrustStore::AddLists(const Bytes& pem) {
  const InfoStack items = ReadPem(pem.content.str());
  bool any = false;
  if (items != nullptr) {
    for (const X509_INFO* item : items.get()) {
      if (item->crl == nullptr) continue;
      X509_STORE_add_crl(store_.get(), item->crl);
      any = true;
    }
  }
  ERR_clear_error();
  if (any) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("Failed to load CRL from ", pem.Name()));
}

absl::StatusOr<std::shared_ptr<const TrustStore>> TrustStore::Build(const Bytes& authorities,
                                                                    const Bytes& crl,
                                                                    bool crl_leaf_only,
                                                                    PartCache& parts) {
  const std::string key = PartCache::KeyOf(
      {authorities.content.str(), crl.content.str(), crl_leaf_only ? "leaf" : "all"});
  if (auto found = parts.Find<TrustStore>("trust", key); found != nullptr) return found;
  std::unique_ptr<TrustStore> built(new TrustStore);
  built->store_.reset(X509_STORE_new());
  built->path_ = authorities.Name();
  bool has_crl = false;
  absl::Status added = built->AddAuthorities(authorities, has_crl);
  if (added.ok() && !crl.content.empty()) {
    added = built->AddLists(crl);
    has_crl = true;
  }
  if (!added.ok()) return added;
  unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
  if (has_crl) flags |= X509_V_FLAG_CRL_CHECK | (crl_leaf_only ? 0 : X509_V_FLAG_CRL_CHECK_ALL);
  X509_STORE_set_flags(built->store_.get(), flags);
  std::shared_ptr<const TrustStore> store = std::move(built);
  parts.Add("trust", key, store);
  return store;
}

absl::StatusOr<Bytes> TrustStore::ReadSystemRoots() {
  for (const char* path : kSystemRoots) {
    std::ifstream in(path, std::ios::binary);
    if (!in) continue;
    return Bytes{path, std::string(std::istreambuf_iterator<char>(in), {})};
  }
  return absl::NotFoundError("Failed to load system root certificates: there is no bundle");
}

}  // namespace remora::tls
