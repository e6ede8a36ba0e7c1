#include "source/upstream/cluster_counters.h"

#include <algorithm>

namespace remora::upstream {

void ClusterCounters::Inc(ClusterSet& clusters, std::string_view cluster, std::string_view name) {
  if (clusters.generation() != generation_) {
    generation_ = clusters.generation();
    counters_.clear();
  }
  const absl::string_view key(cluster.data(), cluster.size());
  auto found = counters_.find(key);
  if (found == counters_.end()) {
    if (clusters.Find(cluster) == nullptr) return;
    found = counters_.try_emplace(key).first;
  }
  std::vector<Named>& counters = found->second;
  auto counter = std::find_if(counters.begin(), counters.end(),
                              [name](const Named& each) { return each.name == name; });
  if (counter == counters.end()) {
    std::string text = prefix_;
    text += name;
    stats::Scope& scope = clusters.Find(cluster)->cluster().scope();
    counters.push_back({std::string(name), scope.MakeCounter(clusters.worker().shard, text)});
    counter = counters.end() - 1;
  }
  counter->counter.Inc();
}

}  // namespace remora::upstream
