#pragma once

// LoadBalancer: the door to how a host is chosen. One object a worker and cluster; sans-I/O.
//
// Thread: its worker. A pick is O(1) or O(log n) and never allocates. Which hosts take part
// (health, panic) is decided when the balancer is built or told of a change, not per pick.
// Owner: ClusterRuntime.

#include "source/upstream/host.h"

namespace remora::upstream {

class LoadBalancer {
 public:
  virtual ~LoadBalancer() = default;
  // Null when no host may be used.
  virtual const Host* Pick() = 0;
  // Picks go to unhealthy hosts too, because too few are healthy.
  virtual bool in_panic() const = 0;
};

}  // namespace remora::upstream
