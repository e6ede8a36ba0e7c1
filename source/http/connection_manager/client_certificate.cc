#include "source/http/connection_manager/client_certificate.h"

#include <cstring>

#include "source/http/escape.h"

namespace remora::connection_manager {

using http::HeaderId;
using Mode = ClientCertificateMode;

std::string DescribeClientCertificate(const ClientCertificateDetails& details,
                                      const net::TlsFacts& tls) {
  std::string out;
  const auto begin = [&out](std::string_view key) {
    if (!out.empty()) out += ';';
    out += key;
    out += '=';
  };
  const net::CertificateFacts* local = tls.local();
  if (local != nullptr && !local->uri_sans.empty()) {
    begin("By");
    out += local->uri_sans.front();
  }
  const net::CertificateFacts* peer = tls.peer();
  if (peer == nullptr) return out;
  begin("Hash");
  out += peer->fingerprint_256;
  if (details.certificate) {
    begin("Cert");
    out += '"';
    http::AppendUrlEncodedPem(peer->pem, out);
    out += '"';
  }
  if (details.chain) {
    begin("Chain");
    out += '"';
    for (const net::CertificateFacts& certificate : tls.peer_chain()) {
      http::AppendUrlEncodedPem(certificate.pem, out);
    }
    out += '"';
  }
  if (details.subject) {
    begin("Subject");
    out += '"' + peer->subject + '"';
  }
  if (details.uri) {
    // There with an empty value too.
    if (peer->uri_sans.empty()) begin("URI");
    for (const std::string& name : peer->uri_sans) {
      begin("URI");
      out += name;
    }
  }
  if (details.dns) {
    for (const std::string& name : peer->dns_sans) {
      begin("DNS");
      out += name;
    }
  }
  return out;
}

void ApplyClientCertificate(Mode mode, bool presented, std::string_view element,
                            http::HeaderMap& headers) {
  constexpr HeaderId kId = HeaderId::kXForwardedClientCert;
  if (mode == Mode::kAlwaysForwardOnly) return;
  if (mode == Mode::kSanitize || !presented) {
    headers.Remove(kId);
    return;
  }
  if (mode == Mode::kForwardOnly) return;
  const std::string_view before = headers.Get(kId);
  if (mode == Mode::kSanitizeSet || before.empty()) {
    headers.SetReference(kId, element);
    return;
  }
  // One field, whatever the client sent them as: who reads the first alone must not miss ours.
  std::string joined;
  headers.ForEach([&](const http::HeaderEntry& entry) {
    if (entry.id != kId) return;
    joined += entry.value();
    joined += ',';
  });
  joined += element;
  headers.SetReference(kId, headers.arena().Copy(joined));
}

}  // namespace remora::connection_manager
