#pragma once

// BreakerGauges: `cluster.<name>.circuit_breakers.<priority>.{cx,rq_pending,rq,rq_retry}_open`.
//
// Owner: Server. Thread: main. The gauges are read off the clusters' usage counts when somebody
// looks, so that requests pay nothing for them. A breaker that was never seen open has no cells.
// Nothing fails. Names are those of Envoy (cluster statistics, circuit breakers).

#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "source/server/scope_lease.h"
#include "source/stats/store.h"
#include "source/upstream/cluster_stats.h"
#include "source/upstream/cluster_table.h"

namespace remora::server {

class BreakerGauges {
 public:
  explicit BreakerGauges(stats::Store& store) : store_(store) {}

  // Names them, with value 0.
  void Declare(const upstream::ClusterConfig& cluster, ScopeLease& scopes);
  // The cluster has left.
  void Forget(const upstream::Cluster& cluster);
  void Refresh(const upstream::ClusterTable& clusters);

 private:
  void Refresh(const upstream::Cluster& cluster, upstream::Priority priority);

  struct Seen {
    std::unique_ptr<ScopeLease> scope;
    upstream::BreakerStats gauges;
  };
  stats::Store& store_;
  absl::flat_hash_map<std::pair<const void*, upstream::Priority>, Seen> seen_open_;  // by identity
};

}  // namespace remora::server
