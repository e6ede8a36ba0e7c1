#pragma once

// BreakerGauges: `cluster.<name>.circuit_breakers.<priority>.{cx,rq_pending,rq,rq_retry}_open`.
//
// Owner: Server. Thread: main. The gauges are read off the clusters' usage counts when somebody
// looks, so that requests pay nothing for them. A breaker that was never seen open has no cells.
// Nothing fails. Names are those of Envoy (cluster statistics, circuit breakers).

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "source/stats/store.h"
#include "source/upstream/cluster_set.h"
#include "source/upstream/cluster_stats.h"

namespace remora::server {

class BreakerGauges {
 public:
  explicit BreakerGauges(stats::Store& store) : store_(store) {}

  // Names them, with value 0.
  void Declare(const upstream::ClusterConfig& cluster);
  void Refresh(const upstream::ClusterTable& clusters);

 private:
  void Refresh(const upstream::Cluster& cluster, upstream::Priority priority);

  stats::Store& store_;
  absl::flat_hash_map<std::pair<const upstream::Cluster*, upstream::Priority>,
                      upstream::BreakerStats>
      seen_open_;
};

}  // namespace remora::server
