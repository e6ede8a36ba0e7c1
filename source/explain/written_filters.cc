#include "source/explain/written_filters.h"

#include <algorithm>
#include <cstddef>

#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "source/config/redact.h"

namespace remora::explain {
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
                        const ShownFilter& filter) {
  const auto* host = At(routes.virtual_hosts(), place.virtual_host);
  const auto* route = host != nullptr ? At(host->routes(), place.route) : nullptr;
  switch (filter.level) {
    case ShownFilter::Level::kNone:
      return nullptr;
    case ShownFilter::Level::kTable:
      return Find(&routes, filter.name);
    case ShownFilter::Level::kVirtualHost:
      return Find(host, filter.name);
    case ShownFilter::Level::kRoute:
      return Find(route, filter.name);
    case ShownFilter::Level::kWeightedCluster:
      if (route == nullptr) return nullptr;
      return Find(At(route->route().weighted_clusters().clusters(), place.weighted_cluster),
                  filter.name);
  }
  return nullptr;
}

std::string ToJson(Any any) {
  config::Redact(any);
  return config::ToJson(any);
}

std::string ConfigOf(const HttpConnectionManager& manager, const WrittenResources& resources,
                     const std::string& name) {
  for (const auto& filter : manager.http_filters()) {
    if (filter.name() != name) continue;
    if (!filter.has_config_discovery()) return ToJson(filter.typed_config());
    TypedExtensionConfig extension;
    const std::string bytes = resources.extension(name);
    const bool there = !bytes.empty() && extension.ParseFromString(bytes);
    return there ? ToJson(extension.typed_config()) : std::string();
  }
  return {};
}

}  // namespace

void AddWrittenFilters(const WrittenResources& resources, Explanation& explanation) {
  Listener listener;
  HttpConnectionManager manager;
  if (resources.listener.empty() || !listener.ParseFromString(resources.listener)) return;
  if (!FindManager(listener, explanation.place, manager)) return;
  RouteConfiguration routes;
  if (resources.routes.empty() || !routes.ParseFromString(resources.routes)) {
    routes = manager.route_config();
  }
  for (ShownFilter& filter : explanation.filters) {
    filter.config = ConfigOf(manager, resources, filter.name);
    const Any* override = FindOverride(routes, explanation.place, filter);
    if (override != nullptr) filter.route_config = ToJson(*override);
  }
}

}  // namespace remora::explain
