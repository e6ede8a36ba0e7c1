#pragma once

// ListenerSet: listeners from their sockets to their service, and to their end.
//
//   Bind, Prepare --> bound, clients are refused --StartReady, Serve--> served --Remove--> leaving
//                                                      |                                     ^
//                                                      \--a version takes its place----------/
//
// Owner: Server. Thread: main. Listeners of the bootstrap: all ports are bound before any worker
// runs, so that a busy one is known before anything is served; Bind then fails and nothing is kept.
// Until a listener is started a connect to its port is refused: one that succeeds means that it is
// served. Those of sources: Prepare fails when a port cannot be bound, Listen when the kernel does
// not let it.
//
// A version of a listener in which only filter chains differ is taken over in place. Of any other
// one the sockets are taken over if they would be the same: main holds a descriptor of each, so
// that the port is never closed in between. What leaves ends with its connections or after the
// drain time. Source: Envoy source/common/listener_manager/listener_manager_impl.cc.

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "source/admin/environment.h"
#include "source/config/world.h"
#include "source/net/socket.h"
#include "source/server/draining.h"
#include "source/server/listener_scopes.h"
#include "source/server/listener_usage.h"
#include "source/server/scope_lease.h"
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

ListenerScopes MakeScopes(ScopeLease& lease, const config::ListenerConfig& config, size_t workers);

class ListenerSet {
 public:
  using Config = std::shared_ptr<const config::ListenerConfig>;
  // What lives as long as connections of a version that is not served any more.
  struct Company {
    virtual ~Company() = default;
  };
  struct Services {
    stats::Store& store;
    ListenerManagerStats stats;
    Draining& draining;
    event::Dispatcher& main;
    const std::vector<std::unique_ptr<Worker>>& workers;
    RemovedScopes& removed_scopes;
    // What workers are to know before they serve another listener.
    std::function<void()> publish;
  };

  // All outlive it.
  explicit ListenerSet(const Services& services);
  ~ListenerSet();
  ListenerSet(const ListenerSet&) = delete;
  ListenerSet& operator=(const ListenerSet&) = delete;

  absl::Status Bind(const config::ListenerTable& listeners);
  // Starts those that are bound, not started, and ready.
  absl::Status StartReady(const std::function<bool(const config::ListenerConfig&)>& ready);

  // A listener of a source: binds what it needs, beside what serves under its name.
  absl::Status Prepare(const Config& config);
  // It was prepared and will not be served.
  void Drop(const config::ListenerConfig& config);
  // It was prepared; after an error it will not be served.
  absl::Status Listen(const config::ListenerConfig& config);
  // It listens; takes the place of the one of its name. `company`: of that one or, in place, of the
  // chains that leave; may be null.
  void Serve(const config::ListenerConfig& config, std::unique_ptr<Company> company);
  void Remove(const std::string& name, std::unique_ptr<Company> company);
  // Sockets of removed listeners that nobody took over are closed.
  void EndUpdate();

  // Whether one of that name serves, or is one of the bootstrap that will.
  bool Contains(const std::string& name) const;
  // From now on the workers' threads are theirs.
  void OnWorkersStarted() { workers_run_ = true; }
  // What leaves goes: before what its company belongs to.
  void Clear();
  // Of all listeners, in the order in which they were added.
  const std::vector<admin::ListenerStatus>& addresses() const { return addresses_; }

 private:
  struct Bound {
    Config config;
    std::string key;  // its name; of the bootstrap's one that no other has
    std::unique_ptr<ScopeLease> lease;
    ListenerScopes scopes;
    BoundSockets sockets;  // main's descriptors
    bool listens = false;
  };
  // What has left and has connections yet.
  struct Leaving;

  Bound MakeBound(const Config& config, std::string key);
  // For a listener of the bootstrap, which may have no name, or another's.
  std::string FreeKey(const std::string& name) const;
  absl::Status CheckAddress(const config::ListenerConfig& config) const;
  // A descriptor of each socket for a worker.
  std::vector<net::Socket> SocketsFor(const Bound& bound, size_t worker) const;
  absl::Status ListenOn(Bound& bound);
  std::vector<Bound>::iterator FindPrepared(const config::ListenerConfig& config);
  void Start(Bound& bound);
  void AdoptInPlace(Bound& old, Bound next, std::unique_ptr<Company> company);
  void Retire(Bound bound, std::unique_ptr<Company> company);
  Leaving& BeginLeaving(Bound bound, const net::Drain* drain, std::unique_ptr<Company> company);
  void EndLeaving(Leaving& leaving);
  void OnLeft(uint64_t id);
  void OnWorker(size_t worker, absl::AnyInvocable<void()> work);
  ListenerUsage* UsageOf(const std::string& key);
  void CloseSockets(const config::ListenerConfig& config);
  void ShowAddresses(const std::string& name, const std::vector<net::Address>& addresses);
  void CountListeners();

  Services services_;
  absl::btree_map<std::string, std::unique_ptr<ListenerUsage>> usages_;
  std::unique_ptr<ListenerUsage> all_usage_;
  bool workers_run_ = false;
  std::vector<Bound> waiting_;   // of the bootstrap
  std::vector<Bound> prepared_;  // of sources
  absl::btree_map<std::string, Bound> served_;
  std::vector<Bound> removed_;  // during this update
  uint64_t last_leaving_ = 0;
  std::list<Leaving> leaving_;
  std::vector<admin::ListenerStatus> addresses_;
};

}  // namespace remora::server
