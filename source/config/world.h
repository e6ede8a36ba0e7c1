#pragma once

// World: one whole configuration as an immutable value; what workers see through one pointer.
//
// Built on main, published to every worker by one post, shared read-only. An update is a new World
// that shares every part that did not change.
// Owner: Server; workers and streams share it.

#include <cstdint>
#include <memory>
#include <vector>

#include "source/config/listener.h"
#include "source/upstream/cluster_set.h"

namespace remora::config {

using ListenerTable = std::vector<std::shared_ptr<const ListenerConfig>>;

struct World {
  uint64_t version = 0;
  std::shared_ptr<const ListenerTable> listeners;
  std::shared_ptr<const upstream::ClusterTable> clusters;
};

}  // namespace remora::config
