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
#include <string_view>
#include <utility>
#include <vector>

#include "source/config/config_dump.h"
#include "source/config/resource_translator.h"
#include "source/server/dynamic_hosts.h"
#include "source/server/followed_resource.h"
#include "source/server/scope_lease.h"
#include "source/server/shared_subscriptions.h"
#include "source/server/warmer.h"
#include "source/stats/group.h"
#include "source/xds/subscription.h"

namespace remora::server {

// `http.<stat_prefix>.rds.<name>.` and `http.<stat_prefix>.vhds.<name>.`, beside those of the
// subscription.
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
    // Requests on every worker that wait in the slot for that host look again.
    std::function<void(const std::shared_ptr<const route::RouteSlot>&, const std::string& host)>
        answer_host;
  };
  explicit DynamicRoutes(Services services);
  ~DynamicRoutes();
  DynamicRoutes(const DynamicRoutes&) = delete;
  DynamicRoutes& operator=(const DynamicRoutes&) = delete;

  // `who` warms until the table has come or is given up. No worker has the slot yet.
  std::unique_ptr<RouteLease> Follow(const config::RouteUse& use, const std::string& who);

  // The one in use; null: it is not a source's.
  const config::ResourceVersion* Find(std::string_view name) const;
  // For /config_dump.
  void Show(config::ShownResources& shown) const;

 private:
  friend class RouteSubscription;
  class Finder;
  void Remove(const RouteSubscription& subscription);
  // A request has found no host in the table of that subscription.
  void FindHost(uint64_t subscription, const std::string& host);

  Services services_;
  uint64_t last_id_ = 0;  // of a subscription
  DynamicHosts hosts_;
  SharedSubscriptions<RouteSubscription> subscriptions_;
};

// One table of one source.
class RouteSubscription final : public xds::ResourceUser, public HostUser {
 public:
  RouteSubscription(DynamicRoutes& routes, const config::RouteUse& first);
  RouteSubscription(const RouteSubscription&) = delete;
  RouteSubscription& operator=(const RouteSubscription&) = delete;
  void Start();

  bool Is(const config::RouteUse& use) const {
    return source_ == use.source && resource_.name() == use.name;
  }
  config::ShownResource shown() const { return resource_.shown(); }
  const FollowedResource& resource() const { return resource_; }
  size_t Add(const config::RouteUse& use, const std::string& who);
  // The last one takes the subscription with it.
  void Remove(size_t user);
  uint64_t id() const { return id_; }
  void FindHost(const std::string& host);

  std::vector<xds::ResourceError> OnUpdate(const xds::ResourceUpdate& update) override;
  void OnFetchTimeout(absl::Span<const std::string> names) override;

  // HostUser
  absl::Status TakeHosts(const std::vector<std::string>& hosts) override;
  void OnHostsSettled() override;
  void OnHostAnswer(const std::string& host) override;

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
  // `http.<stat_prefix>.vhds.<name>.`
  struct HostStats {
    RouteTableStats table;
    HostTableStats hosts;
  };
  // One table for each user, and where hosts of them come from.
  struct Tables {
    std::vector<Table> tables;
    std::optional<config::ConfigSource> hosts_source;
  };
  // Or what is wrong with the resource or the hosts.
  absl::StatusOr<Tables> Translate(std::string_view message,
                                   const std::vector<std::string>& hosts) const;
  absl::Status Take(std::string_view message);
  void Use(std::vector<Table> tables, const RouteTableStats& stats);
  // None: the table has all its hosts itself.
  std::optional<config::ConfigSource> HostsSource() const;
  // Follows the source of hosts that the resource names, if it names another one than until now.
  void FollowHosts();
  void Settle();

  DynamicRoutes& routes_;
  const DynamicRoutes::Services& services_;
  const uint64_t id_;
  const std::shared_ptr<const route::HostFinder> finder_;
  config::ConfigSource source_;
  std::string stat_prefix_;  // of the first that asked
  ScopeLease scopes_;
  RouteTableStats stats_;
  bool settled_ = false;
  size_t last_id_ = 0;
  std::vector<User> users_;
  FollowedResource resource_;
  std::unique_ptr<xds::Subscription> subscription_;
  // Of a table whose hosts come from elsewhere.
  std::optional<config::ConfigSource> next_hosts_source_;  // by the last good resource
  std::optional<HostUse> host_use_;
  std::optional<HostStats> host_stats_;
  std::vector<std::string> hosts_;  // serialized
  bool hosts_settled_ = true;
  std::unique_ptr<HostLease> host_lease_;
};

}  // namespace remora::server
