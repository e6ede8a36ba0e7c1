#include "source/server/clusters.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

namespace remora::server {
namespace {

// How large the table is that hashes of requests are looked up in.
void ShowHostTable(const upstream::Cluster& cluster, ScopeLease& scopes) {
  if (cluster.host_table() == nullptr) return;
  const upstream::HostTable::Size& size = cluster.host_table()->size();
  const std::string stem = absl::StrCat("cluster.", cluster.config().stat_name());
  if (cluster.config().balancing.policy == upstream::Balancing::Policy::kRingHash) {
    const auto gauges = scopes.Add(absl::StrCat(stem, ".ring_hash_lb"))
                            .Make<upstream::RingHashSize>(scopes.store().main_shard());
    gauges.size.Set(size.places);
    gauges.min_hashes_per_host.Set(size.fewest);
    gauges.max_hashes_per_host.Set(size.most);
  } else {
    const auto gauges = scopes.Add(absl::StrCat(stem, ".maglev_lb"))
                            .Make<upstream::MaglevSize>(scopes.store().main_shard());
    gauges.min_entries_per_host.Set(size.fewest);
    gauges.max_entries_per_host.Set(size.most);
  }
}

// Of most clusters there is nothing else.
struct DefaultTransport {
  stats::NamedCounter<"default.total_match_count"> matches;
};

// How many new hosts were given which transport: `<name of the match>.total_match_count`.
void CountTransports(const upstream::Cluster& cluster, const upstream::Cluster* before,
                     stats::Shard& shard) {
  std::vector<stats::Counter> counters = {cluster.scope().Make<DefaultTransport>(shard).matches};
  for (const upstream::TransportMatch& match : cluster.config().transport_matches) {
    counters.push_back(
        cluster.scope().MakeCounter(shard, absl::StrCat(match.name, ".total_match_count")));
  }
  absl::flat_hash_set<const upstream::Host*> known;
  if (before != nullptr) {
    for (const auto& host : before->hosts()) known.insert(host.get());
  }
  for (const auto& host : cluster.hosts()) {
    if (!known.contains(host.get())) counters[host->config().transport].Inc();
  }
}

}  // namespace

Clusters::Clusters(Services services) : services_(std::move(services)) {}

std::shared_ptr<const upstream::ClusterTable> Clusters::table() {
  if (std::exchange(changed_, false)) {
    table_ = std::make_shared<const upstream::ClusterTable>(next_);
  }
  return table_;
}

upstream::ClusterTable& Clusters::Change() {
  changed_ = true;
  services_.on_change();
  return next_;
}

void Clusters::Put(upstream::ClusterConfig config) {
  Entry entry{std::make_unique<ScopeLease>(services_.store), {}};
  stats::Scope& scope = entry.scopes->Add(absl::StrCat("cluster.", config.stat_name()));
  scope.Declare<upstream::ClusterStats>();
  services_.breaker_gauges.Declare(config, *entry.scopes);
  stats::Scope* http2_scope = nullptr;
  if (config.protocol != upstream::Protocol::kHttp1) {
    http2_scope = &entry.scopes->Add(absl::StrCat("cluster.", config.stat_name(), ".http2"));
  }
  auto cluster = std::make_shared<const upstream::Cluster>(std::move(config), services_.threads,
                                                           scope, http2_scope);
  stats::Shard& shard = services_.store.main_shard();
  entry.membership = scope.Make<upstream::ClusterMembership>(shard);
  if (!cluster->hosts().empty()) entry.membership.membership_change.Inc();
  ShowMembers(entry, *cluster);
  CountTransports(*cluster, nullptr, shard);
  const std::string& name = cluster->name();
  const std::shared_ptr<const upstream::Cluster> before = Find(name);
  Entry old = std::exchange(entries_[name], std::move(entry));
  Change().Put(cluster);
  if (before != nullptr) Drop(std::move(old), *before);
  services_.stats.active_clusters.Set(next_.size());
}

void Clusters::PutHosts(const std::string& name, const std::vector<upstream::HostConfig>& hosts) {
  const std::shared_ptr<const upstream::Cluster> before = Find(name);
  if (before == nullptr) return;
  std::shared_ptr<const upstream::Cluster> cluster = before->WithHosts(hosts);
  const Entry& entry = entries_[name];
  if (cluster->hosts() != before->hosts()) entry.membership.membership_change.Inc();
  ShowMembers(entry, *cluster);
  CountTransports(*cluster, before.get(), services_.store.main_shard());
  Change().Put(std::move(cluster));
}

void Clusters::Remove(const std::string& name) {
  const std::shared_ptr<const upstream::Cluster> before = Find(name);
  if (before == nullptr) return;
  const auto entry = entries_.find(name);
  Entry old = std::move(entry->second);
  entries_.erase(entry);
  if (entries_.size() < entries_.capacity() / 8) entries_.rehash(0);
  Change().Remove(name);
  Drop(std::move(old), *before);
  services_.stats.active_clusters.Set(next_.size());
}

// Workers that still use it hold it.
void Clusters::Drop(Entry entry, const upstream::Cluster& cluster) {
  services_.breaker_gauges.Forget(cluster);
  services_.removed_scopes.Add(std::move(entry.scopes), cluster.identity());
}

void Clusters::ShowMembers(const Entry& entry, const upstream::Cluster& cluster) const {
  uint64_t healthy = 0;
  uint64_t degraded = 0;
  for (const auto& host : cluster.hosts()) {
    healthy += host->healthy();
    degraded += host->degraded();
  }
  entry.membership.membership_total.Set(cluster.hosts().size());
  entry.membership.membership_healthy.Set(healthy);
  entry.membership.membership_degraded.Set(degraded);
  entry.membership.membership_excluded.Set(0);
  ShowHostTable(cluster, *entry.scopes);
}

}  // namespace remora::server
