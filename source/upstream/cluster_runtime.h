#pragma once

// ClusterRuntime: what one worker keeps for one cluster: pools, balancer, statistics handles.
//
// Owner: ClusterSet. Made at the cluster's first use on this worker; an unused cluster costs a
// worker nothing. Thread: its worker. Circuit breakers are checked here, against the sums over all
// workers.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/base/arena.h"
#include "source/base/random.h"
#include "source/event/dispatcher.h"
#include "source/http/http1/client_codec.h"
#include "source/http/http2/options.h"
#include "source/http/metadata.h"
#include "source/http/override_host.h"
#include "source/net/passage.h"
#include "source/runtime/process_state.h"
#include "source/runtime/runtime.h"
#include "source/stats/code_counters.h"
#include "source/upstream/cluster.h"
#include "source/upstream/cluster_stats.h"
#include "source/upstream/destinations.h"
#include "source/upstream/host_index.h"
#include "source/upstream/lb/load_balancer.h"
#include "source/upstream/pool.h"

namespace remora::upstream {

// What a worker lends to its clusters.
struct WorkerResources {
  event::Dispatcher& dispatcher;
  buffer::BlockPool& blocks;
  base::Random& random;
  const runtime::View& runtime;
  stats::Shard& shard;
  size_t index;  // of the worker
  const runtime::ProcessState& process = runtime::kUntold;
  uint64_t* connection_ids = nullptr;  // the last one given out; ClusterSet brings its own
  base::ArenaPool* arenas = nullptr;   // for requests of the proxy itself; so does ClusterSet
};

// Asked when a host is chosen for another try of a request.
struct HostWish {
  Priority priority = Priority::kDefault;
  // Hosts that should not be chosen again, and how many times to choose anew because of that.
  const Host* const* avoid = nullptr;
  size_t avoid_count = 0;
  uint32_t more_picks = 0;
  std::optional<uint64_t> hash = std::nullopt;  // of the request, by its route's hash policy
  // Where it wants to go, for a cluster that asks for it; null: nowhere.
  const net::Address* destination = nullptr;
  // Of the downstream connection, where the upstream one must not serve another; null: any may.
  net::Passage* passage = nullptr;
  bool http2 = false;  // the request came with HTTP/2: counts for clusters that follow it
  // Whom the request is for, where TLS goes by it; empty: by what is configured.
  std::string_view server_name = {};
  // The host that a filter named; null: none. Where connections say where they go, they do.
  const http::OverrideHost* named = nullptr;
};

class ClusterRuntime : public event::Deferred {
 public:
  ClusterRuntime(std::shared_ptr<const Cluster> cluster, const WorkerResources& worker);
  ~ClusterRuntime() override;
  ClusterRuntime(const ClusterRuntime&) = delete;
  ClusterRuntime& operator=(const ClusterRuntime&) = delete;

  // Takes over a version of the cluster with other hosts. Connections to those that stay serve on;
  // to the others no new request goes, and what is in flight or waits there ends in peace.
  void Adopt(std::shared_ptr<const Cluster> next);

  const Cluster& cluster() const { return *cluster_; }
  const ClusterConfig& config() const { return cluster_->config(); }
  const std::string& name() const { return cluster_->name(); }
  const WorkerResources& worker() const { return worker_; }
  const ClusterStats& stats() const { return stats_; }
  // The runtime value that says how many requests in a hundred are refused.
  const std::string& maintenance_key() const { return maintenance_key_; }
  const http1::ClientOptions& http1_options() const { return http1_options_; }
  const http2::CodecOptions& http2_options() const { return http2_options_; }
  // Counts a response (or a local reply in its place) by status; `internal` is the request's
  // origin.
  void CountResponse(uint16_t status, bool internal);
  // Counts a response that is thrown away because the request is tried again.
  void CountRetriedResponse(uint16_t status);
  // Counts a response under `<stat name>.` too (x-envoy-upstream-alt-stat-name).
  void CountResponseAs(std::string_view stat_name, uint16_t status);

  // The next host; null when none may be used.
  const Host* PickHost(const HostWish& wish);
  struct Choice {
    const Host* host = nullptr;
    bool named = false;  // the one that the wish names
    bool panic = false;  // unhealthy hosts count as well, because too few are healthy
  };
  // What PickHost would choose now; nothing changes by it. Not where requests want to go somewhere.
  Choice PeekHost(const HostWish& wish);
  // The pool of the next host; null when no host may be used, or when there would be too many pools
  // (which is the same to requests, as in Envoy).
  Pool* PickPool();
  Pool* PickPool(const HostWish& wish);
  // Nothing of a request or its connection counts in the choice of a host, unless a filter names
  // one: PickPool() does.
  bool takes_any() const { return takes_any_; }
  // Whatever its health; null when the cluster has no such host.
  const Host* FindNamed(const http::OverrideHost& named);
  // Requests' hashes decide which host they get.
  bool wants_hash() const { return cluster_->host_table() != nullptr; }
  // What is spoken to hosts depends on HostWish::http2.
  bool follows_downstream() const { return config().protocol == Protocol::kAsDownstream; }
  // WishFor's result depends on the request.
  bool reads_requests() const { return follows_downstream() || config().server_names.has_value(); }
  // What the cluster itself has requests' connections go by. Valid as long as the head's texts.
  HostWish WishFor(const http::RequestHead& head) const;

  // The host is where the request wants to go (HostWish::destination).
  bool wants_destination() const { return destinations_ != nullptr; }
  // That, in Envoy's order: what dynamic metadata say, the request's header, where the client
  // wanted to go before it was redirected; null: there is none of it. A text that is no address is
  // counted and passed over. No value: it goes nowhere. Source: Envoy
  // source/extensions/clusters/original_dst/original_dst_cluster.cc.
  std::optional<net::Address> FindDestination(const http::Metadata* metadata,
                                              const http::HeaderMap* headers,
                                              const net::Address* restored) const;
  // A connection must not serve two downstream connections (HostWish::passage).
  bool wants_passage() const { return wants_passage_; }
  // For who looks at the host longer than it has a connection to it: hosts of some clusters go.
  // Null: this one stays.
  std::shared_ptr<const Host> Hold(const Host& host) const;
  bool hosts_go() const { return destinations_ != nullptr || config().hosts_change; }
  // False when there are connections to it; else its pools go.
  bool ForgetHost(const Host& host);
  // Nobody will use the pool again.
  void Dismiss(Pool& pool);
  // It has no connection any more, and its name came with a request: unless another comes before
  // the end of the turn, it goes.
  void OnPoolEmpty(Pool& pool);
  // A pool whose host has left has nothing more to do.
  void OnPoolDone() { worker_.dispatcher.AtTurnEnd(sweep_); }

  // Circuit breakers. Take counts one more when that is allowed; Give takes it back.
  enum class Resource : uint8_t { kConnection, kPending, kRequest, kRetry, kPool };
  bool Allows(Resource resource, Priority priority) const;
  void Take(Resource resource, Priority priority);
  void Give(Resource resource, Priority priority);
  uint64_t NextConnectionId();
  // A connection to `host` on its way.
  absl::StatusOr<net::Socket> StartConnect(const Host& host, const net::Passage* passage) const;
  // For a connection to `host`; null: it cannot be made safe now.
  std::unique_ptr<net::TransportSocket> MakeTransport(const Host& host, const net::Passage* passage,
                                                      std::string_view protocols = {},
                                                      std::string_view server_name = {});

  // The router keeps it while a request uses it; a cluster that leaves the table lives so long.
  void AddUser() { ++users_; }
  void RemoveUser() {
    if (--users_ == 0 && when_unused_ != nullptr) worker_.dispatcher.AtTurnEnd(*when_unused_);
  }
  void NotifyWhenUnused(event::TurnTask& task) { when_unused_ = &task; }
  bool in_use() const { return users_ > 0; }
  void CloseIdle();
  // Ends all connections. They go with the turn and refer to this object until then: it is to be
  // deleted behind them (Dispatcher::DeferDelete).
  void Close();

 private:
  // Its host and, where it serves one downstream connection or one server name only, that. The name
  // is the pool's.
  using PoolKey = std::tuple<const Host*, const net::Passage*, std::string_view>;
  using Pools = absl::flat_hash_map<PoolKey, std::unique_ptr<Pool>>;
  Pools& PoolsOf(Priority priority, bool http2) {
    return pools_[2 * static_cast<size_t>(http2) + static_cast<size_t>(priority)];
  }
  std::optional<net::Address> DestinationIn(const http::Metadata& metadata) const;
  std::optional<net::Address> ParseDestination(std::string_view text) const;
  Choice Choose(const HostWish& wish, LoadBalancer& balancer);
  Pool* PoolOf(const Host& host, const HostWish& wish);
  void Remove(Pools& pools, Pools::iterator pool);
  void End(std::unique_ptr<Pool> pool);
  static void OnTurnEnd(void* self);
  void SweepLeaving();
  bool MakeRoomForPool(Priority priority);
  void SweepEmpty();

  std::shared_ptr<const Cluster> cluster_;
  WorkerResources worker_;
  ClusterStats stats_;
  http1::ClientOptions http1_options_;
  http2::Memory http2_memory_;
  http2::CodecOptions http2_options_;
  stats::CodeCounters codes_;
  // `internal.` and `external.`: by origin of the request.
  struct Origin {
    stats::CodeCounters codes;
    stats::Counter completed;
    bool used = false;
  };
  // `prefix` of `completed`, which comes into being with the first response.
  void Record(Origin& origin, std::string_view prefix, uint16_t status);

  Origin origins_[2];
  Origin retried_;  // `retry.`: responses that were thrown away
  // Names come in requests: no more than so many are kept.
  static constexpr size_t kMaxStatNames = 1000;
  absl::flat_hash_map<std::string, std::unique_ptr<Origin>> named_;
  uint32_t users_ = 0;
  event::TurnTask* when_unused_ = nullptr;
  std::string maintenance_key_;
  // By HostConfig::transport; null: plaintext.
  std::vector<std::unique_ptr<net::TransportMaker>> transports_;
  std::unique_ptr<LoadBalancer> balancer_;
  std::unique_ptr<HostIndex> named_hosts_;  // null: no request has named one
  bool wants_passage_ = false;
  bool takes_any_ = false;
  Pools pools_[4];  // by priority; behind them those of HTTP/2 where requests decide
  event::TurnTask sweep_;
  std::vector<Pool*> empty_pools_;              // for the end of the turn
  std::vector<std::unique_ptr<Pool>> leaving_;  // of hosts that left, while requests use them
  const Host* last_host_ = nullptr;             // most clusters of a sidecar have one host
  Pool* last_pool_ = nullptr;
  std::unique_ptr<Destinations> destinations_;  // null: the hosts are known
};

}  // namespace remora::upstream
