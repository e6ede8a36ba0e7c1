#pragma once

// DynamicScopes: scoped routes that come from sources (SRDS): one subscription for each source,
// however many connection managers have their scopes from it.
//
//   resources --translate, for each manager's filters--> ScopeTable --> ScopeSlot of each manager
//        \--route_configuration_name--> DynamicRoutes --> RouteSlot of the scope
//
// A scope whose table has not come yet has no routes, as in Envoy; a listener waits for those of
// the first answer. Owner: DynamicConfig. Thread: main. A scope that is refused is a NACK, and the
// last good one stays, for all managers. Source: Envoy source/common/router/scoped_rds.cc.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "source/config/resource_translator.h"
#include "source/server/dynamic_routes.h"
#include "source/server/shared_subscriptions.h"

namespace remora::server {

// `http.<stat_prefix>.scoped_rds.<name>.`, beside those of the subscription.
struct ScopeStats {
  stats::NamedCounter<"config_reload"> config_reload;  // Answers of which something was taken.
  stats::NamedGauge<"all_scopes"> all_scopes;          // Scopes that there are.
};

class ScopeSubscription;

// One connection manager follows its scopes as long as this lives.
using RouteScopesLease = SubscriptionLease<ScopeSubscription>;

class DynamicScopes {
 public:
  struct Services {
    xds::Sources& sources;
    config::ResourceTranslator& translator;
    Warmer& warmer;
    ConfigJournal& journal;
    stats::Store& stats;
    size_t workers;
    // Every worker puts the scopes into its place of the slot.
    std::function<void(const std::shared_ptr<const route::ScopeSlot>&,
                       const std::shared_ptr<const route::ScopeTable>&)>
        put;
  };
  // `routes` outlives it.
  DynamicScopes(Services services, DynamicRoutes& routes)
      : services_(std::move(services)), routes_(routes) {}
  ~DynamicScopes();
  DynamicScopes(const DynamicScopes&) = delete;
  DynamicScopes& operator=(const DynamicScopes&) = delete;

  // `who` warms until the scopes and their tables have come or are given up. No worker has the slot
  // yet.
  std::unique_ptr<RouteScopesLease> Follow(const config::ScopeUse& use, const std::string& who);

 private:
  friend class ScopeSubscription;
  Services services_;
  DynamicRoutes& routes_;
  SharedSubscriptions<ScopeSubscription> subscriptions_;
};

// All scopes of one source.
class ScopeSubscription final : public xds::ResourceUser {
 public:
  ScopeSubscription(DynamicScopes& scopes, const config::ScopeUse& first);
  ScopeSubscription(const ScopeSubscription&) = delete;
  ScopeSubscription& operator=(const ScopeSubscription&) = delete;
  void Start() { subscription_->Start(); }

  bool Is(const config::ScopeUse& use) const { return source_ == use.source; }
  size_t Add(const config::ScopeUse& use, const std::string& who);
  // The last one takes the subscription with it.
  void Remove(size_t user);

  std::vector<xds::ResourceError> OnUpdate(const xds::ResourceUpdate& update) override;
  void OnFetchTimeout(absl::Span<const std::string> names) override;

 private:
  // A scope of one connection manager.
  struct Entry {
    config::ScopedRoute scope;
    std::shared_ptr<const route::RouteSlot> slot;  // null: the scope has its table
    std::unique_ptr<RouteLease> lease;
  };
  struct User {
    size_t id;
    config::ScopeUse use;
    std::string who;
    absl::btree_map<std::string, Entry> entries;  // by the scope's name
  };

  // For all users, or what is wrong.
  absl::Status Put(const xds::Resource& resource, absl::Span<const xds::Resource> later);
  absl::Status CheckKey(const config::ScopedRoute& scope,
                        absl::Span<const xds::Resource> later) const;
  // `who` warms until its table has come; empty: nobody.
  void Use(User& user, config::ScopedRoute scope, const std::string& who);
  void Publish(const User& user) const;
  void Settle();

  DynamicScopes& all_;
  const config::ConfigSource source_;
  const std::string target_;  // as /init_dump shows it
  ScopeLease scopes_;
  ScopeStats stats_;
  bool settled_ = false;
  size_t last_id_ = 0;
  std::vector<User> users_;
  absl::btree_map<std::string, std::string> resources_;  // those that were taken, by name
  std::unique_ptr<xds::Subscription> subscription_;
};

}  // namespace remora::server
