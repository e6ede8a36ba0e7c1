#pragma once

// HashBalancer: the host that the request's hash finds in the cluster's table
// (envoy.config.cluster.v3 RING_HASH and MAGLEV); without a hash one at random.
//
// With a balance factor a host that has more requests in flight than that share of the average
// gives way to others, in an order that the hash decides ("consistent hashing with bounded loads",
// arXiv:1608.01350).
// Owner: ClusterRuntime. Thread: its worker; the table is the cluster's. Nothing fails.

#include <memory>
#include <vector>

#include "source/upstream/cluster.h"
#include "source/upstream/lb/host_table.h"
#include "source/upstream/lb/load_balancer.h"

namespace remora::upstream {

class HashBalancer final : public LoadBalancer {
 public:
  // The cluster has a table.
  HashBalancer(const Cluster& cluster, base::Random& random);

  const Host* Pick(const PickWish& wish) override;
  bool in_panic() const override { return table_.panic(); }
  std::unique_ptr<LoadBalancer> Copy() const override {
    return std::make_unique<HashBalancer>(*this);
  }

 private:
  // Above 1: too busy.
  double Load(uint32_t host) const;
  uint32_t GiveWay(uint32_t busy, double load, uint64_t hash);

  const Cluster& cluster_;
  const HostTable& table_;
  base::Random& random_;
  std::vector<uint32_t> order_;  // scratch
};

}  // namespace remora::upstream
