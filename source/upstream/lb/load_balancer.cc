#include "source/upstream/lb/load_balancer.h"

#include <utility>

#include "source/upstream/cluster.h"
#include "source/upstream/lb/hash_balancer.h"
#include "source/upstream/lb/least_request.h"
#include "source/upstream/lb/random_choice.h"
#include "source/upstream/lb/round_robin.h"

namespace remora::upstream {

std::unique_ptr<LoadBalancer> MakeLoadBalancer(const Cluster& cluster, const BalancerSetup& setup) {
  const Balancing& balancing = cluster.config().balancing;
  if (cluster.host_table() != nullptr) {
    return std::make_unique<HashBalancer>(cluster, setup.random);
  }
  UsableHosts usable(cluster.hosts(), balancing.panic_threshold_percent);
  switch (balancing.policy) {
    case Balancing::Policy::kLeastRequest:
      return std::make_unique<LeastRequest>(std::move(usable), balancing, setup);
    case Balancing::Policy::kRandom:
      return std::make_unique<RandomChoice>(std::move(usable), setup.random);
    default:
      return std::make_unique<RoundRobin>(std::move(usable), setup.random);
  }
}

}  // namespace remora::upstream
