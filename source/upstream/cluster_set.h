#pragma once

// ClusterSet: a worker's look-up from cluster name to its runtime.
//
// Owner: the worker. Thread: the worker's. Adopts the World's cluster table (a map of shared
// immutable clusters) by comparing pointers; runtimes are made at first use, take over other hosts
// of their cluster, and are dropped when it has left the table, or become another one, and no
// request uses them any more.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/upstream/cluster_runtime.h"
#include "source/upstream/cluster_table.h"
#include "source/upstream/missing_clusters.h"

namespace remora::upstream {

class ClusterSet {
 public:
  explicit ClusterSet(const WorkerResources& worker);

  void Apply(std::shared_ptr<const ClusterTable> table);
  // Null when there is no such cluster.
  ClusterRuntime* Find(std::string_view name);
  const WorkerResources& worker() const { return worker_; }
  // Requests that wait for clusters that are not here.
  MissingClusters& missing() { return missing_; }
  // Ends all connections (the worker is going).
  void Clear();
  // Changes with everything that makes an earlier Find's result void.
  uint64_t generation() const { return generation_; }
  // Names that were looked up stand in other places now: route tables were replaced.
  void ForgetPlaces() { ++generation_; }

 private:
  static void OnTurnEnd(void* self);
  void Retire(std::unique_ptr<ClusterRuntime> runtime);
  void Delete(std::unique_ptr<ClusterRuntime> runtime);

  base::ArenaPool arenas_;
  uint64_t connection_ids_ = 0;
  uint64_t generation_ = 1;
  WorkerResources worker_;
  std::shared_ptr<const ClusterTable> table_;
  absl::flat_hash_map<std::string, std::unique_ptr<ClusterRuntime>> runtimes_;
  // Left the table while requests were using them; each goes when its last one has.
  std::vector<std::unique_ptr<ClusterRuntime>> retired_;
  event::TurnTask sweep_;
  MissingClusters missing_;
};

}  // namespace remora::upstream
