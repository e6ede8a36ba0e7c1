#pragma once

// Cluster.transport_socket_matches: other transports, chosen for each host by its metadata.
//
// Pure, main thread. The choice is made here, once: a host of the value knows which transport it
// has. Source: Envoy source/common/upstream/transport_socket_match_impl.cc.

#include "source/config/core_config.h"
#include "source/upstream/cluster.h"

namespace envoy::config::cluster::v3 {
class Cluster;
}
namespace envoy::config::endpoint::v3 {
class ClusterLoadAssignment;
}

namespace remora::config {

// Fills config.transport_matches, and HostConfig::transport of config.hosts, which were made from
// the load assignment of `proto`.
void ParseTransportMatches(const envoy::config::cluster::v3::Cluster& proto, const FieldPath& path,
                           Translation& translation, upstream::ClusterConfig& config);

// HostConfig::transport of `hosts`, which were made from `proto`.
void ChooseTransports(const envoy::config::endpoint::v3::ClusterLoadAssignment& proto,
                      const std::vector<upstream::TransportMatch>& matches,
                      std::vector<upstream::HostConfig>& hosts);

}  // namespace remora::config
