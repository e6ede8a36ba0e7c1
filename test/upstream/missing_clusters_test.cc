#include "source/upstream/missing_clusters.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "source/stats/store.h"
#include "source/upstream/cluster_table.h"

namespace remora::upstream {
namespace {

struct World final : ClusterFinder {
  World() { missing.SetFinder(this); }
  void FindCluster(std::shared_ptr<const config::ConfigSource>, std::string name) override {
    asked.push_back(std::move(name));
  }
  bool Wait(std::string_view name, http::Waiter& waiter) {
    return missing.Wait(nullptr, name, waiter);
  }
  void Put(const std::string& name) {
    ClusterConfig config;
    config.name = name;
    table.Put(std::make_shared<const Cluster>(std::move(config), 1, store.AddScope(name)));
    missing.OnTable(table);
  }

  stats::Store store{1};
  ClusterTable table;
  std::vector<std::string> asked;
  MissingClusters missing;
};

// A request that notes when it is woken.
struct Request {
  int woken = 0;
  http::Waiter waiter{[](void* self) { ++static_cast<Request*>(self)->woken; }, this};
};

TEST_CASE("Missing clusters: one question for all who wait for a name") {
  World w;
  Request first, second, other;
  CHECK(w.Wait("a", first.waiter));
  CHECK(w.Wait("a", second.waiter));
  CHECK(w.Wait("b", other.waiter));
  CHECK(w.asked == std::vector<std::string>{"a", "b"});
  w.Put("a");
  CHECK(first.woken == 1);
  CHECK(second.woken == 1);
  CHECK(other.woken == 0);
  w.missing.OnAnswer("b");
  CHECK(other.woken == 1);
  CHECK(w.missing.empty());
  // What nobody waits for any more wakes nobody.
  w.missing.OnAnswer("b");
  w.Put("b");
  CHECK(other.woken == 1);
}

TEST_CASE("Missing clusters: who leaves leaves nothing behind") {
  World w;
  {
    Request gone, stays;
    w.Wait("a", gone.waiter);
    w.Wait("a", stays.waiter);
    gone.waiter.Leave();
    CHECK_FALSE(w.missing.empty());
    w.missing.OnAnswer("a");
    CHECK(gone.woken == 0);
    CHECK(stays.woken == 1);
    w.Wait("a", gone.waiter);
  }
  CHECK(w.missing.empty());
  // Whoever comes next asks again.
  Request next;
  w.Wait("a", next.waiter);
  CHECK(w.asked == std::vector<std::string>{"a", "a", "a"});
}

TEST_CASE("Missing clusters: one that is woken may take another along") {
  World w;
  struct Pair {
    Request* other = nullptr;
    http::Waiter waiter{[](void* self) { static_cast<Pair*>(self)->other->waiter.Leave(); }, this};
  } first;
  Request second;
  first.other = &second;
  w.Wait("a", first.waiter);
  w.Wait("a", second.waiter);
  w.missing.OnAnswer("a");
  CHECK(second.woken == 0);
  CHECK(w.missing.empty());
}

TEST_CASE("Missing clusters: without anybody to ask nobody waits") {
  MissingClusters missing;
  Request request;
  CHECK_FALSE(missing.Wait(nullptr, "a", request.waiter));
}

}  // namespace
}  // namespace remora::upstream
