#pragma once

// ActiveListener: one configured listener on one worker: its listening sockets, its filter chains
// and its sessions.
//
//   accept --limits--> listener filters --> (another listener) --> filter chain --guards--> session
//
// Without listener filters, limits and guards, and with a chain that takes everything, a connection
// goes straight to its session.
//
// A new version of the listener in which only filter chains differ is taken over in place (Adopt):
// chains that stay keep their connections, the others leave. Of any other one this one retires: the
// new one accepts on the same sockets, and this goes with its last connection.
//
// Owner: the worker. Thread: the worker's. Room between "a connection was accepted" and the HTTP
// connection manager or the TCP proxy. A failure to accept is net::Listener's to handle; what a
// limit, a filter or a guard refuses and what no chain takes is closed, counted and logged.
// Source: Envoy source/common/listener_manager/active_tcp_listener.cc,
// active_tcp_socket.cc, active_stream_listener_base.cc.

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "source/config/listener.h"
#include "source/http/connection_manager/worker_config.h"
#include "source/net/downstream_session.h"
#include "source/net/listener.h"
#include "source/server/guarded_transport.h"
#include "source/server/listener_chain.h"
#include "source/server/listener_scopes.h"
#include "source/server/listener_stats.h"
#include "source/server/pending_connection.h"
#include "source/stats/store.h"

namespace remora::server {

class ActiveListener;

// Finds the listener that serves an address on this worker; the worker is one.
class ListenerDirectory {
 public:
  // Null: none does.
  virtual ActiveListener* FindListener(const net::Address& address) = 0;

 protected:
  ~ListenerDirectory() = default;
};

class ActiveListener final : public event::Deferred,
                             public net::AcceptHandler,
                             public net::SessionOwner,
                             public PendingOwner {
 public:
  struct Surroundings {
    const connection_manager::WorkerServices& services;
    stats::Scope& worker_scope;          // `listener.<address>.worker_<N>.`
    std::atomic<uint64_t>& connections;  // of the whole worker; written by it alone
    net::PipePool& pipes;
    ListenerDirectory* directory;  // null: there are no other listeners
  };
  // One socket an address; none when the listener does not bind.
  ActiveListener(std::shared_ptr<const config::ListenerConfig> config,
                 std::vector<net::Socket> sockets, const ListenerScopes& scopes,
                 const Surroundings& surroundings);
  ~ActiveListener() override;
  ActiveListener(const ActiveListener&) = delete;
  ActiveListener& operator=(const ActiveListener&) = delete;

  const config::ListenerConfig& config() const { return *config_; }
  // Where it listens, or would.
  const std::vector<net::Address>& addresses() const { return addresses_; }
  bool stopped() const { return stopped_; }
  // Accepts nothing more; the connections that there are live on.
  void StopAccepting();
  // Accepts nothing more, because another one does on the same sockets, or, with `last`, nobody
  // shall: what has connected by then is taken. `when_empty` as below.
  void Retire(bool last, absl::AnyInvocable<void()> when_empty);
  // Called from the dispatcher when there was no connection any more. Another listener may hand one
  // over until then.
  void WhenEmpty(absl::AnyInvocable<void()> when_empty);
  bool empty() const { return sessions_.empty() && pending_.empty(); }
  // Takes over a version that differs in its filter chains alone. Connections of chains that leave
  // end as `leaving` says.
  void Adopt(std::shared_ptr<const config::ListenerConfig> config, const ListenerScopes& scopes,
             const net::Drain* leaving);
  // Ends the connections of chains that left by this; null: all.
  void EndSessions(const net::Drain* leaving);
  ListenerUsage* usage() const { return usage_; }
  // Idle connections end now, the others with the response that they wait for.
  void DrainSessions();
  // The runtime values have changed: limits are read anew.
  void OnRuntime();
  // A connection that another worker has accepted and counted for this one.
  void Take(net::Socket socket, const net::Address& remote);

  void OnAccept(net::Socket socket, const net::Address& remote) override;
  void OnSessionClosed(net::DownstreamSession& session) override;
  void OnInspected(PendingConnection& connection, bool timed_out) override;
  void OnPendingEnd(PendingConnection& connection, End end) override;

 private:
  // A session that is to end at a moment: a guard has refused it, or its handshake takes too long.
  struct Deadline {
    Deadline(event::Dispatcher& dispatcher, ActiveListener& owner, net::DownstreamSession& of)
        : listener(owner),
          session(of),
          timer(dispatcher.timers(), &ActiveListener::OnDeadline, this) {}

    ActiveListener& listener;
    net::DownstreamSession& session;
    bool refused = false;
    event::Timer timer;
  };
  struct Open {
    std::unique_ptr<net::DownstreamSession> session;
    ListenerChain* chain;
    std::unique_ptr<GuardRecord> guarded;  // null: the chain has no guards
    std::unique_ptr<Deadline> deadline;
    std::string_view ended_because;  // for the access log
  };

  static void OnDeadline(void* deadline);
  void MakeChains(const ListenerScopes& scopes, std::vector<std::unique_ptr<ListenerChain>> known);
  void ReadConfig();
  void TellIfEmpty();
  // False, and counted: there are too many.
  bool WithinLimits();
  void Count();
  void Uncount();
  void Inspect(net::Findings findings);
  void Forget(PendingConnection& connection);
  // The listener that the restored destination belongs to; null: this one.
  ActiveListener* Elsewhere(const net::Findings& findings);
  void TakeOver(net::Findings findings);
  // Null: no chain takes it.
  ListenerChain* Choose(net::Findings& findings);
  void Begin(net::Findings findings);
  void StartSession(ListenerChain& chain, net::Accepted accepted);
  // The record of a guarded connection, and whether it may go on.
  std::unique_ptr<GuardRecord> AskGuards(ListenerChain& chain, net::Accepted& accepted,
                                         net::Admission& admission, event::Duration& delay);
  void LogWithoutSession(const net::Findings& findings, std::string_view details);
  void Log(const Open& open);

  std::shared_ptr<const void> scopes_keeper_;
  std::shared_ptr<const config::ListenerConfig> config_;
  event::Dispatcher& dispatcher_;
  connection_manager::WorkerServices services_;
  ListenerDirectory* directory_;
  ListenerUsage* usage_;
  ListenerUsage* global_usage_;
  std::string limit_key_;  // of the runtime value
  uint64_t limit_ = UINT64_MAX;
  uint64_t global_limit_ = UINT64_MAX;
  bool stopped_ = false;
  absl::AnyInvocable<void()> when_empty_;
  net::PipePool& pipes_;
  access_log::WorkerLoggers loggers_;
  std::shared_ptr<const config::ListenerConfig> made_of_;  // what filters_ refers to
  ListenerFilters filters_;
  std::vector<std::unique_ptr<ListenerChain>> chains_;   // as ListenerConfig::AllChains
  std::vector<std::unique_ptr<ListenerChain>> leaving_;  // with connections yet
  ListenerChain* only_chain_ = nullptr;  // takes everything; null: it depends on the connection
  ListenerStats stats_;
  ListenerWorkerStats worker_stats_;
  std::atomic<uint64_t>& connections_;
  std::vector<net::Address> addresses_;
  std::vector<std::unique_ptr<PendingConnection>> pending_;
  std::vector<Open> sessions_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
};

}  // namespace remora::server
