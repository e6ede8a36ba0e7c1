#pragma once

// Requests and responses of discovery, of both flavours, as values.
//
//   TypeState --Request--> sotw, delta: encode --bytes--> control plane
//   TypeState <--Response- sotw, delta: decode <--bytes--'
//
// Owner: whoever holds one; any thread. State of the world and delta fill different fields: a
// request of the first says everything each time, one of the second what has changed.
// Source: envoy.service.discovery.v3, discovery.proto; Envoy docs, "xDS REST and gRPC protocol".

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "source/event/clock.h"
#include "source/xds/resource.h"

namespace remora::xds {

enum class Flavour : uint8_t {
  kSotw,   // state of the world: DiscoveryRequest, DiscoveryResponse
  kDelta,  // DeltaDiscoveryRequest, DeltaDiscoveryResponse
};

struct Request {
  ResourceType type = ResourceType::kCluster;
  std::string version = {};               // SotW: of the last response that was taken
  std::vector<std::string> names = {};    // SotW: all that are wanted; delta: the new ones
  std::vector<std::string> dropped = {};  // delta: not wanted any more
  // Delta, first of a stream: what is here, with its version.
  std::vector<std::pair<std::string, std::string>> held = {};
  std::string nonce = {};  // of the response that this answers; empty: of none
  // Why that was refused; none: it was taken.
  std::optional<std::string> error = {};

  bool operator==(const Request&) const = default;
};

// A resource of a response.
struct Offer {
  std::string name = {};
  std::string version = {};
  std::string bytes = {};
  std::optional<event::Duration> ttl = {};
  bool heartbeat = false;                 // there are no bytes: it is as it was
  std::vector<std::string> aliases = {};  // delta: other names that it was asked for by
};

struct Response {
  std::string type_url = {};
  std::string version = {};
  std::string nonce = {};
  std::string control_plane = {};  // its identifier; empty: not said
  std::vector<Offer> offers = {};
  std::vector<std::string> removed = {};       // delta
  std::vector<ResourceError> unreadable = {};  // resources that are not among the offers
  bool from_snapshot = false;                  // said before this process started: has no nonce
};

}  // namespace remora::xds
