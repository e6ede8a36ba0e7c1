#pragma once

// RoundRobin: hosts in turn, in proportion to their weights (envoy.config.cluster.v3 ROUND_ROBIN).
//
// Equal weights: a cursor over an array, starting at a random host so that many proxies do not all
// begin with the same one. Different weights: earliest deadline first, as Envoy does it: a host of
// weight w is due every 1/w, and picks come out smoothly interleaved (O(log n)).
//
// Owner: ClusterRuntime. Thread: its worker. Nothing fails.

#include <memory>
#include <vector>

#include "source/base/random.h"
#include "source/upstream/lb/load_balancer.h"
#include "source/upstream/lb/usable_hosts.h"

namespace remora::upstream {

class RoundRobin final : public LoadBalancer {
 public:
  RoundRobin(UsableHosts usable, base::Random& random);

  const Host* Pick(const PickWish& wish) override;
  bool in_panic() const override { return panic_; }
  std::unique_ptr<LoadBalancer> Copy() const override {
    return std::make_unique<RoundRobin>(*this);
  }

 private:
  // The host's `count`-th turn is due at count / weight.
  struct Due {
    uint64_t count;
    size_t order;  // breaks ties; the host's own, so that the sequence repeats every cycle
    const Host* host;
  };
  // Fractions are compared exactly: rounding would shift turns between hosts.
  static bool Later(const Due& a, const Due& b) {
    using Wide = unsigned __int128;
    const Wide left = Wide{a.count} * b.host->weight();
    const Wide right = Wide{b.count} * a.host->weight();
    return left != right ? left > right : a.order > b.order;
  }

  std::vector<const Host*> hosts_;  // those that take part
  std::vector<Due> heap_;           // empty when all weights are equal
  size_t cursor_ = 0;
  bool panic_;
};

}  // namespace remora::upstream
