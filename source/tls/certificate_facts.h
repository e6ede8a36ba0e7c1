#pragma once

// ReadFacts: an X.509 certificate taken apart into net::CertificateFacts; SubjectAltNames: its
// names, typed, for those who compare them.
//
// Pure; any thread. Names are counted bytes: one with a zero byte in it is kept as it is, so that
// it equals nothing that a configuration can say, instead of being cut at the zero. What cannot be
// decoded is left out. Source: RFC 5280; forms are Envoy's (source/common/tls/utility.cc).

#include <string>
#include <vector>

#include "source/net/tls_facts.h"
#include "source/tls/handles.h"
#include "source/tls/secret.h"

namespace remora::tls {

struct SubjectAltName {
  SubjectAltNameMatch::Type type;
  std::string value;  // IP addresses in text
  std::string oid;    // kOtherName
};

std::vector<SubjectAltName> SubjectAltNames(x509_st& certificate);
std::string CommonName(x509_st& certificate);
net::CertificateFacts ReadFacts(x509_st& certificate);
// Seconds since the Unix epoch.
int64_t NotAfter(x509_st& certificate);
// Lower-case hexadecimal digits.
std::string ToHex(const uint8_t* bytes, size_t size);

}  // namespace remora::tls
