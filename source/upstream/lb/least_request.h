#pragma once

// LeastRequest: the host with the fewest requests in flight (envoy.config.cluster.v3
// LEAST_REQUEST).
//
// Equal weights: the least busy of `choice_count` hosts drawn at random, or of all of them
// (full_scan; of several any one). Different weights: earliest deadline first as in round robin,
// but a host's weight is taken at its turn and is smaller the busier it is:
// weight / (in flight + 1) ^ active_request_bias.
//
// Owner: ClusterRuntime. Thread: its worker. Requests in flight are those of all workers. Nothing
// fails. Source: Envoy least_request_lb.cc.

#include <memory>
#include <vector>

#include "source/upstream/lb/balancing.h"
#include "source/upstream/lb/load_balancer.h"
#include "source/upstream/lb/usable_hosts.h"

namespace remora::upstream {

class LeastRequest final : public LoadBalancer {
 public:
  // `balancing` outlives it.
  LeastRequest(UsableHosts usable, const Balancing& balancing, const BalancerSetup& setup);

  const Host* Pick(const PickWish& wish) override;
  bool in_panic() const override { return panic_; }
  std::unique_ptr<LoadBalancer> Copy() const override {
    return std::make_unique<LeastRequest>(*this);
  }

 private:
  struct Due {
    double deadline;
    uint64_t order;  // breaks ties: who waits longer comes first
    const Host* host;
  };
  static bool Later(const Due& a, const Due& b) {
    return a.deadline != b.deadline ? a.deadline > b.deadline : a.order > b.order;
  }

  const Host* PickOfSome();
  const Host* PickOfAll();
  const Host* PickByWeight();
  double WeightNow(const Host& host) const;
  double Bias() const;

  const Balancing& balancing_;
  BalancerSetup setup_;
  std::vector<const Host*> hosts_;
  bool panic_;
  std::vector<Due> heap_;  // empty when all weights are equal
  double now_ = 0;         // the deadline of the last pick
  uint64_t turns_ = 0;
};

}  // namespace remora::upstream
