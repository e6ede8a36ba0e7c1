#pragma once

// SslStats: what is counted of TLS connections under a listener's or a cluster's prefix: `ssl.`.
//
// Owner: the maker of one worker. Thread: its worker. Counters of ciphers, versions, curves and
// signature algorithms come into being with the first handshake that used one, as in Envoy. Nothing
// fails. Source: Envoy docs, TLS statistics; source/common/tls/stats.h.

#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "source/stats/scope.h"

namespace remora::tls {

struct SslCounters {
  stats::NamedCounter<"ssl.connection_error"> connection_error;  // Broke, not for a certificate.
  stats::NamedCounter<"ssl.handshake"> handshake;
  stats::NamedCounter<"ssl.session_reused"> session_reused;
  stats::NamedCounter<"ssl.no_certificate"> no_certificate;  // Connected, the peer sent none.
  stats::NamedCounter<"ssl.fail_verify_no_cert"> fail_verify_no_cert;
  stats::NamedCounter<"ssl.fail_verify_error"> fail_verify_error;  // The chain was refused.
  stats::NamedCounter<"ssl.fail_verify_san"> fail_verify_san;
  stats::NamedCounter<"ssl.fail_verify_cert_hash"> fail_verify_cert_hash;
  stats::NamedCounter<"ssl.ocsp_staple_failed"> ocsp_staple_failed;
  stats::NamedCounter<"ssl.ocsp_staple_omitted"> ocsp_staple_omitted;
  stats::NamedCounter<"ssl.ocsp_staple_responses"> ocsp_staple_responses;
  stats::NamedCounter<"ssl.ocsp_staple_requests"> ocsp_staple_requests;
};

class SslStats {
 public:
  SslStats(stats::Scope& scope, stats::Shard& shard);

  const SslCounters& counters() const { return counters_; }
  // `ssl.<group>.<name>`: "ciphers", "versions", "curves", "sigalgs".
  void Count(std::string_view group, std::string_view name);

 private:
  stats::Scope& scope_;
  stats::Shard& shard_;
  SslCounters counters_;
  absl::flat_hash_map<std::string, stats::Counter> named_;
};

// `server_ssl_socket_factory.` and `client_ssl_socket_factory.`
struct ServerFactoryCounters {
  stats::NamedCounter<"server_ssl_socket_factory.downstream_context_secrets_not_ready">
      secrets_not_ready;
};
struct ClientFactoryCounters {
  stats::NamedCounter<"client_ssl_socket_factory.upstream_context_secrets_not_ready">
      secrets_not_ready;
};

}  // namespace remora::tls
