#pragma once

// Translator of envoy.config.cluster.v3.Cluster: a static cluster as a value.
//
// Pure; faults go to Translation::errors, and the value then holds what could be read. Other kinds
// of cluster are refused by name.
// Source: Envoy source/common/upstream/upstream_impl.cc,
// source/extensions/upstreams/http/config.cc.

#include "source/config/core_config.h"
#include "source/upstream/cluster.h"

namespace envoy::config::cluster::v3 {
class Cluster;
}

namespace remora::config {

upstream::ClusterConfig ParseCluster(const envoy::config::cluster::v3::Cluster& proto,
                                     const FieldPath& path, Translation& translation);

}  // namespace remora::config
