#include "source/tls/loaded_certificate.h"

#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs8.h>
#include <openssl/pool.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "source/tls/certificate_facts.h"
#include "source/tls/errors.h"

namespace remora::tls {
namespace {

bssl::UniquePtr<BIO> OpenBytes(const std::string& bytes) {
  return bssl::UniquePtr<BIO>(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

// PEM's question for the password of an encrypted key.
int GivePassword(char* to, int size, int, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  if (text.empty() || text.size() > static_cast<size_t>(size)) return -1;
  std::memcpy(to, text.data(), text.size());
  return static_cast<int>(text.size());
}

KeyPtr ReadKey(const Certificate& secret) {
  const bssl::UniquePtr<BIO> in = OpenBytes(secret.private_key.content.str());
  std::string password = secret.password.content.str();
  return KeyPtr(PEM_read_bio_PrivateKey(in.get(), nullptr, &GivePassword, &password));
}

// True at the end of a list of PEM blocks, as opposed to a broken one.
bool AtEndOfPem() {
  const uint32_t error = ERR_peek_last_error();
  const bool end =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (end) ERR_clear_error();
  return end;
}

// The TLS feature extension with status_request in it (RFC 7633).
bool AsksForStapling(X509& certificate) {
  bssl::UniquePtr<ASN1_OBJECT> oid(OBJ_txt2obj("1.3.6.1.5.5.7.1.24", 1));
  const int at = X509_get_ext_by_OBJ(&certificate, oid.get(), -1);
  if (at < 0) return false;
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509_get_ext(&certificate, at));
  CBS in, list;
  CBS_init(&in, ASN1_STRING_get0_data(value), static_cast<size_t>(ASN1_STRING_length(value)));
  if (!CBS_get_asn1(&in, &list, CBS_ASN1_SEQUENCE)) return false;
  uint64_t feature;
  while (CBS_len(&list) > 0 && CBS_get_asn1_uint64(&list, &feature)) {
    if (feature == 5) return true;
  }
  return false;
}

}  // namespace

absl::Status LoadedCertificate::AddToChain(x509_st& certificate) {
  uint8_t* der = nullptr;
  const int size = i2d_X509(&certificate, &der);
  if (size < 0) return absl::InvalidArgumentError("Failed to load certificate chain");
  bssl::UniquePtr<uint8_t> owned(der);
  chain_.emplace_back(CRYPTO_BUFFER_new(der, static_cast<size_t>(size), nullptr));
  chain_facts_.push_back(ReadFacts(certificate));
  return absl::OkStatus();
}

absl::Status LoadedCertificate::ReadPem(const Certificate& secret) {
  const auto broken = [&secret] {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        absl::StrCat("Failed to load certificate chain from ", secret.chain.Name()));
  };
  const bssl::UniquePtr<BIO> in = OpenBytes(secret.chain.content.str());
  leaf_.reset(PEM_read_bio_X509_AUX(in.get(), nullptr, nullptr, nullptr));
  if (leaf_ == nullptr || !AddToChain(*leaf_).ok()) return broken();
  while (true) {
    X509Ptr next(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
    if (next == nullptr) {
      if (!AtEndOfPem()) return broken();
      break;
    }
    if (!AddToChain(*next).ok()) return broken();
  }
  key_ = ReadKey(secret);
  if (key_ == nullptr) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        absl::StrCat("Failed to load ", secret.password.empty() ? "" : "password protected ",
                     "private key from ", secret.private_key.Name()));
  }
  return absl::OkStatus();
}

absl::Status LoadedCertificate::ReadPkcs12(const Certificate& secret) {
  CBS in;
  CBS_init(&in, reinterpret_cast<const uint8_t*>(secret.pkcs12.content.data()),
           secret.pkcs12.content.size());
  EVP_PKEY* key = nullptr;
  bssl::UniquePtr<STACK_OF(X509)> certificates(sk_X509_new_null());
  const int read = PKCS12_get_key_and_certs(&key, certificates.get(), &in,
                                            secret.password.content.str().c_str());
  key_.reset(key);
  if (!read || key == nullptr || sk_X509_num(certificates.get()) == 0) {
    const std::string reason = TakeReason();
    return absl::InvalidArgumentError(
        absl::StrCat("Failed to load pkcs12 from ", secret.pkcs12.Name(), ", BoringSSL: ", reason));
  }
  // The leaf is the one that the key belongs to, wherever it stands.
  for (X509* certificate : certificates.get()) {
    if (leaf_ == nullptr && X509_check_private_key(certificate, key)) {
      X509_up_ref(certificate);
      leaf_.reset(certificate);
    }
  }
  ERR_clear_error();
  if (leaf_ == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("Failed to load certificate from ", secret.pkcs12.Name()));
  }
  if (absl::Status added = AddToChain(*leaf_); !added.ok()) return added;
  for (X509* certificate : certificates.get()) {
    if (X509_cmp(certificate, leaf_.get()) == 0) continue;
    if (absl::Status added = AddToChain(*certificate); !added.ok()) return added;
  }
  return absl::OkStatus();
}

absl::Status LoadedCertificate::CheckLeaf(const Certificate& secret) {
  if (!X509_check_private_key(leaf_.get(), key_.get())) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        absl::StrCat("Failed to load private key from ", secret.private_key.Name(),
                     ", Cause: error:0b000074:X.509 certificate routines:OPENSSL_internal:"
                     "KEY_VALUES_MISMATCH"));
  }
  if (EVP_PKEY_id(key_.get()) == EVP_PKEY_EC) {
    curve_ = EC_GROUP_get_curve_name(EC_KEY_get0_group(EVP_PKEY_get0_EC_KEY(key_.get())));
    if (curve_ == NID_X9_62_prime256v1 || curve_ == NID_secp384r1 || curve_ == NID_secp521r1) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        absl::StrCat("Failed to load certificate chain from ", path_,
                     ", only P-256, P-384 or P-521 ECDSA certificates are supported"));
  }
  if (EVP_PKEY_id(key_.get()) == EVP_PKEY_RSA && EVP_PKEY_bits(key_.get()) < 2048) {
    return absl::InvalidArgumentError(
        absl::StrCat("Failed to load certificate chain from ", path_,
                     ", only RSA certificates with 2048-bit or larger keys are supported"));
  }
  return absl::OkStatus();
}

absl::Status LoadedCertificate::ReadOcsp(const Certificate& secret) {
  if (secret.ocsp_staple.content.empty()) return absl::OkStatus();
  absl::StatusOr<OcspResponse> response = ParseOcspResponse(secret.ocsp_staple.content.str());
  if (!response.ok()) return response.status();
  ocsp_ = *std::move(response);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const LoadedCertificate>> LoadedCertificate::Load(
    const Certificate& secret) {
  std::unique_ptr<LoadedCertificate> loaded(new LoadedCertificate);
  const bool pkcs12 = !secret.pkcs12.empty();
  loaded->path_ = pkcs12 ? secret.pkcs12.Name() : secret.chain.Name();
  if (!pkcs12 && (secret.chain.content.empty() || secret.private_key.content.empty())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "Failed to load incomplete certificate from ", secret.chain.Name(), ", ",
        secret.private_key.Name(), ": certificate chain and private key must both be set"));
  }
  absl::Status read = pkcs12 ? loaded->ReadPkcs12(secret) : loaded->ReadPem(secret);
  if (read.ok()) read = loaded->CheckLeaf(secret);
  if (read.ok()) read = loaded->ReadOcsp(secret);
  if (!read.ok()) return read;
  loaded->must_staple_ = AsksForStapling(*loaded->leaf_);
  loaded->facts_ = loaded->chain_facts_.front();
  loaded->server_names_ = loaded->facts_.dns_sans;
  if (loaded->server_names_.empty() && !loaded->facts_.common_name.empty()) {
    loaded->server_names_.push_back(loaded->facts_.common_name);
  }
  for (std::string& name : loaded->server_names_) absl::AsciiStrToLower(&name);
  return std::shared_ptr<const LoadedCertificate>(std::move(loaded));
}

}  // namespace remora::tls
