#include "source/extensions/http_filters/on_demand/on_demand.h"

#include <string_view>

#include "envoy/extensions/filters/http/on_demand/v3/on_demand.pb.h"
#include "source/config/config_source_config.h"
#include "source/config/extension_values.h"

namespace remora::extensions {
namespace {

// A virtual host is awaited as long as its source's initial_fetch_timeout says; this is for one
// whose source has gone meanwhile, which answers nobody.
constexpr event::Duration kLongestHostWait = 60 * event::kSecond;

// Of the filter or of a route.
template <class Proto>
std::optional<OnDemand::Config> ParseClusters(const Proto& proto, config::ConfigContext& context) {
  OnDemand::Config config;
  if (!proto.has_odcds()) return config;
  const size_t errors = context.errors().size();
  if (proto.odcds().has_timeout()) {
    config.timeout =
        config::ParseExtensionDuration(proto.odcds().timeout(), "odcds.timeout", context);
  }
  config.source = config::ParseDeltaSource(proto.odcds().source(), "odcds.source", context);
  if (context.errors().size() > errors) return std::nullopt;
  return config;
}

}  // namespace

std::optional<OnDemand::Config> OnDemand::Parse(const Proto& proto,
                                                config::ConfigContext& context) {
  return ParseClusters(proto, context);
}

std::optional<OnDemand::RouteConfig> OnDemand::ParseRoute(const RouteProto& proto,
                                                          config::ConfigContext& context) {
  return ParseClusters(proto, context);
}

http::FilterPtr OnDemand::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<OnDemandFilter>(config, context);
}

OnDemandFilter::OnDemandFilter(const OnDemand::Config& config, http::FilterContext& context)
    : config_(config),
      context_(context),
      route_waiter_(&OnRoutes, this),
      cluster_waiter_(&GoOn, this),
      timer_(context.dispatcher().timers(), &GoOn, this) {}

http::Answer OnDemandFilter::OnRequestHead(http::RequestHead&) {
  if (context_.route() == nullptr && context_.AwaitRoutes(route_waiter_)) {
    timer_.Arm(context_.dispatcher().now() + kLongestHostWait);
    return http::Answer::kPause;
  }
  return AwaitCluster() ? http::Answer::kPause : http::Answer::kContinue;
}

bool OnDemandFilter::AwaitCluster() {
  const auto* const route = context_.RouteConfig<OnDemand::RouteConfig>();
  const OnDemand::Config& config = route != nullptr ? *route : config_;
  const route::ClusterChoice* const choice = context_.match().cluster;
  if (config.source == nullptr || choice == nullptr) return false;
  const std::string_view name = choice->NameFor(*context_.request_head());
  upstream::ClusterSet& clusters = context_.clusters();
  if (name.empty() || clusters.Find(name) != nullptr ||
      !clusters.missing().Wait(config.source, name, cluster_waiter_)) {
    return false;
  }
  timer_.Arm(context_.dispatcher().now() + config.timeout);
  return true;
}

void OnDemandFilter::OnRoutes(void* self) {
  auto* const filter = static_cast<OnDemandFilter*>(self);
  filter->timer_.Disarm();
  filter->context_.RefreshRoutes();
  if (!filter->AwaitCluster()) filter->context_.ResumeRequest();
}

void OnDemandFilter::GoOn(void* self) {
  auto* const filter = static_cast<OnDemandFilter*>(self);
  filter->OnComplete();
  filter->context_.ResumeRequest();
}

void OnDemandFilter::OnComplete() {
  route_waiter_.Leave();
  cluster_waiter_.Leave();
  timer_.Disarm();
}

}  // namespace remora::extensions
