#include <string>
#include <string_view>
#include <vector>

#include "source/http/escape.h"
#include "source/http/formatter/operator_table.h"
#include "source/net/downstream_session.h"
#include "source/net/tls_facts.h"

namespace remora::formatter {
namespace {

using net::CertificateFacts;
using net::TlsFacts;

// Of which of the two connections.
using Side = const TlsFacts* (*)(const Exchange&);

const TlsFacts* Downstream(const Exchange& exchange) {
  return exchange.info.connection == nullptr ? nullptr : exchange.info.connection->tls;
}

const TlsFacts* Upstream(const Exchange& exchange) { return exchange.info.upstream_tls.get(); }

bool AppendText(std::string_view text, std::string& out) {
  out += text;
  return !text.empty();
}

// Commas in between, as Envoy.
bool AppendList(const std::vector<std::string>& list, std::string& out) {
  bool first = true;
  for (const std::string& entry : list) {
    if (!first) out += ',';
    first = false;
    out += entry;
  }
  return !list.empty();
}

template <std::string_view (TlsFacts::*kFact)() const, Side kSide = &Downstream>
bool AppendFact(const Operator&, const Exchange& exchange, std::string& out) {
  const TlsFacts* tls = kSide(exchange);
  return tls != nullptr && AppendText((tls->*kFact)(), out);
}

template <Side kSide>
bool AppendSessionId(const Operator&, const Exchange& exchange, std::string& out) {
  const TlsFacts* tls = kSide(exchange);
  return tls != nullptr && AppendText(tls->session_id(), out);
}

bool AppendHandshakeDuration(const Operator&, const Exchange& exchange, std::string& out) {
  const TlsFacts* tls = Downstream(exchange);
  if (tls == nullptr || tls->handshake_duration() == 0) return false;
  AppendNumber(tls->handshake_duration() / event::kMillisecond, out);
  return true;
}

template <std::string net::ClientFingerprints::* kKind>
bool AppendFingerprint(const Operator&, const Exchange& exchange, std::string& out) {
  const http::ConnectionFacts* connection = exchange.info.connection;
  return connection != nullptr && connection->fingerprints != nullptr &&
         AppendText(connection->fingerprints->*kKind, out);
}

using Whose = const CertificateFacts* (TlsFacts::*)() const;

template <Whose kWhose, Side kSide>
const CertificateFacts* Certificate(const Exchange& exchange) {
  const TlsFacts* tls = kSide(exchange);
  return tls == nullptr ? nullptr : (tls->*kWhose)();
}

template <Whose kWhose, std::string CertificateFacts::* kField, Side kSide = &Downstream>
bool AppendOf(const Operator&, const Exchange& exchange, std::string& out) {
  const CertificateFacts* certificate = Certificate<kWhose, kSide>(exchange);
  return certificate != nullptr && AppendText(certificate->*kField, out);
}

template <Whose kWhose, std::vector<std::string> CertificateFacts::* kField,
          Side kSide = &Downstream>
bool AppendListOf(const Operator&, const Exchange& exchange, std::string& out) {
  const CertificateFacts* certificate = Certificate<kWhose, kSide>(exchange);
  return certificate != nullptr && AppendList(certificate->*kField, out);
}

template <Side kSide>
bool AppendPeerPem(const Operator&, const Exchange& exchange, std::string& out) {
  const CertificateFacts* peer = Certificate<&TlsFacts::peer, kSide>(exchange);
  if (peer == nullptr) return false;
  http::AppendUrlEncodedPem(peer->pem, out);
  return true;
}

template <int64_t CertificateFacts::* kField, Side kSide = &Downstream>
bool AppendTime(const Operator& self, const Exchange& exchange, std::string& out) {
  const CertificateFacts* peer = Certificate<&TlsFacts::peer, kSide>(exchange);
  if (peer == nullptr) return false;
  self.rest->time.Append(peer->*kField * event::kSecond, out);
  return true;
}

template <std::string CertificateFacts::* kField>
bool AppendChain(const Operator&, const Exchange& exchange, std::string& out) {
  const TlsFacts* tls = Downstream(exchange);
  if (tls == nullptr || tls->peer_chain().empty()) return false;
  bool first = true;
  for (const CertificateFacts& certificate : tls->peer_chain()) {
    if (!first) out += ',';
    first = false;
    out += certificate.*kField;
  }
  return true;
}

// Of the certificate above the peer's, where the peer sent it.
template <std::string CertificateFacts::* kField>
bool AppendIssuer(const Operator&, const Exchange& exchange, std::string& out) {
  const TlsFacts* tls = Downstream(exchange);
  return tls != nullptr && tls->peer_chain().size() > 1 &&
         AppendText(tls->peer_chain()[1].*kField, out);
}

constexpr Whose kPeer = &TlsFacts::peer;
constexpr Whose kLocal = &TlsFacts::local;
using Facts = CertificateFacts;

}  // namespace

std::span<const OperatorEntry> TlsOperators() {
  using enum Arguments;
  // Names in a peer's certificate are the peer's: marked so.
  static constexpr OperatorEntry kTable[] = {
      {"DOWNSTREAM_HANDSHAKE_DURATION", kNone, &AppendHandshakeDuration, true},
      {"DOWNSTREAM_LOCAL_DNS_SAN", kNone, &AppendListOf<kLocal, &Facts::dns_sans>},
      {"DOWNSTREAM_LOCAL_EMAIL_SAN", kNone, &AppendListOf<kLocal, &Facts::email_sans>},
      {"DOWNSTREAM_LOCAL_IP_SAN", kNone, &AppendListOf<kLocal, &Facts::ip_sans>},
      {"DOWNSTREAM_LOCAL_OTHERNAME_SAN", kNone, &AppendListOf<kLocal, &Facts::other_sans>},
      {"DOWNSTREAM_LOCAL_SUBJECT", kNone, &AppendOf<kLocal, &Facts::subject>},
      {"DOWNSTREAM_LOCAL_URI_SAN", kNone, &AppendListOf<kLocal, &Facts::uri_sans>},
      {"DOWNSTREAM_PEER_CERT", kNone, &AppendPeerPem<&Downstream>},
      {"DOWNSTREAM_PEER_CERT_V_END", kOptional, &AppendTime<&Facts::not_after>, false, false,
       &PrepareUtcTime},
      {"DOWNSTREAM_PEER_CERT_V_START", kOptional, &AppendTime<&Facts::not_before>, false, false,
       &PrepareUtcTime},
      {"DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1", kNone, &AppendChain<&Facts::fingerprint_1>},
      {"DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256", kNone, &AppendChain<&Facts::fingerprint_256>},
      {"DOWNSTREAM_PEER_CHAIN_SERIALS", kNone, &AppendChain<&Facts::serial>},
      {"DOWNSTREAM_PEER_DNS_SAN", kNone, &AppendListOf<kPeer, &Facts::dns_sans>, false, true},
      {"DOWNSTREAM_PEER_EMAIL_SAN", kNone, &AppendListOf<kPeer, &Facts::email_sans>, false, true},
      {"DOWNSTREAM_PEER_FINGERPRINT_1", kNone, &AppendOf<kPeer, &Facts::fingerprint_1>},
      {"DOWNSTREAM_PEER_FINGERPRINT_256", kNone, &AppendOf<kPeer, &Facts::fingerprint_256>},
      {"DOWNSTREAM_PEER_IP_SAN", kNone, &AppendListOf<kPeer, &Facts::ip_sans>},
      {"DOWNSTREAM_PEER_ISSUER", kNone, &AppendOf<kPeer, &Facts::issuer>, false, true},
      {"DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256", kNone, &AppendIssuer<&Facts::fingerprint_256>},
      {"DOWNSTREAM_PEER_ISSUER_SERIAL", kNone, &AppendIssuer<&Facts::serial>},
      {"DOWNSTREAM_PEER_OTHERNAME_SAN", kNone, &AppendListOf<kPeer, &Facts::other_sans>, false,
       true},
      {"DOWNSTREAM_PEER_SERIAL", kNone, &AppendOf<kPeer, &Facts::serial>},
      {"DOWNSTREAM_PEER_SUBJECT", kNone, &AppendOf<kPeer, &Facts::subject>, false, true},
      {"DOWNSTREAM_PEER_URI_SAN", kNone, &AppendListOf<kPeer, &Facts::uri_sans>, false, true},
      {"DOWNSTREAM_TLS_CIPHER", kNone, &AppendFact<&TlsFacts::cipher>},
      {"DOWNSTREAM_TLS_GROUP", kNone, &AppendFact<&TlsFacts::group>},
      {"DOWNSTREAM_TLS_SESSION_ID", kNone, &AppendSessionId<&Downstream>},
      {"DOWNSTREAM_TLS_VERSION", kNone, &AppendFact<&TlsFacts::version>},
      {"TLS_JA3_FINGERPRINT", kNone, &AppendFingerprint<&net::ClientFingerprints::ja3>},
      {"TLS_JA4_FINGERPRINT", kNone, &AppendFingerprint<&net::ClientFingerprints::ja4>},
      {"UPSTREAM_LOCAL_DNS_SAN", kNone, &AppendListOf<kLocal, &Facts::dns_sans, &Upstream>},
      {"UPSTREAM_LOCAL_IP_SAN", kNone, &AppendListOf<kLocal, &Facts::ip_sans, &Upstream>},
      {"UPSTREAM_LOCAL_URI_SAN", kNone, &AppendListOf<kLocal, &Facts::uri_sans, &Upstream>},
      {"UPSTREAM_PEER_CERT", kNone, &AppendPeerPem<&Upstream>},
      {"UPSTREAM_PEER_CERT_V_END", kOptional, &AppendTime<&Facts::not_after, &Upstream>, false,
       false, &PrepareUtcTime},
      {"UPSTREAM_PEER_CERT_V_START", kOptional, &AppendTime<&Facts::not_before, &Upstream>, false,
       false, &PrepareUtcTime},
      {"UPSTREAM_PEER_DNS_SAN", kNone, &AppendListOf<kPeer, &Facts::dns_sans, &Upstream>, false,
       true},
      {"UPSTREAM_PEER_IP_SAN", kNone, &AppendListOf<kPeer, &Facts::ip_sans, &Upstream>},
      {"UPSTREAM_PEER_ISSUER", kNone, &AppendOf<kPeer, &Facts::issuer, &Upstream>, false, true},
      {"UPSTREAM_PEER_SUBJECT", kNone, &AppendOf<kPeer, &Facts::subject, &Upstream>, false, true},
      {"UPSTREAM_PEER_URI_SAN", kNone, &AppendListOf<kPeer, &Facts::uri_sans, &Upstream>, false,
       true},
      {"UPSTREAM_SERVER_NAME", kNone, &AppendFact<&TlsFacts::server_name, &Upstream>},
      {"UPSTREAM_TLS_CIPHER", kNone, &AppendFact<&TlsFacts::cipher, &Upstream>},
      {"UPSTREAM_TLS_GROUP", kNone, &AppendFact<&TlsFacts::group, &Upstream>},
      {"UPSTREAM_TLS_SESSION_ID", kNone, &AppendSessionId<&Upstream>},
      {"UPSTREAM_TLS_VERSION", kNone, &AppendFact<&TlsFacts::version, &Upstream>},
  };
  return kTable;
}

}  // namespace remora::formatter
