#include "source/server/scope_lease.h"

#include <catch2/catch.hpp>
#include <memory>

namespace remora::server {
namespace {

TEST_CASE("scopes go with their owner, and their memory with the last who counts there") {
  stats::Store store(1);
  RemovedScopes removed(store);
  const auto shown = [&store](const std::string& name) {
    for (const std::string& prefix : store.SortedPrefixes()) {
      if (prefix == name) return true;
    }
    return false;
  };
  auto lease = std::make_unique<ScopeLease>(store);
  stats::Counter counter = lease->Add("a").MakeCounter(store.worker_shard(0), "n");
  CHECK(&lease->Add("a") == &lease->Add("a."));
  auto keeper = std::make_shared<const char>();
  auto other = std::make_shared<const char>();
  removed.Add(std::move(lease), keeper);
  CHECK_FALSE(shown("a."));
  auto second = std::make_unique<ScopeLease>(store);
  second->Add("b");
  removed.Add(std::move(second), other);

  other.reset();
  removed.Sweep();
  // In the order of removals: `a` is counted in yet.
  CHECK(removed.size() == 2);
  counter.Inc();
  keeper.reset();
  removed.Sweep();
  CHECK(removed.size() == 0);
}

TEST_CASE("a lease that ends gives back what it added, and nothing else") {
  stats::Store store(1);
  store.AddScope("kept");
  {
    ScopeLease lease(store);
    lease.Add("kept");
    lease.Add("gone");
  }
  CHECK(store.SortedPrefixes() == std::vector<std::string>{"kept."});
}

}  // namespace
}  // namespace remora::server
