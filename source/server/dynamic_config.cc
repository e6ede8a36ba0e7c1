#include "source/server/dynamic_config.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "source/base/log.h"

namespace remora::server {

DynamicConfig::DynamicConfig(Setup setup, const Services& services)
    : setup_(std::move(setup)),
      services_(services),
      journal_(services.dispatcher.clock()),
      translator_(std::move(setup_.translator), services.tls.parts()),
      runtime_({services.sources, translator_, services.warmer, journal_, services.dispatcher},
               setup_.runtime, setup_.put_runtime),
      clusters_({services.sources, translator_, services.clusters, services.tls, services.warmer,
                 journal_, services.dispatcher, services.stats},
                setup_.cluster_stats),
      clusters_on_demand_({services.sources, translator_, services.clusters, services.tls,
                           services.warmer, journal_, services.dispatcher, services.stats},
                          clusters_, setup_.answer_clusters),
      routes_({services.sources, translator_, services.warmer, journal_, services.dispatcher,
               services.stats, setup_.workers, setup_.put_routes, setup_.answer_host}),
      scopes_({services.sources, translator_, services.warmer, journal_, services.stats,
               setup_.workers, setup_.put_scopes},
              routes_),
      extensions_({services.sources, translator_, services.warmer, journal_, services.dispatcher,
                   services.stats, setup_.workers, setup_.open_filter_logs, setup_.put_filter}),
      listeners_({services.sources, translator_, services.clusters, services.tls, services.warmer,
                  journal_, services.dispatcher, services.stats},
                 {routes_, scopes_, extensions_}, setup_.listener_set, setup_.listener_stats,
                 setup_.open_logs) {}

absl::Status DynamicConfig::AddStaticClusters(std::vector<config::ClusterResource> clusters) {
  absl::Status status;
  for (config::ClusterResource& cluster : clusters) {
    status.Update(clusters_.AddStatic(std::move(cluster)));
  }
  return status;
}

void DynamicConfig::FollowStatic(const config::ListenerTable& listeners) {
  for (const auto& listener : listeners) {
    for (const auto& chain : listener->AllChains()) {
      for (const config::RouteUse& use : chain->route_uses) {
        static_routes_.push_back(routes_.Follow(use, ListenerTarget(*listener)));
      }
      for (const config::ScopeUse& use : chain->scope_uses) {
        static_scopes_.push_back(scopes_.Follow(use, ListenerTarget(*listener)));
      }
      for (const config::ExtensionUse& use : chain->extension_uses) {
        static_extensions_.push_back(extensions_.Follow(use, ListenerTarget(*listener)));
      }
    }
  }
}

void DynamicConfig::Start() {
  // What the process waits for before it is ready.
  if (setup_.clusters.has_value()) services_.warmer.Wait(kClusterSourceTarget, kFirstClusters);
  if (setup_.listeners.has_value()) services_.warmer.Wait(kListenerSourceTarget, kFirstListeners);
  runtime_.Start();
}

void DynamicConfig::Advance() {
  // As Envoy: a value may decide what becomes of what is asked for later.
  if (services_.warmer.IsWarming(kRuntimeTarget)) return;
  if (!std::exchange(clusters_asked_, true)) {
    clusters_.StartStatic();
    if (setup_.clusters.has_value()) clusters_.Subscribe(*setup_.clusters);
  }
  clusters_.ActivateWarm();
  listeners_.ActivateWarm();
  // Make before break: no listener before the clusters that its routes may name.
  const bool answered = !setup_.clusters.has_value() || clusters_.settled();
  if (listeners_asked_ || !answered || services_.warmer.Any(kClusterTarget)) return;
  listeners_asked_ = true;
  if (setup_.listeners.has_value()) listeners_.Subscribe(*setup_.listeners);
}

const config::ResourceVersion* DynamicConfig::Find(explain::Origin::Type type,
                                                   const std::string& name) const {
  switch (type) {
    case explain::Origin::Type::kNone:
      return nullptr;
    case explain::Origin::Type::kListener:
      return listeners_.Find(name);
    case explain::Origin::Type::kRoutes:
      return routes_.Find(name);
    case explain::Origin::Type::kCluster:
      return clusters_.Find(name);
    case explain::Origin::Type::kEndpoints:
      return clusters_.FindEndpoints(name);
  }
  return nullptr;
}

config::ShownResources DynamicConfig::Show() const {
  config::ShownResources shown;
  clusters_.Show(shown);
  listeners_.Show(shown);
  routes_.Show(shown);
  extensions_.Show(shown);
  return shown;
}

void DynamicConfig::AddContents(std::vector<xds::ResourceStatus>& resources) const {
  using Key = std::pair<xds::ResourceType, std::string>;
  absl::flat_hash_map<Key, std::string> contents;
  const bool lacks_any =
      std::any_of(resources.begin(), resources.end(), [](const xds::ResourceStatus& resource) {
        return resource.bytes == nullptr && resource.taken_at != 0;
      });
  if (!lacks_any) return;
  config::ShownResources shown;
  clusters_.Show(shown);
  listeners_.Show(shown);
  const auto add = [&contents](xds::ResourceType type, std::vector<config::ShownResource>& list) {
    for (config::ShownResource& resource : list) {
      // The last one that was taken, whether it is in use yet or not.
      auto& last = resource.warming.has_value() ? resource.warming : resource.active;
      if (last.has_value()) contents[{type, resource.name}] = std::move(last->message);
    }
  };
  add(xds::ResourceType::kCluster, shown.clusters);
  add(xds::ResourceType::kListener, shown.listeners);
  for (xds::ResourceStatus& resource : resources) {
    if (resource.bytes != nullptr || resource.taken_at == 0) continue;
    const auto found = contents.find({resource.type, resource.name});
    if (found == contents.end()) continue;
    resource.bytes = std::make_shared<const std::string>(std::move(found->second));
  }
}

}  // namespace remora::server
