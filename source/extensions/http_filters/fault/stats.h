#pragma once

// The fault filter's statistics, `http.<stat_prefix>.fault.`, under Envoy's names, and those by
// downstream cluster, `http.<stat_prefix>.fault.<x-envoy-downstream-service-cluster>.`.
//
// Owner: FaultState, once a worker and chain. Thread: that worker. Counting cannot fail. A name
// that a client sends becomes a statistic, so a worker makes kMaxClusters of them and no more.
// Source: Envoy docs, fault injection, statistics.

#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "source/http/filter/filter.h"
#include "source/stats/group.h"

namespace remora::extensions {

struct FaultStats {
  stats::NamedCounter<"fault.aborts_injected"> aborts_injected;  // Requests answered with an error.
  stats::NamedCounter<"fault.delays_injected"> delays_injected;  // Requests held back.
  stats::NamedCounter<"fault.response_rl_injected"> response_rl_injected;  // Responses slowed down.
  stats::NamedCounter<"fault.faults_overflow"> faults_overflow;  // Left out: max_active_faults.
  stats::NamedGauge<"fault.active_faults"> active_faults;        // Requests that have a fault now.
};

class FaultState final : public http::FilterWorkerState {
 public:
  static constexpr size_t kMaxClusters = 200;

  explicit FaultState(const http::WorkerSetup& setup)
      : stats(setup.scope.Make<FaultStats>(setup.shard)),
        scope_(setup.scope),
        shard_(setup.shard) {}

  void CountAbortFrom(std::string_view cluster);
  void CountDelayFrom(std::string_view cluster);

  const FaultStats stats;

 private:
  struct ByCluster {
    stats::Counter aborts;
    stats::Counter delays;
    bool has_aborts = false;
    bool has_delays = false;
  };
  // Null when there are too many.
  ByCluster* Find(std::string_view cluster);

  stats::Scope& scope_;
  stats::Shard& shard_;
  absl::flat_hash_map<std::string, ByCluster> clusters_;
};

}  // namespace remora::extensions
