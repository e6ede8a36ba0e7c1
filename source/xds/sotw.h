#pragma once

// The state of the world: DiscoveryRequest and DiscoveryResponse as bytes.
//
// Pure; any thread. `node` is a serialized envoy.config.core.v3.Node; empty: none is stated.
// Decoding fails when the bytes are no such message; what is wrong with single resources is in the
// response. Source: envoy.service.discovery.v3, discovery.proto.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "source/xds/discovery.h"

namespace remora::xds {

std::string EncodeSotw(const Request& request, std::string_view node);
// `type_url`: of a response that does not say its own.
absl::StatusOr<Response> DecodeSotw(std::string_view bytes, std::string_view type_url);

}  // namespace remora::xds
