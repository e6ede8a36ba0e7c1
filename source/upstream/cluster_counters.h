#pragma once

// ClusterCounters: counters that a part of the proxy keeps in the scopes of clusters, such as
// `cluster.<name>.ext_authz.ok`, each made when it first counts.
//
// Owner: the worker's part. Thread: the worker's. Counting cannot fail: without such a cluster
// nothing is counted.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/stats/handles.h"
#include "source/upstream/cluster_set.h"

namespace remora::upstream {

class ClusterCounters {
 public:
  // What names begin with behind `cluster.<name>.`.
  explicit ClusterCounters(std::string prefix) : prefix_(std::move(prefix)) {}

  const std::string& prefix() const { return prefix_; }
  // `name` is one of a few.
  void Inc(ClusterSet& clusters, std::string_view cluster, std::string_view name);

 private:
  const std::string prefix_;
  // Handles belong to clusters: they are forgotten when those change.
  uint64_t generation_ = 0;
  struct Named {
    std::string name;
    stats::Counter counter;
  };
  absl::flat_hash_map<std::string, std::vector<Named>> counters_;  // by cluster
};

}  // namespace remora::upstream
