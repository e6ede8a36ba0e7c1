#include "test/fakes/authority.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <catch2/catch.hpp>

namespace remora::fakes {
namespace {

using KeyPtr = bssl::UniquePtr<EVP_PKEY>;
using X509Ptr = bssl::UniquePtr<X509>;

KeyPtr MakeKey(bool rsa) {
  KeyPtr key(EVP_PKEY_new());
  if (!rsa) {
    bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
    REQUIRE(EC_KEY_generate_key(ec.get()));
    EVP_PKEY_set1_EC_KEY(key.get(), ec.get());
    return key;
  }
  bssl::UniquePtr<RSA> made(RSA_new());
  bssl::UniquePtr<BIGNUM> exponent(BN_new());
  BN_set_word(exponent.get(), RSA_F4);
  REQUIRE(RSA_generate_key_ex(made.get(), 2048, exponent.get(), nullptr));
  EVP_PKEY_set1_RSA(key.get(), made.get());
  return key;
}

std::string Text(BIO* bio) {
  const uint8_t* bytes;
  size_t size;
  REQUIRE(BIO_mem_contents(bio, &bytes, &size));
  return {reinterpret_cast<const char*>(bytes), size};
}

void SetName(X509_NAME* name, const std::string& common_name) {
  const auto add = [name](const char* field, const std::string& value) {
    X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                               reinterpret_cast<const uint8_t*>(value.data()),
                               static_cast<int>(value.size()), -1, 0);
  };
  add("O", "remora test");
  if (!common_name.empty()) add("CN", common_name);
}

void AddExtension(X509* to, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  bssl::UniquePtr<X509_EXTENSION> extension(
      X509V3_EXT_nconf_nid(nullptr, &context, nid, value.c_str()));
  REQUIRE(extension != nullptr);
  REQUIRE(X509_add_ext(to, extension.get(), -1));
}

void AddRaw(X509* to, const char* oid, const std::string& der) {
  bssl::UniquePtr<ASN1_OBJECT> object(OBJ_txt2obj(oid, 1));
  bssl::UniquePtr<ASN1_OCTET_STRING> value(ASN1_OCTET_STRING_new());
  REQUIRE(ASN1_OCTET_STRING_set(value.get(), reinterpret_cast<const uint8_t*>(der.data()),
                                static_cast<int>(der.size())));
  bssl::UniquePtr<X509_EXTENSION> extension(
      X509_EXTENSION_create_by_OBJ(nullptr, object.get(), 0, value.get()));
  REQUIRE(X509_add_ext(to, extension.get(), -1));
}

void AddRawDns(X509* to, const std::string& name) {
  REQUIRE(name.size() < 100);
  const auto byte = [](size_t n) { return static_cast<char>(n); };
  const std::string inner = std::string("\x82") + byte(name.size()) + name;
  AddRaw(to, "2.5.29.17", std::string("\x30") + byte(inner.size()) + inner);
}

}  // namespace

struct Authority::Keys {
  X509Ptr certificate;
  KeyPtr key;
};

Authority::Authority(const std::string& name) : keys_(std::make_unique<Keys>()) {
  keys_->key = MakeKey(false);
  keys_->certificate.reset(X509_new());
  X509* x509 = keys_->certificate.get();
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), -24 * 3600);
  X509_gmtime_adj(X509_getm_notAfter(x509), 24 * 3600);
  SetName(X509_get_subject_name(x509), name);
  X509_set_issuer_name(x509, X509_get_subject_name(x509));
  X509_set_pubkey(x509, keys_->key.get());
  AddExtension(x509, x509, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(x509, x509, NID_key_usage, "critical,keyCertSign,cRLSign");
  REQUIRE(X509_sign(x509, keys_->key.get(), EVP_sha256()));
  bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), x509);
  pem_ = Text(out.get());
}

Authority::~Authority() = default;

Minted Authority::Issue(const CertificateWish& wish) {
  const KeyPtr key = MakeKey(wish.rsa);
  X509Ptr made(X509_new());
  X509* x509 = made.get();
  X509_set_version(x509, 2);
  Minted minted;
  minted.serial = std::to_string(++next_serial_);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), next_serial_);
  X509_gmtime_adj(X509_getm_notBefore(x509), wish.valid_from);
  X509_gmtime_adj(X509_getm_notAfter(x509), wish.valid_for);
  SetName(X509_get_subject_name(x509), wish.common_name);
  X509_set_issuer_name(x509, X509_get_subject_name(keys_->certificate.get()));
  X509_set_pubkey(x509, key.get());
  std::string names;
  for (const std::string& name : wish.names) names += (names.empty() ? "" : ",") + name;
  if (!names.empty()) {
    AddExtension(x509, keys_->certificate.get(), NID_subject_alt_name, names);
  } else if (!wish.raw_dns_name.empty() || wish.empty_dns_name) {
    AddRawDns(x509, wish.raw_dns_name);
  }
  if (wish.authority) {
    AddExtension(x509, keys_->certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  } else {
    AddExtension(x509, keys_->certificate.get(), NID_ext_key_usage, "clientAuth,serverAuth");
  }
  if (wish.must_staple) AddRaw(x509, "1.3.6.1.5.5.7.1.24", std::string("\x30\x03\x02\x01\x05", 5));
  if (wish.padding > 0) AddRaw(x509, "1.3.6.1.4.1.99999.1", std::string(wish.padding, 'x'));
  REQUIRE(X509_sign(x509, keys_->key.get(), EVP_sha256()));
  bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), x509);
  minted.certificate = Text(out.get());
  bssl::UniquePtr<BIO> secret(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  minted.key = Text(secret.get());
  return minted;
}

std::string Authority::Revoke(const std::vector<std::string>& serials) {
  bssl::UniquePtr<X509_CRL> list(X509_CRL_new());
  X509_CRL_set_version(list.get(), 1);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(keys_->certificate.get()));
  bssl::UniquePtr<ASN1_TIME> before(X509_gmtime_adj(nullptr, -3600));
  bssl::UniquePtr<ASN1_TIME> after(X509_gmtime_adj(nullptr, 3600));
  X509_CRL_set1_lastUpdate(list.get(), before.get());
  X509_CRL_set1_nextUpdate(list.get(), after.get());
  for (const std::string& serial : serials) {
    X509_REVOKED* revoked = X509_REVOKED_new();
    bssl::UniquePtr<ASN1_INTEGER> number(ASN1_INTEGER_new());
    ASN1_INTEGER_set(number.get(), std::stol(serial));
    X509_REVOKED_set_serialNumber(revoked, number.get());
    X509_REVOKED_set_revocationDate(revoked, before.get());
    REQUIRE(X509_CRL_add0_revoked(list.get(), revoked));
  }
  X509_CRL_sort(list.get());
  REQUIRE(X509_CRL_sign(list.get(), keys_->key.get(), EVP_sha256()));
  bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_CRL(out.get(), list.get());
  return Text(out.get());
}

std::string Authority::RevokeMany(int count) {
  std::vector<std::string> serials;
  for (int i = 0; i < count; ++i) serials.push_back(std::to_string(10'000'000 + i));
  return Revoke(serials);
}

}  // namespace remora::fakes
