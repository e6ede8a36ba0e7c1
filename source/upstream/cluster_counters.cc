#include "source/upstream/cluster_counters.h"

namespace remora::upstream {

void ClusterCounters::Inc(ClusterSet& clusters, std::string_view cluster, std::string_view name) {
  if (clusters.generation() != generation_) {
    generation_ = clusters.generation();
    counters_.clear();
  }
  std::string key(cluster);
  key += '.';
  key += name;
  auto found = counters_.find(key);
  if (found == counters_.end()) {
    ClusterRuntime* const runtime = clusters.Find(cluster);
    if (runtime == nullptr) return;
    std::string text = prefix_;
    text += name;
    stats::Counter counter = runtime->cluster().scope().MakeCounter(clusters.worker().shard, text);
    found = counters_.emplace(std::move(key), counter).first;
  }
  found->second.Inc();
}

}  // namespace remora::upstream
