#pragma once

// RandomChoice: any host, with the same probability whatever its weight, as Envoy does it
// (envoy.config.cluster.v3 RANDOM).
//
// Owner: ClusterRuntime. Thread: its worker. Nothing fails.

#include <memory>
#include <utility>
#include <vector>

#include "source/base/random.h"
#include "source/upstream/lb/load_balancer.h"
#include "source/upstream/lb/usable_hosts.h"

namespace remora::upstream {

class RandomChoice final : public LoadBalancer {
 public:
  RandomChoice(UsableHosts usable, base::Random& random)
      : hosts_(std::move(usable.hosts)), panic_(usable.panic), random_(random) {}

  const Host* Pick(const PickWish&) override {
    return hosts_.empty() ? nullptr : hosts_[random_.Below(hosts_.size())];
  }
  bool in_panic() const override { return panic_; }
  std::unique_ptr<LoadBalancer> Copy() const override {
    return std::make_unique<RandomChoice>(*this);
  }

 private:
  std::vector<const Host*> hosts_;
  bool panic_;
  base::Random& random_;
};

}  // namespace remora::upstream
