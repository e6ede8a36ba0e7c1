#pragma once

// The on-demand filter: lets a request wait for its virtual host (VHDS), and for the cluster that
// its route names (ODCDS), while the control plane is asked for them.
//
// envoy.extensions.filters.http.on_demand.v3.OnDemand; a route has a source of clusters of its own,
// or none. When what it waits for is there, when there is none, and, for a cluster, after
// `timeout`, the request goes on to the router, which answers 404 or, with the flag NC, 503 where
// there is still none. A request whose cluster is there pays a look-up. Source: Envoy
// source/extensions/filters/http/on_demand/on_demand_update.cc.

#include <memory>
#include <optional>

#include "source/config/config_source.h"
#include "source/config/registry.h"
#include "source/event/timer.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"

namespace envoy::extensions::filters::http::on_demand::v3 {
class OnDemand;
class PerRouteConfig;
}  // namespace envoy::extensions::filters::http::on_demand::v3

namespace remora::extensions {

class OnDemandFilter;

struct OnDemand {
  using Proto = envoy::extensions::filters::http::on_demand::v3::OnDemand;
  using RouteProto = envoy::extensions::filters::http::on_demand::v3::PerRouteConfig;
  using Filter = OnDemandFilter;
  static constexpr event::Duration kDefaultTimeout = 5 * event::kSecond;  // Envoy's
  struct Config {
    std::shared_ptr<const config::ConfigSource> source;  // null: nobody is asked for clusters
    event::Duration timeout = kDefaultTimeout;
  };
  using RouteConfig = Config;

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
};

class OnDemandFilter final : public http::Filter {
 public:
  OnDemandFilter(const OnDemand::Config& config, http::FilterContext& context);

  http::Answer OnRequestHead(http::RequestHead& head) override;
  void OnComplete() override;

 private:
  // False: there is nothing to wait for.
  bool AwaitCluster();
  // The source of virtual hosts has answered.
  static void OnRoutes(void* self);
  // The cluster is there, there is none, or it is too late.
  static void GoOn(void* self);

  const OnDemand::Config& config_;
  http::FilterContext& context_;
  http::Waiter route_waiter_;
  http::Waiter cluster_waiter_;
  event::Timer timer_;
};

}  // namespace remora::extensions
