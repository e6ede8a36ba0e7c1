#pragma once

// Maker: makes the TLS transports of one filter chain or cluster on one worker.
//
// Owner: the worker's listener or cluster. Thread: its worker. It keeps the sessions that hosts
// offered, newest last, at most max_session_keys of each host, and forgets them when the context
// changes: a session was checked by the context that made it. See factory.h.

#include <deque>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "source/net/transport_factory.h"
#include "source/tls/context_source.h"
#include "source/tls/stats.h"
#include "source/tls/transport.h"

namespace remora::tls {

class Maker final : public net::TransportMaker, public TransportEvents {
 public:
  Maker(std::shared_ptr<const ContextSource> source, stats::Scope& scope, stats::Shard& shard);

  std::unique_ptr<net::TransportSocket> Make(const net::TransportOptions& options) override;

  // TransportEvents
  void OnHandshake(const Transport& transport) override;
  void OnFailure(const Transport& transport, const std::string& peer) override;
  void KeepSession(const std::string& key, std::shared_ptr<const Context> context,
                   SessionPtr session) override;

 private:
  // Hosts of a cluster of which sessions are kept; beyond it the rest starts afresh.
  static constexpr size_t kMaxHosts = 1024;

  std::unique_ptr<net::TransportSocket> MakeClient(std::shared_ptr<const Context> context,
                                                   const net::TransportOptions& options);
  void OfferSession(Transport& transport, const std::string& key);

  std::shared_ptr<const ContextSource> source_;
  SslStats stats_;
  stats::Counter not_ready_;
  std::shared_ptr<const Context> sessions_of_;  // the context that made the sessions
  absl::flat_hash_map<std::string, std::deque<SessionPtr>> sessions_;
  int64_t last_log_second_ = 0;
  uint64_t not_logged_ = 0;
};

}  // namespace remora::tls
