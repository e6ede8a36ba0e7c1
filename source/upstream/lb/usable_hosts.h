#pragma once

// UsableHosts: which hosts of a cluster take part in balancing.
//
// The healthy ones; without any, the degraded ones; all of them when too small a share is usable
// (panic). A value, made when a balancer is built; any thread. Nothing fails.
// Source: envoy.config.cluster.v3.Cluster.CommonLbConfig.healthy_panic_threshold.

#include <cstdint>
#include <memory>
#include <vector>

#include "source/upstream/host.h"

namespace remora::upstream {

struct UsableHosts {
  UsableHosts(const std::vector<std::shared_ptr<const Host>>& all,
              uint32_t panic_threshold_percent);

  // Whether weights differ.
  bool weighted() const;

  std::vector<const Host*> hosts;
  bool panic = false;
};

}  // namespace remora::upstream
