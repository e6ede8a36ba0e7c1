#pragma once

// ClientStatus: what has become of all resources, as an answer of the client status discovery
// service (CSDS): envoy.service.status.v3.ClientStatusResponse.
//
// For /client_status. Pure; any thread; nothing fails. Keys and passwords are left out.
// Source: envoy/service/status/v3/csds.proto.

#include <string>
#include <string_view>
#include <vector>

#include "source/xds/resource_status.h"

namespace remora::xds {

struct ClientStatusQuery {
  bool without_contents = false;  // the service's exclude_resource_contents
  bool binary = false;            // else JSON, as /config_dump is
};

// `node`: a serialized envoy.config.core.v3.Node.
std::string ClientStatus(std::string_view node, const std::vector<ResourceStatus>& resources,
                         const ClientStatusQuery& query);

}  // namespace remora::xds
