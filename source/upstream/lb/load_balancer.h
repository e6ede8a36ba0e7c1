#pragma once

// LoadBalancer: the door to how a host is chosen. One object a worker and cluster; sans-I/O.
//
// Thread: its worker. A pick is O(1) or O(log n) and never allocates (a full scan, and a hash whose
// host is overloaded, are O(n)). Which hosts take part (health, panic) is decided when the balancer
// is built, not per pick: usable_hosts.h. Nothing fails.
// Owner: ClusterRuntime. Source: Envoy source/extensions/load_balancing_policies/.

#include <cstdint>
#include <memory>
#include <optional>

#include "source/base/random.h"
#include "source/upstream/host.h"

namespace remora::runtime {
class View;
}

namespace remora::upstream {

class Cluster;

// What a request says about its choice.
struct PickWish {
  std::optional<uint64_t> hash = std::nullopt;  // by its route's hash policy
  uint32_t turned_down = 0;                     // hosts that it was offered and did not want
};

class LoadBalancer {
 public:
  virtual ~LoadBalancer() = default;
  // Null when no host may be used.
  virtual const Host* Pick(const PickWish& wish) = 0;
  // Picks go to unhealthy hosts too, because too few are healthy.
  virtual bool in_panic() const = 0;
  // As it is now, so that a pick can be looked at without being made. Allocates.
  virtual std::unique_ptr<LoadBalancer> Copy() const = 0;
};

// What balancers ask besides the hosts.
struct BalancerSetup {
  base::Random& random;
  const runtime::View& runtime;
};

// The balancer that the cluster's configuration asks for.
std::unique_ptr<LoadBalancer> MakeLoadBalancer(const Cluster& cluster, const BalancerSetup& setup);

}  // namespace remora::upstream
