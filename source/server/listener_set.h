#pragma once

// ListenerSet: the listeners of the World from their sockets to their service: all sockets are
// bound first; each listener listens, and the workers get it, when it is ready.
//
//   Bind ---> bound, clients are refused ---StartReady---> served
//
// Owner: Server. Thread: main. A port is bound before any worker runs, so that a busy one is known
// before anything is served; Bind then fails and nothing is kept. Until a listener is started a
// connect to its port is refused: one that succeeds means that it is served. Start fails when the
// kernel does not let a bound socket listen.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "source/admin/environment.h"
#include "source/config/world.h"
#include "source/net/socket.h"
#include "source/server/draining.h"
#include "source/server/listener_scopes.h"
#include "source/server/listener_usage.h"
#include "source/server/server_stats.h"
#include "source/server/worker.h"
#include "source/stats/store.h"

namespace remora::server {

// A listener's sockets and where they are bound (with the port that the kernel chose for 0).
struct BoundSockets {
  std::vector<std::vector<net::Socket>> sockets;  // of each thread: one an address
  std::vector<net::Address> addresses;            // the first is the main one
};

// For each of `threads`. A listener that does not bind has no sockets.
absl::StatusOr<BoundSockets> BindSockets(const config::ListenerConfig& config, size_t threads);

ListenerScopes MakeScopes(stats::Store& store, const config::ListenerConfig& config);

class ListenerSet {
 public:
  // All outlive it.
  ListenerSet(stats::Store& store, const ListenerManagerStats& stats, Draining& draining,
              const std::vector<std::unique_ptr<Worker>>& workers)
      : store_(store), stats_(stats), draining_(draining), workers_(workers) {}
  ListenerSet(const ListenerSet&) = delete;
  ListenerSet& operator=(const ListenerSet&) = delete;

  absl::Status Bind(const config::ListenerTable& listeners);
  // Starts those that are bound, not started, and ready.
  absl::Status StartReady(const std::function<bool(const config::ListenerConfig&)>& ready);

  // From now on the workers' threads are theirs.
  void OnWorkersStarted() { workers_run_ = true; }

  // Of all listeners, in order.
  const std::vector<admin::ListenerStatus>& addresses() const { return addresses_; }

 private:
  struct Bound {
    std::shared_ptr<const config::ListenerConfig> config;
    ListenerScopes scopes;
    std::vector<std::vector<net::Socket>> sockets;  // of each worker: one an address
  };

  absl::Status Start(Bound& bound);
  ListenerUsage* AddUsage();
  void CountListeners();

  stats::Store& store_;
  ListenerManagerStats stats_;
  Draining& draining_;
  const std::vector<std::unique_ptr<Worker>>& workers_;
  std::vector<std::unique_ptr<ListenerUsage>> usages_;  // the first one is of all listeners
  bool workers_run_ = false;
  std::vector<Bound> waiting_;
  std::vector<admin::ListenerStatus> addresses_;
};

}  // namespace remora::server
