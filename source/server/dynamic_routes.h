#pragma once

// DynamicRoutes: route tables that come from sources (RDS): one subscription for each source and
// name, however many connection managers share it, and the table put into the slot of each.
//
//   resource --translate, once for each list of filters--> RouteTable --> RouteSlot of each manager
//
// A table is for the HTTP filters of its managers, which is what makes overrides by route mean
// something: managers with the same filters share one. Owner: Server. Thread: main. A refused table
// is a NACK and the last good one stays, for all managers; one that the source takes away stays
// too, as in Envoy. Source: Envoy source/common/router/rds_impl.cc, source/common/rds/.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/config/config_dump.h"
#include "source/config/resource_translator.h"
#include "source/server/followed_resource.h"
#include "source/server/scope_lease.h"
#include "source/server/shared_subscriptions.h"
#include "source/server/warmer.h"
#include "source/stats/group.h"
#include "source/xds/subscription.h"

namespace remora::server {

// `http.<stat_prefix>.rds.<name>.`, beside those of the subscription.
struct RouteTableStats {
  stats::NamedCounter<"config_reload"> config_reload;                // Tables taken.
  stats::NamedGauge<"config_reload_time_ms"> config_reload_time_ms;  // When; since 1970.
};

class RouteSubscription;

// One connection manager follows its table as long as this lives.
using RouteLease = SubscriptionLease<RouteSubscription>;

class DynamicRoutes {
 public:
  struct Services {
    xds::Sources& sources;
    config::ResourceTranslator& translator;
    Warmer& warmer;
    ConfigJournal& journal;
    event::Dispatcher& dispatcher;
    stats::Store& stats;
    size_t workers;
    // Every worker puts the table into its place of the slot.
    std::function<void(const std::shared_ptr<const route::RouteSlot>&,
                       const std::shared_ptr<const route::RouteTable>&)>
        put;
  };
  explicit DynamicRoutes(Services services);
  ~DynamicRoutes();
  DynamicRoutes(const DynamicRoutes&) = delete;
  DynamicRoutes& operator=(const DynamicRoutes&) = delete;

  // `who` warms until the table has come or is given up. No worker has the slot yet.
  std::unique_ptr<RouteLease> Follow(const config::RouteUse& use, const std::string& who);

  // For /config_dump.
  void Show(config::ShownResources& shown) const;

 private:
  friend class RouteSubscription;
  void Remove(const RouteSubscription& subscription);

  Services services_;
  SharedSubscriptions<RouteSubscription> subscriptions_;
};

// One table of one source.
class RouteSubscription final : public xds::ResourceUser {
 public:
  RouteSubscription(DynamicRoutes& routes, const config::RouteUse& first);
  RouteSubscription(const RouteSubscription&) = delete;
  RouteSubscription& operator=(const RouteSubscription&) = delete;
  void Start();

  bool Is(const config::RouteUse& use) const {
    return source_ == use.source && resource_.name() == use.name;
  }
  config::ShownResource shown() const { return resource_.shown(); }
  size_t Add(const config::RouteUse& use, const std::string& who);
  // The last one takes the subscription with it.
  void Remove(size_t user);

  std::vector<xds::ResourceError> OnUpdate(const xds::ResourceUpdate& update) override;
  void OnFetchTimeout(absl::Span<const std::string> names) override;

 private:
  using Table = std::shared_ptr<const route::RouteTable>;
  // A connection manager.
  struct User {
    size_t id;
    std::shared_ptr<const route::RouteSlot> slot;
    std::vector<http::FilterFactory> filters;
    std::string who;
    Table table;
  };
  // One table for each user, or what is wrong with the resource.
  absl::StatusOr<std::vector<Table>> Translate(std::string_view message) const;
  absl::Status Take(std::string_view message);
  void Settle();

  DynamicRoutes& routes_;
  const DynamicRoutes::Services& services_;
  config::ConfigSource source_;
  ScopeLease scopes_;
  RouteTableStats stats_;
  bool settled_ = false;
  size_t last_id_ = 0;
  std::vector<User> users_;
  FollowedResource resource_;
  std::unique_ptr<xds::Subscription> subscription_;
};

}  // namespace remora::server
