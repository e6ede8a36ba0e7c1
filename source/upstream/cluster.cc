#include "source/upstream/cluster.h"

#include <utility>

namespace remora::upstream {

Cluster::Cluster(ClusterConfig config, size_t workers, stats::Scope& scope)
    : config_(std::move(config)),
      workers_(workers),
      scope_(scope),
      usage_(std::make_unique<UsageSlot[]>(workers * 2)) {
  hosts_.reserve(config_.hosts.size());
  for (const HostConfig& host : config_.hosts) {
    hosts_.push_back(std::make_unique<Host>(host, workers));
  }
}

uint32_t Cluster::Sum(Priority priority, std::atomic<uint32_t> UsageSlot::* what) const {
  uint32_t sum = 0;
  for (size_t i = 0; i < workers_; ++i) {
    sum += (usage(priority, i).*what).load(std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace remora::upstream
