#pragma once

// ClusterCache: a worker's way from a route's cluster to its runtime without hashing a name.
//
// A slot for each of the route table's cluster names (ClusterChoice::cluster_index). A slot is good
// while the name is the same text at the same place and the worker's clusters are of the same
// generation. A worker takes over clusters (ClusterSet::Apply) with every World, and tables change
// only with a World, so no other table's name can come to stand at that place within a generation.
// Owner: RouterState. Thread: its worker. Nothing fails.

#include <vector>

#include "source/base/check.h"
#include "source/http/route/route_table.h"
#include "source/upstream/cluster_set.h"

namespace remora::router {

class ClusterCache {
 public:
  // Null when there is no such cluster.
  upstream::ClusterRuntime* Find(upstream::ClusterSet& clusters,
                                 const route::ClusterChoice& choice) {
    if (choice.cluster_index < slots_.size()) {
      const Slot& slot = slots_[choice.cluster_index];
      if (slot.name == choice.name.data() && slot.generation == clusters.generation()) {
        DCHECK(slot.cluster->name() == choice.name);
        return slot.cluster;
      }
    }
    return FindAndKeep(clusters, choice);
  }

 private:
  struct Slot {
    const char* name = nullptr;
    uint64_t generation = 0;
    upstream::ClusterRuntime* cluster = nullptr;
  };
  upstream::ClusterRuntime* FindAndKeep(upstream::ClusterSet& clusters,
                                        const route::ClusterChoice& choice) {
    upstream::ClusterRuntime* cluster = clusters.Find(choice.name);
    if (cluster == nullptr) return nullptr;
    if (slots_.size() <= choice.cluster_index) slots_.resize(choice.cluster_index + 1);
    slots_[choice.cluster_index] = {choice.name.data(), clusters.generation(), cluster};
    return cluster;
  }

  std::vector<Slot> slots_;
};

}  // namespace remora::router
