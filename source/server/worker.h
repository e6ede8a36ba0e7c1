#pragma once

// Worker: one thread's world: dispatcher, memory pools, clusters, listeners.
//
// Owner: Server. The main thread has one too (index = number of workers), which runs the admin
// listener on the main dispatcher; the others run a thread of their own. All methods but Start,
// Stop and Post belong to the worker's thread, or to main before Start.

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/base/random.h"
#include "source/buffer/block.h"
#include "source/config/world.h"
#include "source/event/dispatcher.h"
#include "source/explain/explain.h"
#include "source/net/pipe.h"
#include "source/runtime/process_state.h"
#include "source/server/active_listener.h"

namespace remora::server {

class Worker final : public ListenerDirectory, public WorkerFace {
 public:
  // `own_ip` is the machine's address for x-forwarded-for; outlives the worker, as `process` does.
  Worker(size_t index, stats::Shard& shard, event::Clock& clock, std::string_view own_ip,
         const runtime::ProcessState& process, access_log::LogWriter& logs,
         const access_log::FileStats& file_stats, stats::Scope& service_log_scope);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  event::Dispatcher& dispatcher() { return dispatcher_; }
  size_t index() const { return index_; }
  upstream::ClusterSet& clusters() { return clusters_; }
  // Downstream connections open now. Any thread.
  uint64_t connections() const { return connections_.load(std::memory_order_relaxed); }

  // Takes over a configuration. Only what differs from the present one is touched.
  void Apply(std::shared_ptr<const config::World> world);
  void AddListener(std::shared_ptr<const config::ListenerConfig> config,
                   std::vector<net::Socket> sockets, const ListenerScopes& scopes,
                   stats::Scope& worker_scope);
  // Takes over a version of a listener in which only filter chains differ (ActiveListener::Adopt).
  void UpdateListener(const config::ListenerConfig& old,
                      std::shared_ptr<const config::ListenerConfig> config,
                      const ListenerScopes& scopes, const net::Drain* leaving);
  // The listener accepts nothing more; it goes with its last connection, and `gone` is called then.
  // `last`: nobody has taken over its sockets.
  void RetireListener(const config::ListenerConfig& config, bool last,
                      absl::AnyInvocable<void()> gone);
  // Its connections end now.
  void EndListener(const config::ListenerConfig& config);
  // Connections of filter chains that left by this end now.
  void EndChains(const net::Drain* leaving);
  // Puts a route table into this worker's place of the slot.
  void PutRoutes(const route::RouteSlot& slot, std::shared_ptr<const route::RouteTable> table);

  // As with a route table.
  void PutScopes(const route::ScopeSlot& slot, std::shared_ptr<const route::ScopeTable> table);

  // ListenerDirectory: by the address, or else by the same port on all addresses.
  ActiveListener* FindListener(const net::Address& address) override;
  // WorkerFace
  void Give(ListenerUsage& listener, net::Socket socket, const net::Address& remote) override;

  // How a request would go that came now.
  explain::Explanation Explain(const explain::Question& question);

  // Takes over the runtime values.
  void Apply(std::shared_ptr<const runtime::Snapshot> runtime);
  // Closes the listening socket of the listener with that configuration.
  void StopListener(const config::ListenerConfig& config);
  // All connections end: idle ones now, the others with their response.
  void DrainSessions();

  // Runs the dispatcher in a thread of its own until Stop.
  void Start();
  // Ends the thread and all its connections; returns when it is gone.
  void Stop();
  // Ends listeners, connections and clusters (in the worker's thread, or when it has none).
  void Clear();

 private:
  ActiveListener* Find(const config::ListenerConfig& config);
  void OnEmpty(const config::ListenerConfig& config, absl::AnyInvocable<void()> gone);
  void RemoveListener(ActiveListener& listener);

  size_t index_;
  buffer::BlockPool blocks_;
  base::ArenaPool arenas_;
  base::Random random_;
  runtime::View runtime_;
  event::Dispatcher dispatcher_;
  connection_manager::DateCache dates_;
  access_log::WorkerFiles log_files_;
  uint64_t last_connection_ = 0;
  net::PipePool pipes_;
  upstream::WorkerResources resources_;
  upstream::ClusterSet clusters_;
  connection_manager::WorkerServices services_;
  std::shared_ptr<const config::World> world_;
  std::atomic<uint64_t> connections_{0};
  std::vector<std::unique_ptr<ActiveListener>> listeners_;
  absl::flat_hash_map<net::Address, ActiveListener*> by_address_;
  std::thread thread_;
};

}  // namespace remora::server
