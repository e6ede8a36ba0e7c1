#pragma once

// Translator of envoy.config.endpoint.v3.ClusterLoadAssignment: the hosts of a cluster as values.
//
// Pure; faults go to Translation::errors. Addresses are IP addresses or Unix sockets; names are not
// looked up. Weights are summed over the cluster, since hosts of all localities share one round
// robin.
// Source: Envoy source/extensions/clusters/static/static_cluster.cc.

#include <vector>

#include "source/config/core_config.h"
#include "source/upstream/host.h"

namespace envoy::config::endpoint::v3 {
class ClusterLoadAssignment;
}

namespace remora::config {

std::vector<upstream::HostConfig> ParseLoadAssignment(
    const envoy::config::endpoint::v3::ClusterLoadAssignment& proto, const FieldPath& path,
    Translation& translation);

}  // namespace remora::config
