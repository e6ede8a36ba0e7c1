#pragma once

// ActiveListener: one configured listener on one worker: its listening socket and its sessions.
//
// Owner: the worker. Thread: the worker's. Room between "a connection was accepted" and the HTTP
// connection manager; the place where connection limits and filter-chain choice will stand.
// A failure to accept is net::Listener's to handle.

#include <atomic>
#include <memory>
#include <string>

#include "source/config/listener.h"
#include "source/http/connection_manager/worker_config.h"
#include "source/net/downstream_session.h"
#include "source/net/listener.h"
#include "source/net/transport_factory.h"
#include "source/stats/store.h"

namespace remora::server {

// `listener.<address>.`
struct ListenerStats {
  stats::NamedCounter<"downstream_cx_total"> downstream_cx_total;      // Connections accepted.
  stats::NamedCounter<"downstream_cx_destroy"> downstream_cx_destroy;  // Closed.
  stats::NamedGauge<"downstream_cx_active"> downstream_cx_active;      // Open now.
  stats::NamedHistogram<"downstream_cx_length_ms", stats::Unit::kMilliseconds>
      downstream_cx_length_ms;
};

// `listener.<address>.worker_<N>.`
struct ListenerWorkerStats {
  stats::NamedCounter<"downstream_cx_total"> downstream_cx_total;
  stats::NamedGauge<"downstream_cx_active"> downstream_cx_active;
};

// What main makes of a listener once for all its workers; it outlives them.
struct ListenerScopes {
  stats::Scope* listener;       // `listener.<address>.`
  stats::Scope* http;           // `http.<stat_prefix>.`
  stats::Scope* http1;          // `http1.`
  stats::Scope* listener_http;  // `listener.<address>.http.<stat_prefix>.`
  const connection_manager::Drain* drain = nullptr;
};

class ActiveListener final : public net::AcceptHandler, public net::SessionOwner {
 public:
  ActiveListener(std::shared_ptr<const config::ListenerConfig> config, net::Socket socket,
                 const connection_manager::WorkerServices& services, const ListenerScopes& scopes,
                 stats::Scope& worker_scope, std::atomic<uint64_t>& connections);
  ~ActiveListener();
  ActiveListener(const ActiveListener&) = delete;
  ActiveListener& operator=(const ActiveListener&) = delete;

  const config::ListenerConfig& config() const { return *config_; }
  // Accepts nothing more; the connections that there are live on.
  void StopAccepting() { listener_.Stop(); }
  // Idle connections end now, the others with the response that they wait for.
  void DrainSessions();

  void OnAccept(net::Socket socket, const net::Address& remote) override;
  void OnSessionClosed(net::DownstreamSession& session) override;

 private:
  // Null: the connection cannot be made safe now.
  std::unique_ptr<net::TransportSocket> MakeTransport(const net::Address& remote);
  void Log(net::DownstreamSession& session);

  std::shared_ptr<const config::ListenerConfig> config_;
  event::Dispatcher& dispatcher_;
  connection_manager::WorkerServices services_;
  access_log::WorkerLoggers loggers_;
  std::shared_ptr<connection_manager::WorkerConfig> worker_config_;
  ListenerStats stats_;
  ListenerWorkerStats worker_stats_;
  std::atomic<uint64_t>& connections_;  // of the whole worker; written by it alone
  std::vector<std::unique_ptr<net::DownstreamSession>> sessions_;
  std::unique_ptr<net::TransportMaker> transports_;  // null: plaintext
  net::Listener listener_;
};

}  // namespace remora::server
