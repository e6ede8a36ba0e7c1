#include "source/upstream/cluster_table.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "source/stats/store.h"

namespace remora::upstream {
namespace {

struct World {
  std::shared_ptr<const Cluster> Make(const std::string& name,
                                      const std::vector<HostConfig>& hosts = {}) {
    ClusterConfig config;
    config.name = name;
    config.hosts = hosts;
    return std::make_shared<const Cluster>(std::move(config), 1, store.AddScope("cluster." + name));
  }
  // "changed" and "gone" from `before` to `now`, sorted.
  static std::vector<std::string> Changes(const ClusterTable& before, const ClusterTable& now) {
    std::vector<std::string> changes;
    now.ForEachChange(before, [&](const Cluster& old, const std::shared_ptr<const Cluster>* next) {
      changes.push_back((next == nullptr ? "gone " : "changed ") + old.name());
    });
    std::sort(changes.begin(), changes.end());
    return changes;
  }

  stats::Store store{1};
};

HostConfig At(uint16_t port, uint32_t weight = 1) {
  HostConfig host;
  host.address = *net::Address::Ip("127.0.0.1", port);
  host.weight = weight;
  return host;
}

TEST_CASE("A table tells what differs from another one") {
  World w;
  ClusterTable first;
  for (int i = 0; i < 1000; ++i) first.Put(w.Make("c" + std::to_string(i)));
  CHECK(first.size() == 1000);
  CHECK(first.Contains("c999"));
  CHECK_FALSE(first.Contains("c1000"));
  ClusterTable second = first;
  CHECK(World::Changes(first, second).empty());
  second.Put(w.Make("c7"));
  second.Put(w.Make("new"));
  second.Remove("c8");
  second.Remove("never");
  CHECK(second.size() == 1000);
  CHECK(World::Changes(first, second) == std::vector<std::string>{"changed c7", "gone c8"});
  // The one that it was copied from is as it was.
  CHECK(first.Contains("c8"));
  CHECK(first.Find("c7") != second.Find("c7"));
  CHECK(first.Find("c9") == second.Find("c9"));
}

TEST_CASE("A table that was handed out does not change when the next one is made") {
  World w;
  ClusterTable next;
  next.Put(w.Make("a"));
  const auto first = next.Find("a");
  auto out = std::make_unique<const ClusterTable>(next);
  next.Put(w.Make("a"));
  CHECK(out->Find("a") == first);
  next.Remove("a");
  CHECK(out->Contains("a"));
  CHECK(World::Changes(*out, next) == std::vector<std::string>{"gone a"});
  // Also when the one before is gone, and places in memory come again.
  next.Put(w.Make("a"));
  out = std::make_unique<const ClusterTable>(next);
  out.reset();
  next.Put(w.Make("a"));
  const ClusterTable last = next;
  next.Put(w.Make("a"));
  CHECK(World::Changes(last, next) == std::vector<std::string>{"changed a"});
}

TEST_CASE("A version of a cluster with other hosts keeps those that stay") {
  World w;
  const auto first = w.Make("a", {At(1), At(2), At(2)});
  const auto second = first->WithHosts({At(2, 7), At(3), At(1)});
  CHECK(second->IsVersionOf(*first));
  CHECK_FALSE(w.Make("a")->IsVersionOf(*first));
  REQUIRE(second->hosts().size() == 3);
  CHECK(second->hosts()[0] == first->hosts()[1]);
  CHECK(second->hosts()[0]->weight() == 7);
  CHECK(second->hosts()[2] == first->hosts()[0]);
  // One that is reached in another way is another one.
  HostConfig renamed = At(1);
  renamed.hostname = "other";
  CHECK(first->WithHosts({renamed})->hosts()[0] != first->hosts()[0]);
  // Of several with one address the first counts.
  const auto twice = first->WithHosts({At(2, 4), At(2, 9)});
  REQUIRE(twice->hosts().size() == 1);
  CHECK(twice->hosts()[0]->weight() == 4);
  // What counts against the breakers is the same.
  first->usage(Priority::kDefault, 0).requests = 5;
  CHECK(second->Sum(Priority::kDefault, &UsageSlot::requests) == 5);
}

}  // namespace
}  // namespace remora::upstream
