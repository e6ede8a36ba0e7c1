#pragma once

// DynamicHosts: virtual hosts that come from sources (VHDS) for route tables that are from sources
// too: one subscription for each source, however many tables have hosts of it.
//
//   RouteConfiguration.vhds --Follow--> HostSubscription <--resources "<table>/<host>"-- source
//        table --TakeHosts: all of its hosts--'   '--requests' hosts, by name--> source
//
// All that the source has is asked for at first, and what requests need by name after that: by
// "<table>/<host>", which a resource may also have as an alias. Hosts come from requests: at most
// kMostAwaited are waited for at a time, none is longer than kLongestHost. Owner: DynamicRoutes.
// Thread: main. A host that its table refuses is a NACK, and what there was stays.
// Source: Envoy source/common/router/vhds.cc.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "source/config/config_source.h"
#include "source/server/config_journal.h"
#include "source/server/shared_subscriptions.h"
#include "source/stats/group.h"
#include "source/xds/subscription.h"

namespace remora::server {

// Of a table's hosts, `http.<stat_prefix>.vhds.<name>.`.
struct HostTableStats {
  stats::NamedCounter<"overflow"> overflow;  // Hosts of requests that were not asked for.
};

// A face: a route table whose hosts come from a source.
class HostUser {
 public:
  // Takes all the hosts that there are of it, each a serialized VirtualHost, or says what is wrong:
  // then nothing changes.
  virtual absl::Status TakeHosts(const std::vector<std::string>& hosts) = 0;
  // The source has answered for the first time, or will not in time.
  virtual void OnHostsSettled() = 0;
  // No more will be said of that host of a request.
  virtual void OnHostAnswer(const std::string& host) = 0;

 protected:
  ~HostUser() = default;
};

class HostSubscription;

// A table has its hosts of the source as long as this lives.
using HostLease = SubscriptionLease<HostSubscription>;

// What a table wants.
struct HostUse {
  config::ConfigSource source;
  std::string table;
  std::string stat_prefix;  // "http.in.vhds.r."
  HostUser* user;
};

class DynamicHosts {
 public:
  struct Services {
    xds::Sources& sources;
    ConfigJournal& journal;
  };
  explicit DynamicHosts(const Services& services) : services_(services) {}
  ~DynamicHosts();
  DynamicHosts(const DynamicHosts&) = delete;
  DynamicHosts& operator=(const DynamicHosts&) = delete;

  std::unique_ptr<HostLease> Follow(const HostUse& use);
  // A request needs a host that `use` does not have. False: it cannot be asked for, and that was
  // the answer.
  bool Find(const HostUse& use, const std::string& host);

 private:
  friend class HostSubscription;
  Services services_;
  SharedSubscriptions<HostSubscription> subscriptions_;
};

// All hosts of one source.
class HostSubscription final : public xds::ResourceUser {
 public:
  static constexpr size_t kMostAwaited = 1000;
  static constexpr size_t kLongestHost = 1024;

  HostSubscription(DynamicHosts& hosts, const HostUse& first);
  HostSubscription(const HostSubscription&) = delete;
  HostSubscription& operator=(const HostSubscription&) = delete;
  void Start() { subscription_->Start(); }

  bool Is(const HostUse& use) const { return source_ == use.source; }
  size_t Add(const HostUse& use, const std::string& who);
  // The last one takes the subscription with it.
  void Remove(size_t user);
  bool Find(const HostUse& use, const std::string& host);

  std::vector<xds::ResourceError> OnUpdate(const xds::ResourceUpdate& update) override;
  void OnFetchTimeout(absl::Span<const std::string> names) override;

 private:
  struct User {
    size_t id;
    std::string table;
    HostUser* user;
  };
  struct Host {
    std::string bytes;
    std::vector<std::string> aliases;
  };
  using Hosts = absl::btree_map<std::string, Host>;  // by the resource's name
  using Tables = absl::btree_set<std::string>;

  static Host MakeHost(const xds::Resource& resource);
  static std::vector<std::string> HostsOf(std::string_view table, const Hosts& hosts);
  // To those tables; the first thing that one of them finds wrong.
  absl::Status Offer(const Hosts& hosts, const Tables& tables) const;
  // Offers each change by itself, after `next` was refused as a whole; leaves out what is wrong.
  std::vector<xds::ResourceError> OfferEach(const xds::ResourceUpdate& update, Hosts& next) const;
  // Tells those who wait for a host by that name.
  void Answer(const std::string& name);
  // There is nothing of that name.
  void Drop(const std::string& name);
  void Settle();

  DynamicHosts& all_;
  const config::ConfigSource source_;
  size_t last_id_ = 0;
  bool settled_ = false;
  std::vector<User> users_;
  Hosts hosts_;
  absl::flat_hash_set<std::string> aliases_;  // of all of them
  absl::flat_hash_set<std::string> awaited_;  // names that the source has said nothing of
  std::unique_ptr<xds::Subscription> subscription_;
};

}  // namespace remora::server
