#include "source/server/cluster_table.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "source/upstream/cluster_stats.h"

namespace remora::server {
namespace {

// How large the table is that hashes of requests are looked up in.
void ShowHostTable(const upstream::Cluster& cluster, stats::Store& store) {
  if (cluster.host_table() == nullptr) return;
  const upstream::HostTable::Size& size = cluster.host_table()->size();
  const std::string stem = absl::StrCat("cluster.", cluster.config().stat_name());
  if (cluster.config().balancing.policy == upstream::Balancing::Policy::kRingHash) {
    const auto gauges = store.AddScope(absl::StrCat(stem, ".ring_hash_lb"))
                            .Make<upstream::RingHashSize>(store.main_shard());
    gauges.size.Set(size.places);
    gauges.min_hashes_per_host.Set(size.fewest);
    gauges.max_hashes_per_host.Set(size.most);
  } else {
    const auto gauges = store.AddScope(absl::StrCat(stem, ".maglev_lb"))
                            .Make<upstream::MaglevSize>(store.main_shard());
    gauges.min_entries_per_host.Set(size.fewest);
    gauges.max_entries_per_host.Set(size.most);
  }
}

// How many hosts were given which transport: `<name of the match>.total_match_count`.
void CountTransports(const upstream::Cluster& cluster, stats::Shard& shard) {
  std::vector<stats::Counter> counters;
  const auto add = [&](std::string_view name) {
    counters.push_back(cluster.scope().MakeCounter(
        shard, absl::StrCat(absl::string_view(name.data(), name.size()), ".total_match_count")));
  };
  add("default");
  for (const upstream::TransportMatch& match : cluster.config().transport_matches) add(match.name);
  for (const auto& host : cluster.hosts()) counters[host->config().transport].Inc();
}

}  // namespace

std::shared_ptr<const upstream::ClusterTable> MakeClusterTable(
    std::vector<upstream::ClusterConfig> configs, size_t workers, stats::Store& store,
    BreakerGauges& breaker_gauges, const ClusterManagerStats& stats) {
  auto clusters = std::make_shared<upstream::ClusterTable>();
  for (upstream::ClusterConfig& config : configs) {
    stats::Scope& scope = store.AddScope(absl::StrCat("cluster.", config.stat_name()));
    scope.Declare<upstream::ClusterStats>();
    breaker_gauges.Declare(config);
    const std::string name = config.name;
    // Workers and main: the last slot is main's.
    stats::Scope* http2_scope = nullptr;
    if (config.protocol != upstream::Protocol::kHttp1) {
      http2_scope = &store.AddScope(absl::StrCat("cluster.", config.stat_name(), ".http2"));
    }
    auto cluster = std::make_shared<const upstream::Cluster>(std::move(config), workers + 1, scope,
                                                             http2_scope);
    const auto membership = scope.Make<upstream::ClusterMembership>(store.main_shard());
    uint64_t healthy = 0;
    uint64_t degraded = 0;
    for (const auto& host : cluster->hosts()) {
      healthy += host->healthy();
      degraded += host->degraded();
    }
    if (!cluster->hosts().empty()) membership.membership_change.Inc();
    membership.membership_total.Set(cluster->hosts().size());
    membership.membership_healthy.Set(healthy);
    membership.membership_degraded.Set(degraded);
    membership.membership_excluded.Set(0);
    ShowHostTable(*cluster, store);
    CountTransports(*cluster, store.main_shard());
    (*clusters)[name] = std::move(cluster);
    stats.cluster_added.Inc();
  }
  stats.active_clusters.Set(clusters->size());
  stats.warming_clusters.Set(0);
  return clusters;
}

}  // namespace remora::server
