#include "source/upstream/cluster.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"

namespace remora::upstream {

std::shared_ptr<const Cluster::Shared> Cluster::Share(ClusterConfig config, size_t workers,
                                                      stats::Scope& scope,
                                                      stats::Scope* http2_scope) {
  std::unique_ptr<FoundHosts> found;
  if (config.original_destination.has_value()) {
    found = std::make_unique<FoundHosts>(config.name, workers);
  }
  return std::make_shared<const Shared>(Shared{std::move(config), workers, scope, http2_scope,
                                               std::move(found),
                                               std::make_unique<UsageSlot[]>(workers * 2)});
}

std::vector<std::shared_ptr<const Host>> Cluster::MakeHosts(const Shared& shared) {
  std::vector<std::shared_ptr<const Host>> hosts;
  hosts.reserve(shared.config.hosts.size());
  for (const HostConfig& host : shared.config.hosts) {
    hosts.push_back(std::make_shared<const Host>(host, shared.workers));
  }
  return hosts;
}

Cluster::Cluster(ClusterConfig config, size_t workers, stats::Scope& scope,
                 stats::Scope* http2_scope)
    : shared_(Share(std::move(config), workers, scope, http2_scope)), hosts_(MakeHosts(*shared_)) {
  MakeHostTable();
}

Cluster::Cluster(std::shared_ptr<const Shared> shared,
                 std::vector<std::shared_ptr<const Host>> hosts)
    : shared_(std::move(shared)), hosts_(std::move(hosts)) {
  MakeHostTable();
}

void Cluster::MakeHostTable() {
  const Balancing& balancing = config().balancing;
  if (!balancing.by_hash()) return;
  host_table_ = HostTable::Make(UsableHosts(hosts_, balancing.panic_threshold_percent), balancing);
}

std::shared_ptr<const Cluster> Cluster::WithHosts(const std::vector<HostConfig>& hosts) const {
  absl::flat_hash_map<net::Address, std::shared_ptr<const Host>> known;
  for (const std::shared_ptr<const Host>& host : hosts_) known.emplace(host->address(), host);
  std::vector<std::shared_ptr<const Host>> next;
  next.reserve(hosts.size());
  absl::flat_hash_set<net::Address> seen;
  for (const HostConfig& config : hosts) {
    // As Envoy: of several endpoints with one address the first counts.
    if (!seen.insert(config.address).second) continue;
    const auto same = known.find(config.address);
    if (same == known.end() || !same->second->config().SameEndpoint(config)) {
      next.push_back(std::make_shared<const Host>(config, workers()));
      continue;
    }
    same->second->Update(config.weight, config.health);
    next.push_back(std::move(same->second));
    known.erase(same);
  }
  return std::make_shared<const Cluster>(shared_, std::move(next));
}

uint32_t Cluster::RetryLimit(Priority priority) const {
  const CircuitBreakerLimits& limits = config().limits[static_cast<size_t>(priority)];
  if (!limits.retry_budget.has_value()) return limits.max_retries;
  const uint32_t active = Sum(priority, &UsageSlot::requests) + Sum(priority, &UsageSlot::pending);
  return std::max(static_cast<uint32_t>(limits.retry_budget->percent / 100.0 * active),
                  limits.retry_budget->min_concurrency);
}

uint32_t Cluster::Sum(Priority priority, std::atomic<uint32_t> UsageSlot::* what) const {
  uint32_t sum = 0;
  for (size_t i = 0; i < workers(); ++i) {
    sum += (usage(priority, i).*what).load(std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace remora::upstream
