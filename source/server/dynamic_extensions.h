#pragma once

// DynamicExtensions: HTTP filters whose configuration comes from sources (ECDS): one subscription
// for each source and name, however many chains have the filter, and a version put into the slot of
// each.
//
//   resource --translate, once for each chain--> FilterFactory --> FilterSlot of each chain
//
// Every chain has a version of its own, as it would have of a filter in its own configuration.
// Owner: Server. Thread: main. What one of the chains cannot use is a NACK for all of them, and the
// last good version stays. One that the source takes away, and one that never comes, leave the
// default; where there is none, requests are answered with 500. Source: Envoy
// source/common/filter/config_discovery_impl.{h,cc}.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
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

// `extension_config_discovery.http_filter.<name>.`, beside those of the subscription.
struct ExtensionStats {
  stats::NamedCounter<"config_reload"> config_reload;      // Versions taken.
  stats::NamedCounter<"config_fail"> config_fail;          // Refused, or not there in time.
  stats::NamedCounter<"config_conflict"> config_conflict;  // Always 0.
};

class ExtensionSubscription;

// One filter of one chain follows its configuration as long as this lives.
using ExtensionLease = SubscriptionLease<ExtensionSubscription>;

class DynamicExtensions {
 public:
  struct Services {
    xds::Sources& sources;
    config::ResourceTranslator& translator;
    Warmer& warmer;
    ConfigJournal& journal;
    event::Dispatcher& dispatcher;
    stats::Store& stats;
    size_t workers;
    // What it logs to is opened before it is used.
    std::function<absl::Status(const http::FilterFactory&)> open_logs;
    // Every worker puts the version into its place of the slot.
    std::function<void(const std::shared_ptr<const http::FilterSlot>&,
                       const http::FilterSlot::Version&)>
        put;
  };
  explicit DynamicExtensions(Services services);
  ~DynamicExtensions();
  DynamicExtensions(const DynamicExtensions&) = delete;
  DynamicExtensions& operator=(const DynamicExtensions&) = delete;

  // `who` warms until the configuration has come or is given up, unless the default serves
  // meanwhile. No worker has the slot yet.
  std::unique_ptr<ExtensionLease> Follow(const config::ExtensionUse& use, const std::string& who);

  // The one in use; null: it is not a source's.
  const config::ResourceVersion* Find(std::string_view name) const;
  // For /config_dump.
  void Show(config::ShownResources& shown) const;

 private:
  friend class ExtensionSubscription;
  void Remove(const ExtensionSubscription& subscription);

  Services services_;
  SharedSubscriptions<ExtensionSubscription> subscriptions_;
};

// One configuration of one source.
class ExtensionSubscription final : public xds::ResourceUser {
 public:
  ExtensionSubscription(DynamicExtensions& extensions, const config::ExtensionUse& first);
  ExtensionSubscription(const ExtensionSubscription&) = delete;
  ExtensionSubscription& operator=(const ExtensionSubscription&) = delete;
  void Start();

  bool Is(const config::ExtensionUse& use) const {
    return source_ == use.source && resource_.name() == use.name;
  }
  config::ShownResource shown() const { return resource_.shown(); }
  const FollowedResource& resource() const { return resource_; }
  size_t Add(const config::ExtensionUse& use, const std::string& who);
  // The last one takes the subscription with it.
  void Remove(size_t user);

  std::vector<xds::ResourceError> OnUpdate(const xds::ResourceUpdate& update) override;
  void OnFetchTimeout(absl::Span<const std::string> names) override;

 private:
  using Version = http::FilterSlot::Version;
  // A filter of a chain.
  struct User {
    size_t id;
    config::ExtensionUse use;
    std::string who;
  };
  // Of the resource, with what it logs to open.
  absl::StatusOr<Version> Translate(std::string_view message,
                                    const config::ExtensionUse& use) const;
  absl::Status Take(std::string_view message) const;
  // Nobody waits any more.
  void Settle();

  DynamicExtensions& extensions_;
  const DynamicExtensions::Services& services_;
  config::ConfigSource source_;
  ScopeLease scopes_;
  ExtensionStats stats_;
  const std::string target_;
  bool settled_ = false;
  size_t last_id_ = 0;
  std::vector<User> users_;
  FollowedResource resource_;
  std::unique_ptr<xds::Subscription> subscription_;
};

}  // namespace remora::server
