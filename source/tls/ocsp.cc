#include "source/tls/ocsp.h"

#include <openssl/asn1.h>
#include <openssl/bytestring.h>

#include <ctime>

namespace remora::tls {
namespace {

constexpr unsigned kExplicit0 = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;

absl::Status Malformed(const char* what) {
  return absl::InvalidArgumentError(std::string("OCSP response: ") + what);
}

// GeneralizedTime in the one form that RFC 5280 allows: YYYYMMDDHHMMSSZ.
bool ReadTime(CBS& from, int64_t& seconds) {
  CBS time;
  if (!CBS_get_asn1(&from, &time, CBS_ASN1_GENERALIZEDTIME)) return false;
  const std::string text(reinterpret_cast<const char*>(CBS_data(&time)), CBS_len(&time));
  std::tm parts = {};
  const char* end = strptime(text.c_str(), "%Y%m%d%H%M%SZ", &parts);
  if (end == nullptr || *end != '\0') return false;
  seconds = timegm(&parts);
  return true;
}

// ResponseData of a BasicOCSPResponse.
absl::Status ReadResponseData(CBS data, OcspResponse& out) {
  CBS version, responder, responses, single, certificate, status, rest;
  int has_version;
  unsigned tag;
  int64_t produced;
  if (!CBS_get_optional_asn1(&data, &version, &has_version, kExplicit0) ||
      !CBS_get_any_asn1(&data, &responder, &tag) || !ReadTime(data, produced) ||
      !CBS_get_asn1(&data, &responses, CBS_ASN1_SEQUENCE)) {
    return Malformed("response data is malformed");
  }
  if (!CBS_get_asn1(&responses, &single, CBS_ASN1_SEQUENCE)) {
    return Malformed("there is no response in it");
  }
  if (CBS_len(&responses) != 0) {
    return absl::InvalidArgumentError("OCSP Response must be for one certificate only");
  }
  if (!CBS_get_asn1(&single, &certificate, CBS_ASN1_SEQUENCE) ||
      !CBS_get_any_asn1(&single, &status, &tag) || !ReadTime(single, out.this_update)) {
    return Malformed("the single response is malformed");
  }
  int has_next;
  if (!CBS_get_optional_asn1(&single, &rest, &has_next, kExplicit0) ||
      (has_next && !ReadTime(rest, out.next_update))) {
    return Malformed("nextUpdate is malformed");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<OcspResponse> ParseOcspResponse(const std::string& der) {
  OcspResponse out;
  out.der = der;
  CBS in, response, status, bytes, pair, oid, basic_der, basic, data;
  CBS_init(&in, reinterpret_cast<const uint8_t*>(der.data()), der.size());
  if (!CBS_get_asn1(&in, &response, CBS_ASN1_SEQUENCE) || CBS_len(&in) != 0 ||
      !CBS_get_asn1(&response, &status, CBS_ASN1_ENUMERATED) || CBS_len(&status) != 1) {
    return Malformed("it is malformed");
  }
  if (CBS_data(&status)[0] != 0) {
    return absl::InvalidArgumentError("OCSP response was unsuccessful");
  }
  if (!CBS_get_asn1(&response, &bytes, kExplicit0) ||
      !CBS_get_asn1(&bytes, &pair, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1(&pair, &oid, CBS_ASN1_OBJECT) ||
      !CBS_get_asn1(&pair, &basic_der, CBS_ASN1_OCTETSTRING) ||
      !CBS_get_asn1(&basic_der, &basic, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1(&basic, &data, CBS_ASN1_SEQUENCE)) {
    return Malformed("it is malformed");
  }
  if (absl::Status read = ReadResponseData(data, out); !read.ok()) return read;
  return out;
}

}  // namespace remora::tls
