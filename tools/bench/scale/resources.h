#pragma once

// What the scale benchmark's control plane has to say: clusters, their endpoints, one route table
// and one listener, each made once and kept as the bytes that go on the wire.
//
// Values; any thread. A resource stands ready in both flavours as a field of its response, so that
// a response is these fields one behind the other: what the control plane costs is small and the
// same for every proxy.

#include <cstddef>
#include <cstdint>
#include <string>

namespace remora::bench {

struct Shape {
  size_t clusters = 0;
  size_t endpoints = 3;      // of each cluster
  size_t virtual_hosts = 0;  // 0: a route to each cluster in one; else so many with one route each
  uint16_t listener_port = 0;
  uint16_t origin_port = 0;
  uint16_t other_origin_port = 0;
};

// One resource as the field `resources` of DiscoveryResponse and of DeltaDiscoveryResponse.
struct Encoded {
  std::string sotw;
  std::string delta;
};

inline constexpr char kRouteTable[] = "scale";

std::string ClusterName(size_t index);
// Where a request to this cluster goes; with virtual hosts, to the route of that one.
std::string PathOf(size_t index);
std::string HostOf(const Shape& shape, size_t index);
// Of endpoints, by number: 127.0.0.1, 127.0.0.2 ...
std::string AddressOf(size_t endpoint);

Encoded MakeCluster(size_t index, const std::string& version);
// `moved`: the first endpoint is at the other origin.
Encoded MakeEndpoints(const Shape& shape, size_t index, bool moved, const std::string& version);
// `filled`: with the routes; else without any.
Encoded MakeRoutes(const Shape& shape, bool filled, const std::string& version);
Encoded MakeListener(const Shape& shape, const std::string& version);

// Appends a string as a field of a message.
void AppendField(int number, const std::string& value, std::string& out);

}  // namespace remora::bench
