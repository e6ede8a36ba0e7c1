#include "source/http/formatter/operator_table.h"

namespace remora::formatter {

std::span<const OperatorEntry> TlsOperators() {
  using enum Arguments;
  // Every connection is plaintext.
  static constexpr OperatorEntry kTable[] = {
      {"DOWNSTREAM_HANDSHAKE_DURATION", kNone, &AppendNothing, true},
      {"DOWNSTREAM_LOCAL_DNS_SAN", kNone, &AppendNothing},
      {"DOWNSTREAM_LOCAL_EMAIL_SAN", kNone, &AppendNothing},
      {"DOWNSTREAM_LOCAL_IP_SAN", kNone, &AppendNothing},
      {"DOWNSTREAM_LOCAL_OTHERNAME_SAN", kNone, &AppendNothing},
      {"DOWNSTREAM_LOCAL_SUBJECT", kNone, &AppendNothing},
      {"DOWNSTREAM_LOCAL_URI_SAN", kNone, &AppendNothing},
      {"DOWNSTREAM_PEER_CERT", kNone, &AppendNothing},
      {"DOWNSTREAM_PEER_CERT_V_END", kOptional, &AppendNothing, false, false, &PrepareUtcTime},
      {"DOWNSTREAM_PEER_CERT_V_START", kOptional, &AppendNothing, false, false, &PrepareUtcTime},
      {"DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1", kNone, &AppendNothing},
      {"DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256", kNone, &AppendNothing},
      {"DOWNSTREAM_PEER_CHAIN_SERIALS", kNone, &AppendNothing},
      {"DOWNSTREAM_PEER_DNS_SAN", kNone, &AppendNothing},
      {"DOWNSTREAM_PEER_EMAIL_SAN", kNone, &AppendNothing},
      {"DOWNSTREAM_PEER_FINGERPRINT_1", kNone, &AppendNothing},
      {"DOWNSTREAM_PEER_FINGERPRINT_256", kNone, &AppendNothing},
      {"DOWNSTREAM_PEER_IP_SAN", kNone, &AppendNothing},
      {"DOWNSTREAM_PEER_ISSUER", kNone, &AppendNothing},
      {"DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256", kNone, &AppendNothing},
      {"DOWNSTREAM_PEER_ISSUER_SERIAL", kNone, &AppendNothing},
      {"DOWNSTREAM_PEER_OTHERNAME_SAN", kNone, &AppendNothing},
      {"DOWNSTREAM_PEER_SERIAL", kNone, &AppendNothing},
      {"DOWNSTREAM_PEER_SUBJECT", kNone, &AppendNothing},
      {"DOWNSTREAM_PEER_URI_SAN", kNone, &AppendNothing},
      {"DOWNSTREAM_TLS_CIPHER", kNone, &AppendNothing},
      {"DOWNSTREAM_TLS_GROUP", kNone, &AppendNothing},
      {"DOWNSTREAM_TLS_SESSION_ID", kNone, &AppendNothing},
      {"DOWNSTREAM_TLS_VERSION", kNone, &AppendNothing},
      {"TLS_JA3_FINGERPRINT", kNone, &AppendNothing},
      {"TLS_JA4_FINGERPRINT", kNone, &AppendNothing},
      {"UPSTREAM_LOCAL_DNS_SAN", kNone, &AppendNothing},
      {"UPSTREAM_LOCAL_IP_SAN", kNone, &AppendNothing},
      {"UPSTREAM_LOCAL_URI_SAN", kNone, &AppendNothing},
      {"UPSTREAM_PEER_CERT", kNone, &AppendNothing},
      {"UPSTREAM_PEER_CERT_V_END", kOptional, &AppendNothing, false, false, &PrepareUtcTime},
      {"UPSTREAM_PEER_CERT_V_START", kOptional, &AppendNothing, false, false, &PrepareUtcTime},
      {"UPSTREAM_PEER_DNS_SAN", kNone, &AppendNothing},
      {"UPSTREAM_PEER_IP_SAN", kNone, &AppendNothing},
      {"UPSTREAM_PEER_ISSUER", kNone, &AppendNothing},
      {"UPSTREAM_PEER_SUBJECT", kNone, &AppendNothing},
      {"UPSTREAM_PEER_URI_SAN", kNone, &AppendNothing},
      {"UPSTREAM_SERVER_NAME", kNone, &AppendNothing},
      {"UPSTREAM_TLS_CIPHER", kNone, &AppendNothing},
      {"UPSTREAM_TLS_GROUP", kNone, &AppendNothing},
      {"UPSTREAM_TLS_SESSION_ID", kNone, &AppendNothing},
      {"UPSTREAM_TLS_VERSION", kNone, &AppendNothing},
  };
  return kTable;
}

}  // namespace remora::formatter
