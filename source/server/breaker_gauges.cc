#include "source/server/breaker_gauges.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace remora::server {

using upstream::Cluster;
using upstream::Priority;
using upstream::UsageSlot;

namespace {

// `circuit_breakers.<priority>.<what>`.
template <Priority kPriority, size_t N>
consteval auto Name(const char (&what)[N]) {
  constexpr std::string_view kPrefix =
      kPriority == Priority::kHigh ? "circuit_breakers.high." : "circuit_breakers.default.";
  char text[kPrefix.size() + N];
  std::copy_n(what, N, std::copy_n(kPrefix.data(), kPrefix.size(), text));
  return stats::FixedName(text);
}

// BreakerStats as groups of the cluster's own scope: two more scopes a cluster are half a kilobyte.
template <Priority kPriority>
struct NamedBreakers {
  stats::NamedGauge<Name<kPriority>("cx_open")> cx_open;
  stats::NamedGauge<Name<kPriority>("rq_pending_open")> rq_pending_open;
  stats::NamedGauge<Name<kPriority>("rq_open")> rq_open;
  stats::NamedGauge<Name<kPriority>("rq_retry_open")> rq_retry_open;
  stats::NamedGauge<Name<kPriority>("cx_pool_open")> cx_pool_open;
  stats::NamedGauge<Name<kPriority>("remaining_cx")> remaining_cx;
  stats::NamedGauge<Name<kPriority>("remaining_pending")> remaining_pending;
  stats::NamedGauge<Name<kPriority>("remaining_rq")> remaining_rq;
  stats::NamedGauge<Name<kPriority>("remaining_retries")> remaining_retries;
  stats::NamedGauge<Name<kPriority>("remaining_cx_pools")> remaining_cx_pools;
};

template <Priority kPriority>
upstream::BreakerStats MakeGauges(stats::Scope& scope, stats::Shard& shard) {
  const auto made = scope.Make<NamedBreakers<kPriority>>(shard);
  return {{made.cx_open},           {made.rq_pending_open}, {made.rq_open},
          {made.rq_retry_open},     {made.cx_pool_open},    {made.remaining_cx},
          {made.remaining_pending}, {made.remaining_rq},    {made.remaining_retries},
          {made.remaining_cx_pools}};
}

std::string ScopeName(const upstream::ClusterConfig& cluster) {
  return absl::StrCat("cluster.", cluster.stat_name());
}

}  // namespace

void BreakerGauges::Declare(const upstream::ClusterConfig& cluster, ScopeLease& scopes) {
  stats::Scope& scope = scopes.Add(ScopeName(cluster));
  scope.Declare<NamedBreakers<Priority::kDefault>>();
  scope.Declare<NamedBreakers<Priority::kHigh>>();
}

void BreakerGauges::Refresh(const upstream::ClusterTable& clusters) {
  clusters.ForEach([this](const Cluster& cluster) {
    Refresh(cluster, Priority::kDefault);
    Refresh(cluster, Priority::kHigh);
  });
}

void BreakerGauges::Forget(const Cluster& cluster) {
  for (const Priority priority : {Priority::kDefault, Priority::kHigh}) {
    seen_open_.erase({cluster.identity().get(), priority});
  }
}

void BreakerGauges::Refresh(const Cluster& cluster, Priority priority) {
  const upstream::CircuitBreakerLimits& limits =
      cluster.config().limits[static_cast<size_t>(priority)];
  const auto open = [&](uint32_t limit, std::atomic<uint32_t> UsageSlot::* what) {
    // As Envoy: what is never allowed never becomes full.
    return limit > 0 && cluster.Sum(priority, what) >= limit;
  };
  const bool connections = open(limits.max_connections, &UsageSlot::connections);
  const bool pending = open(limits.max_pending_requests, &UsageSlot::pending);
  const bool requests = open(limits.max_requests, &UsageSlot::requests);
  const uint32_t retry_limit = cluster.RetryLimit(priority);
  const bool retries = open(retry_limit, &UsageSlot::retries);
  const bool pools = open(limits.max_connection_pools, &UsageSlot::pools);
  auto found = seen_open_.find({cluster.identity().get(), priority});
  if (found == seen_open_.end()) {
    if (!connections && !pending && !requests && !retries && !pools && !limits.track_remaining)
      return;
    Seen seen{std::make_unique<ScopeLease>(store_), {}};
    stats::Scope& scope = seen.scope->Add(ScopeName(cluster.config()));
    seen.gauges = priority == Priority::kHigh
                      ? MakeGauges<Priority::kHigh>(scope, store_.main_shard())
                      : MakeGauges<Priority::kDefault>(scope, store_.main_shard());
    found = seen_open_.emplace(std::make_pair(cluster.identity().get(), priority), std::move(seen))
                .first;
  }
  const upstream::BreakerStats& gauges = found->second.gauges;
  gauges.cx_open.Set(connections ? 1 : 0);
  gauges.rq_pending_open.Set(pending ? 1 : 0);
  gauges.rq_open.Set(requests ? 1 : 0);
  gauges.rq_retry_open.Set(retries ? 1 : 0);
  gauges.cx_pool_open.Set(pools ? 1 : 0);
  if (!limits.track_remaining) return;
  const auto left = [&](uint32_t limit, std::atomic<uint32_t> UsageSlot::* what) {
    return limit - std::min(limit, cluster.Sum(priority, what));
  };
  gauges.remaining_cx.Set(left(limits.max_connections, &UsageSlot::connections));
  gauges.remaining_pending.Set(left(limits.max_pending_requests, &UsageSlot::pending));
  gauges.remaining_rq.Set(left(limits.max_requests, &UsageSlot::requests));
  gauges.remaining_cx_pools.Set(left(limits.max_connection_pools, &UsageSlot::pools));
  // As Envoy: a budget has no number that could be left.
  if (!limits.retry_budget.has_value()) {
    gauges.remaining_retries.Set(left(limits.max_retries, &UsageSlot::retries));
  }
}

}  // namespace remora::server
