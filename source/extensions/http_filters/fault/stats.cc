#include "source/extensions/http_filters/fault/stats.h"

#include "absl/strings/str_cat.h"

namespace remora::extensions {

FaultState::ByCluster* FaultState::Find(std::string_view cluster) {
  const absl::string_view key(cluster.data(), cluster.size());
  const auto found = clusters_.find(key);
  if (found != clusters_.end()) return &found->second;
  if (clusters_.size() >= kMaxClusters) return nullptr;
  return &clusters_[key];
}

void FaultState::CountAbortFrom(std::string_view cluster) {
  ByCluster* counters = Find(cluster);
  if (counters == nullptr) return;
  if (!counters->has_aborts) {
    counters->has_aborts = true;
    counters->aborts = scope_.MakeCounter(
        shard_, absl::StrCat("fault.", std::string(cluster), ".aborts_injected"));
  }
  counters->aborts.Inc();
}

void FaultState::CountDelayFrom(std::string_view cluster) {
  ByCluster* counters = Find(cluster);
  if (counters == nullptr) return;
  if (!counters->has_delays) {
    counters->has_delays = true;
    counters->delays = scope_.MakeCounter(
        shard_, absl::StrCat("fault.", std::string(cluster), ".delays_injected"));
  }
  counters->delays.Inc();
}

}  // namespace remora::extensions
