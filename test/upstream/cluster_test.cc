#include <catch2/catch.hpp>

#include "source/event/dispatcher.h"
#include "source/stats/store.h"
#include "source/upstream/cluster_set.h"
#include "test/fakes/simulated_clock.h"

namespace remora::upstream {
namespace {

using Resource = ClusterRuntime::Resource;

// Two workers' views of one cluster.
struct TwoWorkers {
  explicit TwoWorkers(const CircuitBreakerLimits& limits) {
    ClusterConfig config;
    config.name = "up";
    config.limits[0] = limits;
    cluster = std::make_shared<const Cluster>(std::move(config), 2, store.AddScope("cluster.up"));
    for (size_t i = 0; i < 2; ++i) {
      runtimes.push_back(std::make_unique<ClusterRuntime>(
          cluster, WorkerResources{dispatcher, blocks, random, view, store.worker_shard(i), i}));
    }
  }

  fakes::SimulatedClock clock;
  event::Dispatcher dispatcher{clock};
  buffer::BlockPool blocks;
  base::Random random{1};
  runtime::View view;
  stats::Store store{2};
  std::shared_ptr<const Cluster> cluster;
  std::vector<std::unique_ptr<ClusterRuntime>> runtimes;
};

TEST_CASE("Circuit breakers compare with the sum over all workers") {
  CircuitBreakerLimits limits;
  limits.max_connections = 2;
  limits.max_pending_requests = 1;
  limits.max_requests = 3;
  TwoWorkers w(limits);
  const struct {
    Resource resource;
    uint32_t limit;
  } rows[] = {{Resource::kConnection, 2}, {Resource::kPending, 1}, {Resource::kRequest, 3}};
  for (const auto& row : rows) {
    for (uint32_t i = 0; i < row.limit; ++i) {
      // In turns: no worker knows it from its own count.
      REQUIRE(w.runtimes[i % 2]->Allows(row.resource, Priority::kDefault));
      w.runtimes[i % 2]->Take(row.resource, Priority::kDefault);
    }
    REQUIRE_FALSE(w.runtimes[0]->Allows(row.resource, Priority::kDefault));
    REQUIRE_FALSE(w.runtimes[1]->Allows(row.resource, Priority::kDefault));
    // Another priority has limits of its own.
    REQUIRE(w.runtimes[0]->Allows(row.resource, Priority::kHigh));
    w.runtimes[0]->Give(row.resource, Priority::kDefault);
    REQUIRE(w.runtimes[1]->Allows(row.resource, Priority::kDefault));
  }
  REQUIRE(w.cluster->Sum(Priority::kDefault, &UsageSlot::connections) == 1);
  REQUIRE(w.cluster->Sum(Priority::kDefault, &UsageSlot::pending) == 0);
  REQUIRE(w.cluster->Sum(Priority::kDefault, &UsageSlot::requests) == 2);
  REQUIRE(w.cluster->Sum(Priority::kHigh, &UsageSlot::requests) == 0);
}

TEST_CASE("A cluster set keeps what did not change and drops what left") {
  fakes::SimulatedClock clock;
  event::Dispatcher dispatcher(clock);
  buffer::BlockPool blocks;
  base::Random random(1);
  runtime::View view;
  stats::Store store(1);
  ClusterSet set({dispatcher, blocks, random, view, store.worker_shard(0), 0});
  REQUIRE(set.Find("a") == nullptr);
  const auto make = [&](const char* name) {
    ClusterConfig config;
    config.name = name;
    return std::make_shared<const Cluster>(std::move(config), 1,
                                           store.AddScope(std::string("cluster.") + name));
  };
  auto first = std::make_shared<ClusterTable>();
  first->Put(make("a"));
  first->Put(make("b"));
  set.Apply(first);
  ClusterRuntime* a = set.Find("a");
  REQUIRE(a != nullptr);
  REQUIRE(set.Find("a") == a);
  REQUIRE(set.Find("b") != nullptr);
  REQUIRE(set.Find("c") == nullptr);

  auto second = std::make_shared<ClusterTable>();
  second->Put(first->Find("a"));
  second->Put(make("c"));
  set.Apply(second);
  REQUIRE(set.Find("a") == a);
  REQUIRE(set.Find("b") == nullptr);
  REQUIRE(set.Find("c")->name() == "c");

  auto third = std::make_shared<ClusterTable>();
  third->Put(make("a"));
  set.Apply(third);
  REQUIRE(&set.Find("a")->cluster() == third->Find("a").get());
}

TEST_CASE("A host's counters add up over the workers") {
  HostConfig config;
  config.address = *net::Address::Ip("::1", 80);
  const Host host(config, 3);
  REQUIRE(host.address_text() == "[::1]:80");
  REQUIRE(host.Sum(&HostCounters::rq_total) == 0);
  AddOwn<uint64_t>(host.counters(0).rq_total, 2);
  AddOwn<uint64_t>(host.counters(2).rq_total, 3);
  AddOwn<uint64_t>(host.counters(2).rq_active, 1);
  AddOwn<uint64_t>(host.counters(2).rq_active, UINT64_MAX);
  REQUIRE(host.Sum(&HostCounters::rq_total) == 5);
  REQUIRE(host.Sum(&HostCounters::rq_active) == 0);
}

}  // namespace
}  // namespace remora::upstream
