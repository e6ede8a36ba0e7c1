#pragma once

// ActiveListener: one configured listener on one worker: its listening socket, its filter chains
// and its sessions.
//
//   accept --> filter chain chosen --> guards --> session
//
// Owner: the worker. Thread: the worker's. Room between "a connection was accepted" and the HTTP
// connection manager or the TCP proxy. A failure to accept is net::Listener's to handle; what no
// chain takes and what a guard refuses is closed, counted and logged.
// Source: Envoy source/common/listener_manager/active_tcp_listener.cc,
// active_stream_listener_base.cc.

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "source/config/listener.h"
#include "source/http/connection_manager/worker_config.h"
#include "source/net/downstream_session.h"
#include "source/net/listener.h"
#include "source/server/listener_chain.h"
#include "source/server/listener_scopes.h"
#include "source/stats/store.h"

namespace remora::server {

// `listener.<address>.`
struct ListenerStats {
  stats::NamedCounter<"downstream_cx_total"> downstream_cx_total;      // Connections with a chain.
  stats::NamedCounter<"downstream_cx_destroy"> downstream_cx_destroy;  // Closed.
  stats::NamedGauge<"downstream_cx_active"> downstream_cx_active;      // Open now.
  stats::NamedHistogram<"downstream_cx_length_ms", stats::Unit::kMilliseconds>
      downstream_cx_length_ms;
  stats::NamedCounter<"no_filter_chain_match"> no_filter_chain_match;  // Closed: no chain fits.
};

// `listener.<address>.worker_<N>.`
struct ListenerWorkerStats {
  stats::NamedCounter<"downstream_cx_total"> downstream_cx_total;
  stats::NamedGauge<"downstream_cx_active"> downstream_cx_active;
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
  // What is kept of a connection that a guard has refused, until it is closed.
  struct Refusal {
    explicit Refusal(event::Dispatcher& dispatcher, ActiveListener& owner)
        : listener(owner), timer(dispatcher.timers(), &ActiveListener::OnRefusalEnd, this) {}

    ActiveListener& listener;
    net::DownstreamSession* session = nullptr;
    std::string reason;
    event::Timer timer;
  };
  struct Open {
    std::unique_ptr<net::DownstreamSession> session;
    ListenerChain* chain;
    std::unique_ptr<Refusal> refusal;  // null: it was admitted
  };

  static void OnRefusalEnd(void* refusal);
  // Null: no chain takes it.
  ListenerChain* Choose(net::Findings& findings);
  void Begin(net::Findings findings);
  void StartSession(ListenerChain& chain, net::Accepted accepted);
  void RefuseUnmatched(net::Findings& findings);
  void Log(const Open& open);

  std::shared_ptr<const config::ListenerConfig> config_;
  event::Dispatcher& dispatcher_;
  connection_manager::WorkerServices services_;
  access_log::WorkerLoggers loggers_;
  std::vector<std::unique_ptr<ListenerChain>> chains_;  // as ListenerConfig::AllChains
  ListenerChain* only_chain_ = nullptr;  // takes everything; null: it depends on the connection
  ListenerStats stats_;
  ListenerWorkerStats worker_stats_;
  std::atomic<uint64_t>& connections_;  // of the whole worker; written by it alone
  std::vector<Open> sessions_;
  net::Listener listener_;
};

}  // namespace remora::server
