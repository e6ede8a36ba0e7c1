#pragma once

// Clusters: all clusters of the process that requests may use, by name, with their statistics;
// makes the cluster table of the next World.
//
//   Put, PutHosts, Remove --> table() --on_change--> the server publishes it at the end of the turn
//
// Owner: Server. Thread: main. Each cluster gets its scopes and the gauges of its membership, which
// main's shard holds; what a worker counts is made by the worker when the first request needs it.
// A change costs its own size: what did not change is shared with the table before. Nothing fails:
// configuration was checked when it was translated.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/server/breaker_gauges.h"
#include "source/server/scope_lease.h"
#include "source/server/server_stats.h"
#include "source/stats/store.h"
#include "source/upstream/cluster.h"
#include "source/upstream/cluster_stats.h"
#include "source/upstream/cluster_table.h"

namespace remora::server {

class Clusters {
 public:
  struct Services {
    stats::Store& store;
    BreakerGauges& breaker_gauges;
    ClusterManagerStats stats;
    size_t threads;  // that use them: workers and main
    RemovedScopes& removed_scopes;
    std::function<void()> on_change;
  };
  explicit Clusters(Services services);
  Clusters(const Clusters&) = delete;
  Clusters& operator=(const Clusters&) = delete;

  // In use from now on, in the place of the one of that name. The configuration's hosts are its
  // own.
  void Put(upstream::ClusterConfig config);
  // Those of an EDS cluster.
  void PutHosts(const std::string& name, const std::vector<upstream::HostConfig>& hosts);
  void Remove(const std::string& name);

  bool Contains(std::string_view name) const { return next_.Contains(name); }
  // Null: there is none.
  std::shared_ptr<const upstream::Cluster> Find(std::string_view name) const {
    return next_.Find(name);
  }
  // As it is now; a later change makes another one.
  std::shared_ptr<const upstream::ClusterTable> table();

 private:
  struct Entry {
    std::unique_ptr<ScopeLease> scopes;
    upstream::ClusterMembership membership;
  };
  upstream::ClusterTable& Change();
  void Drop(Entry entry, const upstream::Cluster& cluster);
  void ShowMembers(const Entry& entry, const upstream::Cluster& cluster) const;

  Services services_;
  absl::flat_hash_map<std::string, Entry> entries_;
  upstream::ClusterTable next_;
  std::shared_ptr<const upstream::ClusterTable> table_;  // as last given out
  bool changed_ = true;                                  // since then
};

}  // namespace remora::server
