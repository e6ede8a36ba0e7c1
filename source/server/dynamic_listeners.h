#pragma once

// DynamicListeners: listeners that come from a source (LDS): from the resource to the listener that
// serves.
//
//   resource --translate, bind--> Version --warm: secrets and route tables are there--> ListenerSet
//            \--refused: the one that there is stays, and the control plane is told
//
// A version that warms does not touch the one that serves. Versions are compared by what they mean,
// filter chain by filter chain: one that did not change keeps its connections, certificates and
// route tables. Owner: Server. Thread: main. Source: Envoy
// source/common/listener_manager/{lds_api,listener_manager_impl}.cc.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "source/server/dynamic_clusters.h"
#include "source/server/dynamic_extensions.h"
#include "source/server/dynamic_routes.h"
#include "source/server/dynamic_scopes.h"
#include "source/server/listener_set.h"

namespace remora::server {

class DynamicListeners final : public xds::ResourceUser {
 public:
  // Opens the files that a listener logs to.
  using OpenLogs = std::function<absl::Status(const config::ListenerConfig&)>;

  // Whom filter chains follow.
  struct Parts {
    DynamicRoutes& routes;
    DynamicScopes& scopes;
    DynamicExtensions& extensions;
  };

  // All outlive it.
  DynamicListeners(const DynamicServices& services, const Parts& parts, ListenerSet& listeners,
                   const ListenerManagerStats& stats, OpenLogs open_logs)
      : services_(services),
        parts_(parts),
        listeners_(listeners),
        stats_(stats),
        open_logs_(std::move(open_logs)) {}
  ~DynamicListeners();
  DynamicListeners(const DynamicListeners&) = delete;
  DynamicListeners& operator=(const DynamicListeners&) = delete;

  // Asks for listeners.
  void Subscribe(const config::ConfigSource& source);
  // Serves those whose last thing to wait for has come.
  void ActivateWarm();

  std::vector<xds::ResourceError> OnUpdate(const xds::ResourceUpdate& update) override;
  void OnFetchTimeout(absl::Span<const std::string> names) override;

  // The one in use; null: it is not a source's.
  const config::ResourceVersion* Find(const std::string& name) const;
  // For /config_dump.
  void Show(config::ShownResources& shown) const;

 private:
  using Config = std::shared_ptr<const config::ListenerConfig>;
  // What a filter chain needs from elsewhere.
  struct FollowedChain {
    std::unique_ptr<ScopeLease> scopes;  // what its secrets count in
    std::unique_ptr<FollowedContexts> tls;
    std::vector<std::unique_ptr<RouteLease>> routes;
    std::vector<std::unique_ptr<RouteScopesLease>> route_scopes;
    std::vector<std::unique_ptr<ExtensionLease>> extensions;
  };
  // One version of a listener. It goes with its last connection.
  struct Version final : ListenerSet::Company {
    config::ResourceVersion shown;
    Config config;
    absl::flat_hash_map<const config::FilterChain*, FollowedChain> chains;
  };
  struct Entry {
    std::unique_ptr<Version> active;
    std::unique_ptr<Version> warming;
    std::optional<config::ResourceRefusal> refused;
  };
  enum class Change : uint8_t { kAdded, kModified, kNothing };

  absl::StatusOr<Change> Put(const xds::Resource& resource);
  absl::StatusOr<Change> Take(const std::string& name, std::string_view message,
                              config::ResourceVersion shown);
  // In the place of what warms, which goes on if this one cannot be used.
  absl::Status Warm(const std::string& name, Entry& entry, std::unique_ptr<Version> version);
  // Makes it the one that warms.
  absl::Status Prepare(const std::string& name, Entry& entry, std::unique_ptr<Version>& version);
  absl::Status Follow(const Version* active, Version& version);
  bool Remove(const std::string& name);
  // What warmed, if anything did.
  std::unique_ptr<Version> ForgetWarming(const std::string& name, Entry& entry);
  absl::Status Activate(const std::string& name, Entry& entry);
  void Settle();

  DynamicServices services_;
  Parts parts_;
  ListenerSet& listeners_;
  ListenerManagerStats stats_;
  OpenLogs open_logs_;
  absl::btree_map<std::string, Entry> entries_;
  absl::btree_set<std::string> warming_;  // names of entries
  std::string version_;
  bool settled_ = false;
  std::unique_ptr<xds::Subscription> subscription_;
};

}  // namespace remora::server
