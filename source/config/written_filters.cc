#include "source/config/written_filters.h"

#include <algorithm>
#include <cstddef>

#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "source/config/redact.h"

namespace remora::config {
namespace {

using envoy::config::core::v3::TypedExtensionConfig;
using envoy::config::listener::v3::FilterChain;
using envoy::config::listener::v3::Listener;
using envoy::config::route::v3::RouteConfiguration;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using google::protobuf::Any;
using google::protobuf::RepeatedPtrField;

// Null: there are not as many.
template <class T>
const T* At(const RepeatedPtrField<T>& list, std::optional<size_t> index) {
  const bool there = index.has_value() && *index < static_cast<size_t>(list.size());
  return there ? &list[static_cast<int>(*index)] : nullptr;
}

bool FindManager(const Listener& listener, const FilterPlace& place,
                 HttpConnectionManager& manager) {
  const FilterChain* chain = &listener.default_filter_chain();
  if (place.filter_chain.has_value()) chain = At(listener.filter_chains(), place.filter_chain);
  if (chain == nullptr) return false;
  return std::any_of(chain->filters().begin(), chain->filters().end(),
                     [&](const auto& filter) { return filter.typed_config().UnpackTo(&manager); });
}

template <class Level>
const Any* Find(const Level* level, const std::string& filter) {
  if (level == nullptr) return nullptr;
  const auto found = level->typed_per_filter_config().find(filter);
  return found == level->typed_per_filter_config().end() ? nullptr : &found->second;
}

const Any* FindOverride(const RouteConfiguration& routes, const FilterPlace& place,
                        const FilterWanted& filter) {
  const auto* host = At(routes.virtual_hosts(), place.virtual_host);
  const auto* route = host != nullptr ? At(host->routes(), place.route) : nullptr;
  switch (filter.level) {
    case RouteLevel::kNone:
      return nullptr;
    case RouteLevel::kTable:
      return Find(&routes, filter.name);
    case RouteLevel::kVirtualHost:
      return Find(host, filter.name);
    case RouteLevel::kRoute:
      return Find(route, filter.name);
    case RouteLevel::kWeightedCluster:
      if (route == nullptr) return nullptr;
      return Find(At(route->route().weighted_clusters().clusters(), place.weighted_cluster),
                  filter.name);
  }
  return nullptr;
}

std::string Shown(Any any) {
  Redact(any);
  return ToJson(any);
}

std::string ConfigOf(const HttpConnectionManager& manager, const WrittenResources& resources,
                     const std::string& name) {
  for (const auto& filter : manager.http_filters()) {
    if (filter.name() != name) continue;
    if (!filter.has_config_discovery()) return Shown(filter.typed_config());
    TypedExtensionConfig extension;
    const std::string bytes = resources.extension(name);
    const bool there = !bytes.empty() && extension.ParseFromString(bytes);
    return there ? Shown(extension.typed_config()) : std::string();
  }
  return {};
}

}  // namespace

std::string_view RouteLevelName(RouteLevel level) {
  switch (level) {
    case RouteLevel::kNone:
      return "none";
    case RouteLevel::kTable:
      return "route table";
    case RouteLevel::kVirtualHost:
      return "virtual host";
    case RouteLevel::kRoute:
      return "route";
    case RouteLevel::kWeightedCluster:
      return "weighted cluster";
  }
  return {};
}

std::vector<WrittenFilter> FindWrittenFilters(const WrittenResources& resources,
                                              const FilterPlace& place,
                                              const std::vector<FilterWanted>& wanted) {
  std::vector<WrittenFilter> found(wanted.size());
  Listener listener;
  HttpConnectionManager manager;
  if (resources.listener.empty() || !listener.ParseFromString(resources.listener)) return found;
  if (!FindManager(listener, place, manager)) return found;
  RouteConfiguration routes;
  if (resources.routes.empty() || !routes.ParseFromString(resources.routes)) {
    routes = manager.route_config();
  }
  for (size_t i = 0; i < wanted.size(); ++i) {
    found[i].config = ConfigOf(manager, resources, wanted[i].name);
    const Any* override = FindOverride(routes, place, wanted[i]);
    if (override != nullptr) found[i].route_config = Shown(*override);
  }
  return found;
}

}  // namespace remora::config
