#include "source/xds/resource.h"

namespace remora::xds {
namespace {

struct Words {
  std::string_view url;
  std::string_view name;
};

// In the order of ResourceType.
constexpr Words kWords[kResourceTypes] = {
    {"type.googleapis.com/envoy.config.cluster.v3.Cluster", "cluster"},
    {"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment", "endpoints"},
    {"type.googleapis.com/envoy.config.listener.v3.Listener", "listener"},
    {"type.googleapis.com/envoy.config.route.v3.RouteConfiguration", "route configuration"},
    {"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret", "secret"},
    {"type.googleapis.com/envoy.service.runtime.v3.Runtime", "runtime layer"},
    {"type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig", "extension configuration"},
    {"type.googleapis.com/envoy.config.route.v3.VirtualHost", "virtual host"},
    {"type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration", "scoped routes"},
};

}  // namespace

std::string_view TypeUrl(ResourceType type) { return kWords[static_cast<size_t>(type)].url; }

std::optional<ResourceType> TypeOfUrl(std::string_view url) {
  for (size_t i = 0; i < kResourceTypes; ++i) {
    if (kWords[i].url == url) return static_cast<ResourceType>(i);
  }
  return std::nullopt;
}

std::string_view TypeName(ResourceType type) { return kWords[static_cast<size_t>(type)].name; }

}  // namespace remora::xds
