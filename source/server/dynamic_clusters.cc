#include "source/server/dynamic_clusters.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"
#include "source/server/secret_contexts.h"

namespace remora::server {
namespace {

// As /init_dump shows it.
std::string EndpointsTarget(const config::EndpointSource& source) {
  return absl::StrCat("target EDS ", source.service_name);
}

}  // namespace

DynamicClusters::~DynamicClusters() = default;

absl::Status DynamicClusters::AddStatic(config::ClusterResource cluster) {
  const std::string name = cluster.config.name;
  Entry& entry = entries_[name];
  entry.from_source = false;
  entry.warming = std::make_unique<Version>(services_.stats);
  Version& version = *entry.warming;
  version.resource = std::make_unique<config::ClusterResource>(std::move(cluster));
  warming_.insert(name);
  services_.warmer.Wait(ClusterTarget(name), EndpointsTarget(*version.resource->endpoints));
  stats_.cluster_added.Inc();
  CountWarming();
  stats::Scope& scope =
      version.scopes.Add(absl::StrCat("cluster.", version.resource->config.stat_name()));
  auto followed = services_.tls.Follow(version.resource->tls_contexts, ClusterTarget(name), scope);
  if (!followed.ok()) return followed.status();
  version.tls = *std::move(followed);
  return absl::OkStatus();
}

void DynamicClusters::StartStatic() {
  for (auto& [name, entry] : entries_) {
    if (!entry.from_source) AskForEndpoints(name, entry, *entry.warming->resource);
  }
}

void DynamicClusters::Subscribe(const config::ConfigSource& source) {
  subscription_ = services_.sources.Subscribe(source, xds::ResourceType::kCluster, true,
                                              "cluster_manager.cds.", *this);
  subscription_->Start();
}

// --- resources ---

std::vector<xds::ResourceError> DynamicClusters::OnUpdate(const xds::ResourceUpdate& update) {
  std::vector<xds::ResourceError> errors = Take(update);
  if (errors.empty()) version_ = std::string(update.version);
  Settle();
  return errors;
}

std::vector<xds::ResourceError> DynamicClusters::Take(const xds::ResourceUpdate& update) {
  std::vector<xds::ResourceError> errors;
  ConfigJournal::Update journal(services_.journal, xds::ResourceType::kCluster, update.version,
                                update.from_snapshot);
  // One request for all endpoints that the new clusters need.
  services_.sources.Pause(xds::ResourceType::kEndpoints);
  for (const xds::Resource& resource : update.changed) {
    const absl::Status status = Put(resource, journal);
    if (status.ok()) continue;
    const std::string message(status.message());
    journal.Refused(resource.name, message);
    errors.push_back({std::string(resource.name), message});
  }
  for (const std::string& name : update.removed) {
    if (Remove(name)) journal.Removed(name);
  }
  services_.sources.Resume(xds::ResourceType::kEndpoints);
  return errors;
}

void DynamicClusters::OnFetchTimeout(absl::Span<const std::string>) { Settle(); }

void DynamicClusters::Settle() {
  if (std::exchange(settled_, true)) return;
  services_.warmer.Arrived(kClusterSourceTarget, kFirstClusters);
}

absl::Status DynamicClusters::Put(const xds::Resource& resource, ConfigJournal::Update& journal) {
  const std::string name(resource.name);
  config::ResourceVersion shown{std::string(resource.version), std::string(resource.bytes),
                                services_.dispatcher.wall_now()};
  const auto known = entries_.find(name);
  const bool of_bootstrap =
      known == entries_.end() ? services_.clusters.Contains(name) : !known->second.from_source;
  // As Envoy: what the bootstrap says stays, and nobody is told.
  if (of_bootstrap) {
    REMORA_LOG(kMain, kInfo, "cluster ", name, " is the bootstrap's: the source's is passed over");
    return absl::OkStatus();
  }
  if (known != entries_.end()) {
    // Several may follow it: the source of all clusters, and one that was asked for this.
    Entry& entry = known->second;
    Version* const last = entry.warming != nullptr ? entry.warming.get() : entry.active.get();
    if (last != nullptr && last->shown.message == resource.bytes) {
      last->shown.version = shown.version;
      entry.refused.reset();
      return absl::OkStatus();
    }
  }
  absl::StatusOr<config::ClusterResource> translated = services_.translator.Cluster(resource.bytes);
  absl::Status status = translated.status();
  const bool is_new = known == entries_.end() ||
                      (known->second.active == nullptr && known->second.warming == nullptr);
  Entry& entry = entries_[name];
  if (status.ok()) {
    auto version = std::make_unique<Version>(services_.stats);
    version->shown = shown;
    version->resource = std::make_unique<config::ClusterResource>(*std::move(translated));
    status = Warm(name, entry, std::move(version));
  }
  if (!status.ok()) {
    entry.refused = std::make_unique<const config::ResourceRefusal>(
        config::ResourceRefusal{std::move(shown), std::string(status.message())});
    return status;
  }
  entry.refused.reset();
  if (is_new) {
    journal.Added(name);
    stats_.cluster_added.Inc();
  } else {
    journal.Changed(name);
    stats_.cluster_modified.Inc();
  }
  return absl::OkStatus();
}

bool DynamicClusters::Remove(const std::string& name) {
  const auto found = entries_.find(name);
  if (found == entries_.end() || !found->second.from_source) return false;
  Entry& entry = found->second;
  const bool existed = entry.active != nullptr || entry.warming != nullptr;
  ForgetWarming(name, entry);
  services_.clusters.Remove(name);
  entries_.erase(found);
  if (existed) stats_.cluster_removed.Inc();
  return existed;
}

// --- warming ---

absl::Status DynamicClusters::Warm(const std::string& name, Entry& entry,
                                   std::unique_ptr<Version> version) {
  const std::string target = ClusterTarget(name);
  // The one that waited until now is not used, unless this one cannot be: what it waits for may be
  // what this one does.
  const std::unique_ptr<Version> before = ForgetWarming(name, entry);
  const config::ClusterResource& cluster = *version->resource;
  stats::Scope& scope = version->scopes.Add(absl::StrCat("cluster.", cluster.config.stat_name()));
  auto followed = services_.tls.Follow(cluster.tls_contexts, target, scope);
  if (!followed.ok()) {
    services_.warmer.Forget(target);
    if (before != nullptr) {
      auto again = std::make_unique<Version>(services_.stats);
      again->shown = std::move(before->shown);
      again->resource = std::move(before->resource);
      const absl::Status back = Warm(name, entry, std::move(again));
      if (!back.ok()) REMORA_LOG(kMain, kError, std::string(back.message()));
    }
    return followed.status();
  }
  version->tls = *std::move(followed);
  entry.warming = std::move(version);
  warming_.insert(name);
  if (cluster.endpoints.has_value()) {
    const EndpointSubscription* endpoints = EndpointsFor(entry, *entry.warming);
    if (endpoints == nullptr || !endpoints->settled()) {
      services_.warmer.Wait(target, EndpointsTarget(*cluster.endpoints));
    }
    if (endpoints == nullptr) AskForEndpoints(name, entry, cluster);
  }
  if (!services_.warmer.IsWarming(target)) Activate(name, entry);
  CountWarming();
  return absl::OkStatus();
}

void DynamicClusters::AskForEndpoints(const std::string& name, Entry& entry,
                                      const config::ClusterResource& cluster) {
  EndpointSubscription::Events events;
  events.take = [this, name](const EndpointSubscription& from, std::string_view message) {
    return TakeEndpoints(name, from, message);
  };
  events.on_settled = [this, target = ClusterTarget(name),
                       what = EndpointsTarget(*cluster.endpoints)] {
    services_.warmer.Arrived(target, what);
  };
  // Thousands of clusters have one source: they share what says so.
  if (last_source_ == nullptr || *last_source_ != cluster.endpoints->source) {
    last_source_ = std::make_shared<const config::ConfigSource>(cluster.endpoints->source);
  }
  auto subscription = std::make_unique<EndpointSubscription>(
      last_source_, cluster.endpoints->service_name,
      absl::StrCat("cluster.", cluster.config.stat_name(), "."),
      EndpointSubscription::Services{services_.sources, services_.journal, services_.dispatcher},
      std::move(events));
  subscription->Start();
  (entry.active == nullptr ? entry.endpoints : entry.next_endpoints) = std::move(subscription);
}

EndpointSubscription* DynamicClusters::EndpointsFor(Entry& entry, const Version& version) {
  for (const auto* endpoints : {&entry.next_endpoints, &entry.endpoints}) {
    if (*endpoints != nullptr && (*endpoints)->IsOf(*version.resource->endpoints)) {
      return endpoints->get();
    }
  }
  return nullptr;
}

std::unique_ptr<DynamicClusters::Version> DynamicClusters::ForgetWarming(const std::string& name,
                                                                         Entry& entry) {
  if (entry.warming == nullptr) return nullptr;
  services_.warmer.Forget(ClusterTarget(name));
  warming_.erase(name);
  return std::move(entry.warming);
}

void DynamicClusters::OnWarm(std::string_view target) {
  constexpr std::string_view kPrefix = kClusterTarget;
  if (target.starts_with(kPrefix)) warm_.emplace(target.substr(kPrefix.size()));
}

void DynamicClusters::ActivateWarm() {
  for (const std::string& name : std::exchange(warm_, {})) {
    // What was warm may have gone since, or wait again, as another version.
    if (!warming_.contains(name) || services_.warmer.IsWarming(ClusterTarget(name))) continue;
    Activate(name, entries_[name]);
  }
  CountWarming();
}

void DynamicClusters::Activate(const std::string& name, Entry& entry) {
  std::unique_ptr<Version> version = std::move(entry.warming);
  warming_.erase(name);
  config::ClusterResource& cluster = *version->resource;
  if (!cluster.endpoints.has_value()) {
    entry.endpoints.reset();
    entry.next_endpoints.reset();
    services_.clusters.Put(std::move(cluster.config));
  } else {
    EndpointSubscription* endpoints = EndpointsFor(entry, *version);
    if (endpoints == entry.next_endpoints.get()) entry.endpoints = std::move(entry.next_endpoints);
    entry.next_endpoints.reset();
    const std::vector<upstream::HostConfig> hosts = TakeHosts(*version, *entry.endpoints);
    services_.clusters.Put(std::move(cluster.config));
    services_.clusters.PutHosts(name, hosts);
  }
  version->resource.reset();
  // The version before it goes behind its cluster: RemovedScopes wants that order.
  entry.active = std::move(version);
}

void DynamicClusters::CountWarming() const { stats_.warming_clusters.Set(warming_.size()); }

// --- endpoints ---

std::vector<upstream::HostConfig> DynamicClusters::TakeHosts(
    Version& version, const EndpointSubscription& endpoints) {
  if (version.hosts.has_value()) return *std::exchange(version.hosts, std::nullopt);
  if (!endpoints.assignment().has_value()) return {};
  auto hosts = services_.translator.Endpoints(endpoints.assignment()->message,
                                              version.resource->config.transport_matches);
  // It was good when it came.
  if (!hosts.ok()) {
    REMORA_LOG(kMain, kError, "cluster ", version.resource->config.name, ": ",
               std::string(hosts.status().message()));
    return {};
  }
  return std::move(hosts->hosts);
}

absl::Status DynamicClusters::TakeEndpoints(const std::string& name,
                                            const EndpointSubscription& from,
                                            std::string_view message) {
  Entry& entry = entries_[name];
  const bool serves = entry.active != nullptr && &from == entry.endpoints.get();
  Version* version = serves ? entry.active.get() : entry.warming.get();
  if (version == nullptr) return absl::OkStatus();
  const upstream::ClusterConfig& config =
      serves ? services_.clusters.Find(name)->config() : version->resource->config;
  auto hosts = services_.translator.Endpoints(message, config.transport_matches);
  if (!hosts.ok()) return hosts.status();
  if (serves) {
    services_.clusters.PutHosts(name, hosts->hosts);
    stats_.cluster_updated.Inc();
  } else if (EndpointsFor(entry, *version) == &from) {
    version->hosts = std::move(hosts->hosts);
  }
  return absl::OkStatus();
}

// --- for the admin interface ---

const config::ResourceVersion* DynamicClusters::Find(const std::string& name) const {
  const auto found = entries_.find(name);
  const bool there = found != entries_.end() && found->second.from_source;
  return there && found->second.active != nullptr ? &found->second.active->shown : nullptr;
}

const config::ResourceVersion* DynamicClusters::FindEndpoints(const std::string& cluster) const {
  const auto found = entries_.find(cluster);
  const bool there = found != entries_.end() && found->second.endpoints != nullptr;
  return there ? found->second.endpoints->active() : nullptr;
}

void DynamicClusters::Show(config::ShownResources& shown) const {
  shown.clusters_version = version_;
  for (const auto& [name, entry] : entries_) {
    for (const auto* endpoints : {&entry.endpoints, &entry.next_endpoints}) {
      if (*endpoints != nullptr && (*endpoints)->settled()) {
        shown.endpoints.push_back((*endpoints)->shown());
      }
    }
    if (!entry.from_source) continue;
    config::ShownResource& cluster = shown.clusters.emplace_back();
    cluster.name = name;
    if (entry.active != nullptr) cluster.active = entry.active->shown;
    if (entry.warming != nullptr) cluster.warming = entry.warming->shown;
    if (entry.refused != nullptr) cluster.refused = *entry.refused;
  }
}

}  // namespace remora::server
