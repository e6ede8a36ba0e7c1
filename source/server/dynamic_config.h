#pragma once

// DynamicConfig: everything of the configuration that comes from sources: who follows what, in
// which order it is asked for, and what of it is known.
//
//   RTDS --answered--> CDS, endpoints of static clusters --answered, all clusters warm--> LDS
//
// Owner: Server. Thread: main. A listener of a source is never asked for before the clusters are
// there that its routes may name; listeners of the bootstrap do not wait for sources but their own.
// Source: Envoy source/common/upstream/cluster_manager_impl.cc (ClusterManagerInitHelper).

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "source/config/bootstrap.h"
#include "source/config/config_dump.h"
#include "source/explain/explanation.h"
#include "source/server/config_journal.h"
#include "source/server/dynamic_clusters.h"
#include "source/server/dynamic_extensions.h"
#include "source/server/dynamic_listeners.h"
#include "source/server/dynamic_routes.h"
#include "source/server/dynamic_runtime.h"
#include "source/server/dynamic_scopes.h"
#include "source/server/on_demand_clusters.h"
#include "source/xds/resource_status.h"

namespace remora::server {

class DynamicConfig {
 public:
  struct Setup {
    config::ResourceTranslator::Setup translator;
    std::optional<config::ConfigSource> clusters;   // CDS; none: there is no such source
    std::optional<config::ConfigSource> listeners;  // LDS
    ClusterManagerStats cluster_stats;
    ListenerManagerStats listener_stats;
    DynamicListeners::OpenLogs open_logs;
    ListenerSet& listener_set;
    size_t workers;
    decltype(DynamicRoutes::Services::put) put_routes;
    decltype(DynamicRoutes::Services::answer_host) answer_host;
    decltype(DynamicScopes::Services::put) put_scopes;
    decltype(DynamicExtensions::Services::open_logs) open_filter_logs;
    decltype(DynamicExtensions::Services::put) put_filter;
    const std::vector<config::RuntimeLayerConfig>& runtime;
    DynamicRuntime::Put put_runtime;
    OnDemandClusters::Answer answer_clusters;
  };
  // What the parts share; all outlive it.
  struct Services {
    xds::Sources& sources;
    Clusters& clusters;
    TlsContexts& tls;
    Warmer& warmer;
    event::Dispatcher& dispatcher;
    stats::Store& stats;
  };
  DynamicConfig(Setup setup, const Services& services);
  DynamicConfig(const DynamicConfig&) = delete;
  DynamicConfig& operator=(const DynamicConfig&) = delete;

  // Clusters of the bootstrap whose endpoints come from sources, with their TLS contexts.
  absl::Status AddStaticClusters(std::vector<config::ClusterResource> clusters);
  // Route tables and filters of the bootstrap's listeners.
  void FollowStatic(const config::ListenerTable& listeners);
  // Asks for what everything else waits for.
  void Start();
  // `who`, as the Warmer knows it, waits for nothing any more.
  void OnWarm(const std::string& who) { clusters_.OnWarm(who); }
  // Something has become warm, or an answer has come: uses it, and asks for what comes next.
  void Advance();

  // Whom workers ask for clusters.
  upstream::ClusterFinder& cluster_finder() { return clusters_on_demand_; }

  // What of a source is in use; null: nothing, or it is the bootstrap's.
  const config::ResourceVersion* Find(explain::Origin::Type type, const std::string& name) const;
  const config::ResourceVersion* FindExtension(std::string_view name) const {
    return extensions_.Find(name);
  }
  config::ShownResources Show() const;
  // Those that are here alone: sources keep no copies of clusters and listeners.
  void AddContents(std::vector<xds::ResourceStatus>& resources) const;
  std::vector<admin::JournalEntry> journal() const { return journal_.entries(); }

 private:
  Setup setup_;
  Services services_;
  ConfigJournal journal_;
  config::ResourceTranslator translator_;
  DynamicRuntime runtime_;
  DynamicClusters clusters_;
  OnDemandClusters clusters_on_demand_;
  DynamicRoutes routes_;
  DynamicScopes scopes_;
  DynamicExtensions extensions_;
  std::vector<std::unique_ptr<RouteLease>> static_routes_;
  std::vector<std::unique_ptr<RouteScopesLease>> static_scopes_;
  std::vector<std::unique_ptr<ExtensionLease>> static_extensions_;
  DynamicListeners listeners_;
  bool clusters_asked_ = false;
  bool listeners_asked_ = false;
};

}  // namespace remora::server
