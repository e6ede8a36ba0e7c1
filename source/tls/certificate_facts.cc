#include "source/tls/certificate_facts.h"

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/mem.h>
#include <openssl/obj.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace remora::tls {
namespace {

using Type = SubjectAltNameMatch::Type;

std::string StringBytes(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<size_t>(ASN1_STRING_length(string))};
}

std::string IpText(const ASN1_OCTET_STRING* address) {
  char text[INET6_ADDRSTRLEN];
  const int family = ASN1_STRING_length(address) == 4    ? AF_INET
                     : ASN1_STRING_length(address) == 16 ? AF_INET6
                                                         : AF_UNSPEC;
  if (family == AF_UNSPEC) return "";
  return inet_ntop(family, ASN1_STRING_get0_data(address), text, sizeof(text)) != nullptr ? text
                                                                                          : "";
}

std::string OidText(const ASN1_OBJECT* object) {
  char text[128];
  const int size = OBJ_obj2txt(text, sizeof(text), object, /*always_return_oid=*/1);
  return size > 0 && size < static_cast<int>(sizeof(text)) ? std::string(text) : std::string();
}

// The text of an otherName's value; of other kinds of value the bytes.
std::string OtherText(const ASN1_TYPE* value) {
  switch (value->type) {
    case V_ASN1_BOOLEAN:
      return value->value.boolean != 0 ? "true" : "false";
    case V_ASN1_NULL:
    case V_ASN1_OBJECT:
      return "";
    default:
      return StringBytes(value->value.asn1_string);
  }
}

std::string NameText(X509_NAME* name) {
  bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  if (out == nullptr || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) return "";
  const uint8_t* bytes;
  size_t size;
  if (!BIO_mem_contents(out.get(), &bytes, &size)) return "";
  return {reinterpret_cast<const char*>(bytes), size};
}

std::string SerialText(X509& certificate) {
  bssl::UniquePtr<BIGNUM> number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(&certificate), nullptr));
  if (number == nullptr) return "";
  bssl::UniquePtr<char> text(BN_bn2hex(number.get()));
  return text != nullptr ? text.get() : "";
}

std::string PemText(X509& certificate) {
  bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  const uint8_t* bytes;
  size_t size;
  if (out == nullptr || !PEM_write_bio_X509(out.get(), &certificate) ||
      !BIO_mem_contents(out.get(), &bytes, &size)) {
    return "";
  }
  return {reinterpret_cast<const char*>(bytes), size};
}

int64_t Seconds(const ASN1_TIME* time) {
  bssl::UniquePtr<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0;
  int seconds = 0;
  if (epoch == nullptr || !ASN1_TIME_diff(&days, &seconds, epoch.get(), time)) return 0;
  return int64_t{days} * 24 * 3600 + seconds;
}

}  // namespace

std::string ToHex(const uint8_t* bytes, size_t size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(size * 2);
  for (size_t i = 0; i < size; ++i) {
    out.push_back(kDigits[bytes[i] >> 4]);
    out.push_back(kDigits[bytes[i] & 15]);
  }
  return out;
}

std::vector<SubjectAltName> SubjectAltNames(x509_st& certificate) {
  std::vector<SubjectAltName> names;
  bssl::UniquePtr<GENERAL_NAMES> all(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (all == nullptr) return names;
  for (const GENERAL_NAME* name : all.get()) {
    switch (name->type) {
      case GEN_EMAIL:
        names.push_back({Type::kEmail, StringBytes(name->d.rfc822Name), ""});
        break;
      case GEN_DNS:
        names.push_back({Type::kDns, StringBytes(name->d.dNSName), ""});
        break;
      case GEN_URI:
        names.push_back({Type::kUri, StringBytes(name->d.uniformResourceIdentifier), ""});
        break;
      case GEN_IPADD:
        names.push_back({Type::kIpAddress, IpText(name->d.iPAddress), ""});
        break;
      case GEN_OTHERNAME:
        names.push_back({Type::kOtherName, OtherText(name->d.otherName->value),
                         OidText(name->d.otherName->type_id)});
        break;
      default:
        break;
    }
  }
  return names;
}

std::string CommonName(x509_st& certificate) {
  X509_NAME* subject = X509_get_subject_name(&certificate);
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index < 0) return "";
  uint8_t* bytes = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&bytes, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
  if (size < 0) return "";
  bssl::UniquePtr<uint8_t> owned(bytes);
  return {reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)};
}

int64_t NotAfter(x509_st& certificate) { return Seconds(X509_get0_notAfter(&certificate)); }

net::CertificateFacts ReadFacts(x509_st& certificate) {
  net::CertificateFacts facts;
  for (SubjectAltName& name : SubjectAltNames(certificate)) {
    switch (name.type) {
      case Type::kEmail:
        facts.email_sans.push_back(std::move(name.value));
        break;
      case Type::kDns:
        facts.dns_sans.push_back(std::move(name.value));
        break;
      case Type::kUri:
        facts.uri_sans.push_back(std::move(name.value));
        break;
      case Type::kIpAddress:
        facts.ip_sans.push_back(std::move(name.value));
        break;
      case Type::kOtherName:
        facts.other_sans.push_back(std::move(name.value));
        break;
    }
  }
  facts.subject = NameText(X509_get_subject_name(&certificate));
  facts.issuer = NameText(X509_get_issuer_name(&certificate));
  facts.common_name = CommonName(certificate);
  facts.serial = SerialText(certificate);
  facts.pem = PemText(certificate);
  facts.not_before = Seconds(X509_get0_notBefore(&certificate));
  facts.not_after = NotAfter(certificate);
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (X509_digest(&certificate, EVP_sha1(), digest, &size)) {
    facts.fingerprint_1 = ToHex(digest, size);
  }
  if (X509_digest(&certificate, EVP_sha256(), digest, &size)) {
    facts.fingerprint_256 = ToHex(digest, size);
  }
  return facts;
}

}  // namespace remora::tls
