// Balancers besides round robin: who is chosen, by load, by chance and by hash.

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "source/base/hash.h"
#include "source/runtime/runtime.h"
#include "source/stats/store.h"
#include "source/upstream/cluster.h"
#include "source/upstream/lb/load_balancer.h"

namespace remora::upstream {
namespace {

struct Member {
  std::string name;
  uint32_t weight = 1;
  HealthStatus health = HealthStatus::kUnknown;
};

// A cluster with its balancer; hosts are told by their hostnames.
struct Balanced {
  Balanced(const std::vector<Member>& members, Balancing balancing) {
    ClusterConfig config;
    config.name = "up";
    config.balancing = std::move(balancing);
    for (const Member& member : members) {
      HostConfig host;
      host.address = *net::Address::Ip("127.0.0.1", static_cast<uint16_t>(config.hosts.size() + 1));
      host.hostname = member.name;
      host.weight = member.weight;
      host.health = member.health;
      config.hosts.push_back(std::move(host));
    }
    cluster.emplace(std::move(config), 1, store.AddScope("cluster.up"));
    balancer = MakeLoadBalancer(*cluster, {random, runtime});
  }
  std::string Pick(const PickWish& wish = {}) {
    const Host* host = balancer->Pick(wish);
    return host == nullptr ? "none" : host->config().hostname;
  }
  std::map<std::string, int> Count(int picks) {
    std::map<std::string, int> counts;
    for (int i = 0; i < picks; ++i) ++counts[Pick()];
    return counts;
  }
  // So many requests in flight at a host.
  void Load(size_t host, uint64_t requests) {
    cluster->hosts()[host]->counters(0).rq_active = requests;
    uint32_t all = 0;
    for (const auto& one : cluster->hosts()) {
      all += static_cast<uint32_t>(one->Sum(&HostCounters::rq_active));
    }
    cluster->usage(Priority::kDefault, 0).requests = all;
  }

  stats::Store store{1};
  base::Random random{1};
  runtime::View runtime;
  std::optional<const Cluster> cluster;
  std::unique_ptr<LoadBalancer> balancer;
};

Balancing Policy(Balancing::Policy policy) {
  Balancing balancing;
  balancing.policy = policy;
  balancing.hash_hostname = true;
  return balancing;
}

TEST_CASE("random: every host as often, whatever its weight") {
  Balanced world({{"a", 100}, {"b", 1}, {"c", 1}}, Policy(Balancing::Policy::kRandom));
  for (const auto& [name, count] : world.Count(3000)) {
    INFO(name);
    CHECK(count > 900);
    CHECK(count < 1100);
  }
}

TEST_CASE("least request: of some hosts the one with the fewest requests") {
  Balancing balancing = Policy(Balancing::Policy::kLeastRequest);
  balancing.choice_count = 50;
  Balanced world({{"a"}, {"b"}, {"c"}}, balancing);
  world.Load(0, 2);
  world.Load(1, 1);
  world.Load(2, 3);
  CHECK(world.Count(100) == std::map<std::string, int>{{"b", 100}});
}

TEST_CASE("least request: two choices prefer the less busy") {
  Balanced world({{"a"}, {"b"}}, Policy(Balancing::Policy::kLeastRequest));
  world.Load(0, 1);
  // The busy one only where both draws are it: one time in four.
  const int busy = world.Count(4000)["a"];
  CHECK(busy > 900);
  CHECK(busy < 1100);
}

TEST_CASE("least request: a full scan takes any of those that are least busy") {
  Balancing balancing = Policy(Balancing::Policy::kLeastRequest);
  balancing.full_scan = true;
  Balanced world({{"a"}, {"b"}, {"c"}}, balancing);
  world.Load(1, 1);
  const auto counts = world.Count(1000);
  CHECK(counts.count("b") == 0);
  CHECK(counts.at("a") > 400);
  CHECK(counts.at("c") > 400);
}

TEST_CASE("least request: requests in flight make a weight smaller, as the bias says") {
  Balancing balancing = Policy(Balancing::Policy::kLeastRequest);
  Balanced world({{"a", 4}, {"b", 2}}, balancing);
  CHECK(world.Count(600) == std::map<std::string, int>{{"a", 400}, {"b", 200}});
  world.Load(0, 3);  // 4 / (3 + 1) against 2
  const int busy = world.Count(600)["a"];
  CHECK(busy >= 199);
  CHECK(busy <= 202);

  balancing.active_request_bias = 0;
  Balanced unbiased({{"a", 4}, {"b", 2}}, balancing);
  unbiased.Load(0, 3);
  CHECK(unbiased.Count(600) == std::map<std::string, int>{{"a", 400}, {"b", 200}});
}

TEST_CASE("by hash: the same host for the same hash, and few move when a host goes") {
  for (const auto policy : {Balancing::Policy::kRingHash, Balancing::Policy::kMaglev}) {
    Balanced three({{"a"}, {"b"}, {"c"}}, Policy(policy));
    Balanced two({{"a"}, {"b"}}, Policy(policy));
    int moved = 0;
    int lost = 0;
    std::map<std::string, int> counts;
    for (uint64_t i = 0; i < 3000; ++i) {
      const uint64_t hash = base::XxHash64(std::to_string(i));
      const std::string before = three.Pick({hash});
      CHECK(three.Pick({hash}) == before);
      ++counts[before];
      const std::string after = two.Pick({hash});
      lost += before == "c";
      moved += before != "c" && after != before;
    }
    for (const auto& [name, count] : counts) {
      INFO(name);
      CHECK(count > 800);
      CHECK(count < 1250);
    }
    CHECK(lost > 0);
    // Of those that had a host that stays, few have to leave it.
    CHECK(moved < 300);
  }
}

TEST_CASE("by hash: weights are shares of the hashes") {
  for (const auto policy : {Balancing::Policy::kRingHash, Balancing::Policy::kMaglev}) {
    Balanced world({{"a", 3}, {"b", 1}}, Policy(policy));
    int first = 0;
    for (uint64_t i = 0; i < 4000; ++i) {
      first += world.Pick({base::XxHash64(std::to_string(i))}) == "a";
    }
    CHECK(first > 2700);
    CHECK(first < 3300);
  }
}

TEST_CASE("by hash: a host that was turned down is followed by others") {
  for (const auto policy : {Balancing::Policy::kRingHash, Balancing::Policy::kMaglev}) {
    Balanced world({{"a"}, {"b"}, {"c"}}, Policy(policy));
    std::map<std::string, int> seen;
    for (uint32_t i = 0; i < 30; ++i) ++seen[world.Pick({uint64_t{12345}, i})];
    CHECK(seen.size() > 1);
  }
}

TEST_CASE("by hash: without a hash any host") {
  Balanced world({{"a"}, {"b"}}, Policy(Balancing::Policy::kMaglev));
  CHECK(world.Count(100).size() == 2);
}

TEST_CASE("by hash: a host above its share of the requests gives way, to the same one each time") {
  for (const auto policy : {Balancing::Policy::kRingHash, Balancing::Policy::kMaglev}) {
    Balancing balancing = Policy(policy);
    balancing.balance_factor = 100;
    Balanced world({{"a"}, {"b"}, {"c"}}, balancing);
    const PickWish wish{base::XxHash64("key")};
    const std::string preferred = world.Pick(wish);
    const size_t busy = static_cast<size_t>(preferred[0] - 'a');
    world.Load(busy, 5);
    const std::string other = world.Pick(wish);
    CHECK(other != preferred);
    CHECK(world.Pick(wish) == other);
    world.Load(busy, 0);
    CHECK(world.Pick(wish) == preferred);
  }
}

TEST_CASE("host tables: sizes are those that were asked for") {
  Balancing ring = Policy(Balancing::Policy::kRingHash);
  ring.minimum_ring_size = 10;
  CHECK(Balanced({{"a"}, {"b"}, {"c"}}, ring).cluster->host_table()->size().places == 12);
  ring.maximum_ring_size = 11;
  CHECK(Balanced({{"a"}, {"b"}, {"c"}}, ring).cluster->host_table()->size().places == 11);

  Balancing maglev = Policy(Balancing::Policy::kMaglev);
  maglev.table_size = 7;
  const Balanced world({{"a"}, {"b"}, {"c"}}, maglev);
  const HostTable::Size& size = world.cluster->host_table()->size();
  CHECK(size.places == 7);
  CHECK(size.fewest == 2);
  CHECK(size.most == 3);
}

TEST_CASE("all policies: nobody, the healthy ones, and panic") {
  using enum Balancing::Policy;
  for (const auto policy : {kRoundRobin, kLeastRequest, kRandom, kRingHash, kMaglev}) {
    INFO(static_cast<int>(policy));
    CHECK(Balanced({}, Policy(policy)).Pick() == "none");
    Balanced healthy({{"a"}, {"b", 1, HealthStatus::kUnhealthy}}, Policy(policy));
    CHECK(healthy.Count(50) == std::map<std::string, int>{{"a", 50}});
    CHECK_FALSE(healthy.balancer->in_panic());
    Balancing calm = Policy(policy);
    Balanced panic({{"a"}, {"b", 1, HealthStatus::kUnhealthy}, {"c", 1, HealthStatus::kUnhealthy}},
                   calm);
    CHECK(panic.balancer->in_panic());
    CHECK(panic.Count(200).size() == 3);
    calm.panic_threshold_percent = 0;
    Balanced never({{"a"}, {"b", 1, HealthStatus::kUnhealthy}, {"c", 1, HealthStatus::kUnhealthy}},
                   calm);
    CHECK_FALSE(never.balancer->in_panic());
    CHECK(never.Count(50) == std::map<std::string, int>{{"a", 50}});
  }
}

TEST_CASE("copies: what one picks is what the original picks next, which it does not change") {
  for (const auto policy :
       {Balancing::Policy::kRoundRobin, Balancing::Policy::kRingHash, Balancing::Policy::kMaglev}) {
    for (const uint32_t weight : {1u, 3u}) {
      Balanced world({{"a"}, {"b", weight}, {"c"}}, Policy(policy));
      for (uint64_t hash = 0; hash < 20; ++hash) {
        const PickWish wish{.hash = hash << 59};
        const Host* expected = world.balancer->Copy()->Pick(wish);
        CHECK(world.balancer->Copy()->Pick(wish) == expected);
        CHECK(world.balancer->Pick(wish) == expected);
      }
    }
  }
}

TEST_CASE("copies: of least request and random ones pick as they do") {
  Balancing balancing = Policy(Balancing::Policy::kLeastRequest);
  balancing.full_scan = true;
  Balanced least({{"a"}, {"b"}, {"c"}}, balancing);
  least.Load(0, 2);
  least.Load(2, 1);
  CHECK(least.balancer->Copy()->Pick({})->config().hostname == "b");
  Balanced any({{"a"}}, Policy(Balancing::Policy::kRandom));
  CHECK(any.balancer->Copy()->Pick({})->config().hostname == "a");
}

}  // namespace
}  // namespace remora::upstream
