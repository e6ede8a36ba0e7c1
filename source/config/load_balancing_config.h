#pragma once

// envoy.config.cluster.v3.Cluster, how endpoints are chosen (lb_policy and its options, or
// load_balancing_policy), to upstream::Balancing.
//
// Pure, main thread. What is wrong goes to Translation::errors, in Envoy's words where it has some.
// Source: Envoy source/common/upstream/upstream_impl.cc (configureLbPolicies).

#include "source/config/core_config.h"
#include "source/upstream/lb/balancing.h"

namespace envoy::config::cluster::v3 {
class Cluster;
}

namespace remora::config {

upstream::Balancing ParseBalancing(const envoy::config::cluster::v3::Cluster& proto,
                                   const FieldPath& path, Translation& translation);

}  // namespace remora::config
