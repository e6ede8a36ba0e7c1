#pragma once

// Resources: named pieces of configuration as a control plane sends them, and the face of whoever
// uses them.
//
//   source --bytes--> subscription --ResourceUpdate--> ResourceUser --what it refuses--> ACK, NACK
//
// Owner: nobody; these are values and a face. Thread: main. Views are valid during the call that
// hands them over; who keeps something copies it. What a resource means is not known here: `bytes`
// is a serialized message of the type that TypeUrl names.
// Source: Envoy docs, "xDS REST and gRPC protocol"; envoy/config/subscription.h.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace remora::xds {

enum class ResourceType : uint8_t {
  kCluster,
  kEndpoints,
  kListener,
  kRoutes,
  kSecret,
  kRuntime,
  kExtension,
  kVirtualHosts,
  kScopedRoutes,
};
inline constexpr size_t kResourceTypes = 9;

// "type.googleapis.com/envoy.config.cluster.v3.Cluster"
std::string_view TypeUrl(ResourceType type);
std::optional<ResourceType> TypeOfUrl(std::string_view url);
// "cluster", for messages.
std::string_view TypeName(ResourceType type);

struct Resource {
  std::string_view name;
  std::string_view version;  // SotW: of the response; delta: the resource's own
  // The message inside the Any, without TypedStruct and without the Resource around it.
  std::string_view bytes;
  uint64_t hash = 0;                           // of the bytes
  absl::Span<const std::string> aliases = {};  // other names that it may be asked for by
};

struct ResourceError {
  std::string name;
  std::string message;  // field path and reason

  bool operator==(const ResourceError&) const = default;
};

struct ResourceUpdate {
  absl::Span<const Resource> changed;  // new, or other bytes than the last accepted ones
  absl::Span<const std::string> removed;
  std::string_view version;    // of the response
  bool from_snapshot = false;  // of an earlier process: nobody stands by it yet
};

// A face: what becomes of resources.
class ResourceUser {
 public:
  // Takes each resource that is good; says of every other one why it is not: that one keeps its
  // last good version. Nothing returned is an ACK; anything is a NACK with all the messages.
  virtual std::vector<ResourceError> OnUpdate(const ResourceUpdate& update) = 0;
  // initial_fetch_timeout has passed and the source has said nothing about these. Empty: of a
  // wildcard subscription.
  virtual void OnFetchTimeout(absl::Span<const std::string> names) = 0;

 protected:
  ~ResourceUser() = default;
};

}  // namespace remora::xds
