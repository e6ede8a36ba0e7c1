#pragma once

// DynamicClusters: clusters that come from a source (CDS), and those of the bootstrap whose
// endpoints do (EDS): from the resource to the cluster that requests may use.
//
//   resource --translate--> Version --warm: endpoints and secrets are there, or given up-->
//   Clusters
//            \--refused: the one that there is stays, and the control plane is told
//
// A version that warms does not touch the one that serves. A cluster that is announced again keeps
// its endpoints while they come from the same source. Owner: Server. Thread: main.
// Source: Envoy source/common/upstream/{cds_api_helper,cluster_manager_impl}.cc.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "source/config/config_dump.h"
#include "source/config/resource_translator.h"
#include "source/server/clusters.h"
#include "source/server/config_journal.h"
#include "source/server/endpoint_subscription.h"
#include "source/server/tls_contexts.h"
#include "source/server/warmer.h"
#include "source/xds/subscription.h"

namespace remora::server {

// What the classes that take resources are made with; all outlive them.
struct DynamicServices {
  xds::Sources& sources;
  config::ResourceTranslator& translator;
  Clusters& clusters;
  TlsContexts& tls;
  Warmer& warmer;
  ConfigJournal& journal;
  event::Dispatcher& dispatcher;
  stats::Store& stats;
};

class DynamicClusters final : public xds::ResourceUser {
 public:
  DynamicClusters(const DynamicServices& services, const ClusterManagerStats& stats)
      : services_(services), stats_(stats) {}
  ~DynamicClusters();
  DynamicClusters(const DynamicClusters&) = delete;
  DynamicClusters& operator=(const DynamicClusters&) = delete;

  // A cluster of the bootstrap that has no endpoints of its own. Fails when what the configuration
  // holds of its secrets is wrong.
  absl::Status AddStatic(config::ClusterResource cluster);
  // Asks for the endpoints of those.
  void StartStatic();
  // Asks for clusters.
  void Subscribe(const config::ConfigSource& source);
  // Clusters of any source; a version that is here already changes nothing.
  std::vector<xds::ResourceError> Take(const xds::ResourceUpdate& update);
  // The source of clusters has answered, or there is no use in waiting for it.
  bool settled() const { return settled_; }
  // Of any target of the Warmer: it waits for nothing any more.
  void OnWarm(std::string_view target);
  // Uses those whose last thing to wait for has come.
  void ActivateWarm();

  std::vector<xds::ResourceError> OnUpdate(const xds::ResourceUpdate& update) override;
  void OnFetchTimeout(absl::Span<const std::string> names) override;

  // The one in use; null: it is not a source's. Of endpoints by their cluster.
  const config::ResourceVersion* Find(const std::string& name) const;
  const config::ResourceVersion* FindEndpoints(const std::string& cluster) const;
  // For /config_dump.
  void Show(config::ShownResources& shown) const;

 private:
  // One version of a cluster.
  struct Version {
    explicit Version(stats::Store& store) : scopes(store) {}

    config::ResourceVersion shown;
    // Until it is used: then it is the cluster's, and a copy of it in thousands is megabytes.
    std::unique_ptr<config::ClusterResource> resource;
    // Of the assignment that came while it warmed; none: the subscription has an older one, or
    // none.
    std::optional<std::vector<upstream::HostConfig>> hosts;
    ScopeLease scopes;  // what its secrets count in
    std::unique_ptr<FollowedContexts> tls;
  };
  struct Entry {
    bool from_source = true;
    std::unique_ptr<Version> active;
    std::unique_ptr<Version> warming;
    // Of `active`, and of `warming` if that is from the same source.
    std::unique_ptr<EndpointSubscription> endpoints;
    std::unique_ptr<EndpointSubscription> next_endpoints;  // of `warming`, from another
    std::unique_ptr<const config::ResourceRefusal> refused;
  };

  absl::Status Put(const xds::Resource& resource, ConfigJournal::Update& journal);
  bool Remove(const std::string& name);
  // Starts to wait for what `version` needs; uses it when there is nothing.
  absl::Status Warm(const std::string& name, Entry& entry, std::unique_ptr<Version> version);
  void AskForEndpoints(const std::string& name, Entry& entry,
                       const config::ClusterResource& cluster);
  EndpointSubscription* EndpointsFor(Entry& entry, const Version& version);
  void Activate(const std::string& name, Entry& entry);
  // The hosts that `version` has by its last assignment; its own are gone then.
  std::vector<upstream::HostConfig> TakeHosts(Version& version,
                                              const EndpointSubscription& endpoints);
  absl::Status TakeEndpoints(const std::string& name, const EndpointSubscription& from,
                             std::string_view message);
  // What warmed, if anything did.
  std::unique_ptr<Version> ForgetWarming(const std::string& name, Entry& entry);
  void Settle();
  void CountWarming() const;

  DynamicServices services_;
  ClusterManagerStats stats_;
  absl::btree_map<std::string, Entry> entries_;
  absl::btree_set<std::string> warming_;  // names of entries
  // Those that have become warm since the last look: answers may come one by one, and looking at
  // thousands for each of them takes seconds.
  absl::btree_set<std::string> warm_;
  std::string version_;
  bool settled_ = false;
  std::shared_ptr<const config::ConfigSource> last_source_;  // of endpoints
  std::unique_ptr<xds::Subscription> subscription_;
};

}  // namespace remora::server
