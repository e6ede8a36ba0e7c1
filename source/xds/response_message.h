#pragma once

// TakeSotw: a DiscoveryResponse as a value, for those who have it as a message: files.
//
// For the .cc files of this folder. Pure; any thread; takes the bytes of the message's resources.
// Nothing fails: what is wrong with a resource is in the response.

#include "source/xds/discovery.h"

namespace envoy::service::discovery::v3 {
class DiscoveryResponse;
}

namespace remora::xds {

// `type_url`: of a response that does not say its own.
Response TakeSotw(envoy::service::discovery::v3::DiscoveryResponse& message,
                  std::string_view type_url);

}  // namespace remora::xds
