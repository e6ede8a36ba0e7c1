#pragma once

// World: one worker of the product, whole: dispatcher, listener, connection managers, filter
// chains, router, clusters and pools, made from a configuration text as the server makes them, but
// with the simulated kernel below it, the simulated clock and seeded random numbers.
//
// Owner: Simulation. Thread: the simulation's. Throws when the configuration is refused.

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/access_log/worker_files.h"
#include "source/base/random.h"
#include "source/buffer/block.h"
#include "source/config/bootstrap.h"
#include "source/config/world.h"
#include "source/server/active_listener.h"
#include "source/server/scope_lease.h"
#include "source/stats/store.h"
#include "test/fakes/simulated_clock.h"
#include "test/sim/probe.h"

namespace remora::sim {

class World {
 public:
  World(const std::string& yaml, fakes::SimulatedClock& clock, uint64_t seed, ProbeLog* probes);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void Turn() { dispatcher_.RunOnce(false); }
  // Ends all connections, as a worker that stops.
  void Clear();

  event::Dispatcher& dispatcher() { return dispatcher_; }
  const buffer::BlockPool& blocks() const { return blocks_; }
  net::Drain& drain() { return drain_; }
  // The access log's lines; complete after Clear().
  std::string TakeLog();
  uint64_t connections() const { return connections_.load(std::memory_order_relaxed); }
  std::vector<std::pair<std::string, std::shared_ptr<const upstream::Cluster>>> cluster_list()
      const;
  stats::Snapshot TakeSnapshot() { return store_.TakeSnapshot(); }

 private:
  void AddListener(std::shared_ptr<const config::ListenerConfig> config);

  stats::Store store_{1};
  server::ScopeLease scopes_{store_};
  buffer::BlockPool blocks_;
  base::ArenaPool arenas_;
  base::Random random_;
  runtime::View runtime_;
  event::Dispatcher dispatcher_;
  connection_manager::DateCache dates_;
  upstream::WorkerResources resources_;
  upstream::ClusterSet clusters_;
  uint64_t last_connection_ = 0;
  net::PipePool pipes_;
  net::Drain drain_;
  int log_fd_;  // a file in memory
  access_log::LogWriter log_writer_{access_log::LogOptions{}};
  std::optional<access_log::WorkerFiles> log_files_;
  connection_manager::WorkerServices services_;
  std::shared_ptr<const upstream::ClusterTable> clusters_table_;
  std::atomic<uint64_t> connections_{0};
  std::vector<std::unique_ptr<server::ActiveListener>> listeners_;
};

}  // namespace remora::sim
