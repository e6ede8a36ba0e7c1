#pragma once

// EndpointSubscription: the endpoints of one service, for one cluster: the last assignment that the
// cluster could use.
//
// Owner: DynamicClusters, for each EDS cluster; it outlives changes of the cluster that do not
// touch the source, so that a cluster that is announced again has its endpoints at once. Thread:
// main. Failures are those of a FollowedResource.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "source/config/config_dump.h"
#include "source/config/source_use.h"
#include "source/event/dispatcher.h"
#include "source/server/followed_resource.h"
#include "source/xds/subscription.h"

namespace remora::server {

class EndpointSubscription final : public xds::ResourceUser {
 public:
  struct Services {
    xds::Sources& sources;
    ConfigJournal& journal;
    event::Dispatcher& dispatcher;
  };
  struct Events {
    // Takes the assignment, or says why not. In binary.
    std::function<absl::Status(const EndpointSubscription& from, std::string_view message)> take;
    // It has come, or there is no use in waiting any longer; called more than once.
    std::function<void()> on_settled;
  };
  // Statistics are made below `stat_prefix`. Nothing is called before Start has returned.
  EndpointSubscription(std::shared_ptr<const config::ConfigSource> source, std::string service_name,
                       std::string_view stat_prefix, const Services& services, Events events);
  EndpointSubscription(const EndpointSubscription&) = delete;
  EndpointSubscription& operator=(const EndpointSubscription&) = delete;
  void Start();

  bool IsOf(const config::EndpointSource& source) const {
    return *source_ == source.source && resource_.name() == source.service_name;
  }
  bool settled() const { return settled_; }
  // The last good one; none: nothing has come.
  const std::optional<config::ResourceVersion>& assignment() const { return resource_.active(); }
  config::ShownResource shown() const { return resource_.shown(); }
  // Null: nothing has come.
  const config::ResourceVersion* active() const { return resource_.active_version(); }

  std::vector<xds::ResourceError> OnUpdate(const xds::ResourceUpdate& update) override;
  void OnFetchTimeout(absl::Span<const std::string> names) override;

 private:
  void Settle();

  std::shared_ptr<const config::ConfigSource> source_;
  Events events_;
  bool settled_ = false;
  FollowedResource resource_;
  std::unique_ptr<xds::Subscription> subscription_;
};

}  // namespace remora::server
