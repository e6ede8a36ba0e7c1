#pragma once

// MakeClusterTable: the clusters of a World from their configuration, with their statistics.
//
// Thread: main. Each cluster gets its scope and the gauges of its membership, which main's shard
// holds; what a worker counts is made by the worker when the first request needs it. Nothing fails:
// the configuration was checked when it was translated.

#include <memory>
#include <vector>

#include "source/server/breaker_gauges.h"
#include "source/server/server_stats.h"
#include "source/stats/store.h"
#include "source/upstream/cluster.h"
#include "source/upstream/cluster_set.h"

namespace remora::server {

std::shared_ptr<const upstream::ClusterTable> MakeClusterTable(
    std::vector<upstream::ClusterConfig> configs, size_t workers, stats::Store& store,
    BreakerGauges& breaker_gauges, const ClusterManagerStats& stats);

}  // namespace remora::server
