#pragma once

// Snapshot: the route table as the resources that sidecars ask for.
//
//   a table    -> 1 listener, 1 route configuration with a virtual host for each host
//   a route    -> 1 cluster, 1 endpoints resource of the same name
//
// so a change of a route's instances changes one endpoints resource and nothing else. A resource's
// version is a hash of its bytes: the same table has the same versions after a restart. Pure
// functions and immutable values; any thread.

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "examples/control_plane/route_table.h"
#include "source/net/address.h"

namespace remora::control_plane {

// In the order in which they are sent: what is referred to goes first.
enum class ResourceType { kClusters, kEndpoints, kListeners, kRoutes };
inline constexpr std::array kResourceTypes = {ResourceType::kClusters, ResourceType::kEndpoints,
                                              ResourceType::kListeners, ResourceType::kRoutes};

std::string_view TypeName(ResourceType type);  // "clusters"
std::string_view TypeUrl(ResourceType type);   // "type.googleapis.com/..."

struct Resource {
  std::string version;
  std::shared_ptr<const std::string> bytes;
};
using Resources = std::map<std::string, Resource, std::less<>>;  // by name

struct Snapshot {
  Resources& of(ResourceType type) { return resources[static_cast<size_t>(type)]; }
  const Resources& of(ResourceType type) const { return resources[static_cast<size_t>(type)]; }

  std::array<Resources, kResourceTypes.size()> resources;
};

// `listener`: where the sidecars listen.
Snapshot BuildSnapshot(const RouteTable& table, const net::Address& listener);

// 16 digits.
std::string VersionOf(std::string_view bytes);

}  // namespace remora::control_plane
