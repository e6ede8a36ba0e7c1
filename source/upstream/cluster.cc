#include "source/upstream/cluster.h"

#include <algorithm>
#include <utility>

namespace remora::upstream {

Cluster::Cluster(ClusterConfig config, size_t workers, stats::Scope& scope,
                 stats::Scope* http2_scope)
    : config_(std::move(config)),
      workers_(workers),
      scope_(scope),
      http2_scope_(http2_scope),
      usage_(std::make_unique<UsageSlot[]>(workers * 2)) {
  hosts_.reserve(config_.hosts.size());
  for (const HostConfig& host : config_.hosts) {
    hosts_.push_back(std::make_unique<Host>(host, workers));
  }
  if (config_.original_destination.has_value()) {
    found_hosts_ = std::make_unique<FoundHosts>(config_.name, workers);
  }
  if (config_.balancing.by_hash()) {
    host_table_ = HostTable::Make(UsableHosts(hosts_, config_.balancing.panic_threshold_percent),
                                  config_.balancing);
  }
}

uint32_t Cluster::RetryLimit(Priority priority) const {
  const CircuitBreakerLimits& limits = config_.limits[static_cast<size_t>(priority)];
  if (!limits.retry_budget.has_value()) return limits.max_retries;
  const uint32_t active = Sum(priority, &UsageSlot::requests) + Sum(priority, &UsageSlot::pending);
  return std::max(static_cast<uint32_t>(limits.retry_budget->percent / 100.0 * active),
                  limits.retry_budget->min_concurrency);
}

uint32_t Cluster::Sum(Priority priority, std::atomic<uint32_t> UsageSlot::* what) const {
  uint32_t sum = 0;
  for (size_t i = 0; i < workers_; ++i) {
    sum += (usage(priority, i).*what).load(std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace remora::upstream
