#pragma once

// ClusterSet: a worker's look-up from cluster name to its runtime.
//
// Owner: the worker. Thread: the worker's. Adopts the World's cluster table (a map of shared
// immutable clusters) by comparing pointers; runtimes are made at first use and dropped when their
// cluster leaves the table.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/upstream/cluster_runtime.h"

namespace remora::upstream {

using ClusterTable = absl::flat_hash_map<std::string, std::shared_ptr<const Cluster>>;

class ClusterSet {
 public:
  explicit ClusterSet(const WorkerResources& worker) : worker_(worker) {}

  void Apply(std::shared_ptr<const ClusterTable> table);
  // Null when there is no such cluster.
  ClusterRuntime* Find(std::string_view name);
  const WorkerResources& worker() const { return worker_; }
  // Ends all connections (the worker is going).
  void Clear() { runtimes_.clear(); }

 private:
  WorkerResources worker_;
  std::shared_ptr<const ClusterTable> table_;
  absl::flat_hash_map<std::string, std::unique_ptr<ClusterRuntime>> runtimes_;
};

}  // namespace remora::upstream
