#include "source/upstream/host_index.h"

#include <catch2/catch.hpp>

#include "source/stats/store.h"
#include "source/upstream/cluster_runtime.h"
#include "test/fakes/simulated_clock.h"

namespace remora::upstream {
namespace {

HostConfig At(const std::string& address, const std::string& id = "",
              HealthStatus health = HealthStatus::kUnknown) {
  HostConfig host;
  host.address = *net::Address::IpPort(address);
  host.health = health;
  if (id.empty()) return host;
  auto metadata = std::make_shared<http::Metadata>();
  http::PutText(*metadata, "space", "id", id);
  host.metadata = std::move(metadata);
  return host;
}

std::shared_ptr<const http::HostIdentity> Identity(bool hashes) {
  auto identity = std::make_shared<http::HostIdentity>();
  identity->metadata = {"space", "id"};
  if (hashes) {
    identity->hash = [](std::string_view address) { return "#" + std::string(address); };
  }
  return identity;
}

TEST_CASE("host index: by address") {
  std::vector<std::shared_ptr<const Host>> hosts;
  for (const char* address : {"127.0.0.1:1", "[::1]:2"}) {
    hosts.push_back(std::make_shared<const Host>(At(address), 1));
  }
  HostIndex index(hosts);
  CHECK(index.Find({.name = "127.0.0.1:1"}) == hosts[0].get());
  CHECK(index.Find({.name = "[::1]:2"}) == hosts[1].get());
  CHECK(index.Find({.name = "127.0.0.1:2"}) == nullptr);
  CHECK(index.Find({.name = ""}) == nullptr);
}

TEST_CASE("host index: by what endpoints are called; of two with one name the first") {
  std::vector<std::shared_ptr<const Host>> hosts;
  for (const auto& [address, id] : {std::pair("127.0.0.1:1", "a"), std::pair("127.0.0.1:2", ""),
                                    std::pair("127.0.0.1:3", "a"), std::pair("127.0.0.1:4", "b")}) {
    hosts.push_back(std::make_shared<const Host>(At(address, id), 1));
  }
  HostIndex index(hosts);
  const auto plain = Identity(false);
  CHECK(index.Find({.name = "a", .identity = &plain}) == hosts[0].get());
  CHECK(index.Find({.name = "b", .identity = &plain}) == hosts[3].get());
  CHECK(index.Find({.name = "127.0.0.1:2", .identity = &plain}) == nullptr);
  // An address is no identity, and the other way round.
  CHECK(index.Find({.name = "127.0.0.1:2"}) == hosts[1].get());
  CHECK(index.Find({.name = "a"}) == nullptr);
  const auto hashed = Identity(true);
  CHECK(index.Find({.name = "#127.0.0.1:2", .identity = &hashed}) == hosts[1].get());
  CHECK(index.Find({.name = "#127.0.0.1:1", .identity = &hashed}) == nullptr);
}

TEST_CASE(
    "host index: keeps what a configuration that has gone called hosts no longer than needed") {
  const std::vector<std::shared_ptr<const Host>> hosts = {
      std::make_shared<const Host>(At("127.0.0.1:1", "a"), 1)};
  HostIndex index(hosts);
  auto first = Identity(false);
  const std::weak_ptr<const http::HostIdentity> watched = first;
  CHECK(index.Find({.name = "a", .identity = &first}) != nullptr);
  first.reset();
  CHECK_FALSE(watched.expired());
  const auto second = Identity(false);
  CHECK(index.Find({.name = "a", .identity = &second}) != nullptr);
  CHECK(watched.expired());
}

// A worker's view of a cluster whose hosts change.
struct World {
  explicit World(std::vector<HostConfig> hosts, uint32_t statuses = Balancing().override_statuses) {
    ClusterConfig config;
    config.name = "up";
    config.hosts = std::move(hosts);
    config.balancing.override_statuses = statuses;
    cluster = std::make_shared<const Cluster>(std::move(config), 1, store.AddScope("cluster.up"));
    runtime.emplace(cluster,
                    WorkerResources{dispatcher, blocks, random, view, store.worker_shard(0), 0});
  }
  // The address of the host that a request gets; "none": no host.
  std::string Pick(std::string_view name, bool strict = false) {
    const http::OverrideHost named = {.name = name, .strict = strict};
    HostWish wish;
    wish.named = &named;
    const Host* host = runtime->PickHost(wish);
    return host == nullptr ? "none" : host->address_text();
  }
  void Change(const std::vector<HostConfig>& hosts) {
    cluster = cluster->WithHosts(hosts);
    runtime->Adopt(cluster);
  }

  fakes::SimulatedClock clock;
  event::Dispatcher dispatcher{clock};
  buffer::BlockPool blocks;
  base::Random random{1};
  runtime::View view;
  stats::Store store{1};
  std::shared_ptr<const Cluster> cluster;
  std::optional<ClusterRuntime> runtime;
};

TEST_CASE("named hosts: they are chosen while the cluster has them") {
  World w({At("127.0.0.1:1"), At("127.0.0.1:2")});
  for (int i = 0; i < 3; ++i) CHECK(w.Pick("127.0.0.1:2") == "127.0.0.1:2");
  CHECK(w.Pick("127.0.0.1:3") != "none");
  CHECK(w.Pick("127.0.0.1:3", true) == "none");
  w.Change({At("127.0.0.1:1"), At("127.0.0.1:3")});
  CHECK(w.Pick("127.0.0.1:2", true) == "none");
  CHECK(w.Pick("127.0.0.1:3", true) == "127.0.0.1:3");
  w.Change({At("127.0.0.1:2")});
  CHECK(w.Pick("127.0.0.1:2", true) == "127.0.0.1:2");
}

TEST_CASE("named hosts: their health has to be one of override_host_status") {
  const struct {
    HealthStatus health;
    bool chosen;
  } rows[] = {{HealthStatus::kUnknown, true},   {HealthStatus::kHealthy, true},
              {HealthStatus::kDegraded, true},  {HealthStatus::kUnhealthy, false},
              {HealthStatus::kDraining, false}, {HealthStatus::kTimeout, false}};
  for (const auto& row : rows) {
    const std::vector<HostConfig> hosts = {At("127.0.0.1:1", "", row.health), At("127.0.0.1:2"),
                                           At("127.0.0.1:3")};
    World usual(hosts);
    CHECK(usual.Pick("127.0.0.1:1", true) == (row.chosen ? "127.0.0.1:1" : "none"));
    World own(hosts, Balancing::Bit(row.health));
    CHECK(own.Pick("127.0.0.1:1", true) == "127.0.0.1:1");
    World none(hosts, 0);
    CHECK(none.Pick("127.0.0.1:1", true) == "none");
    CHECK(none.Pick("127.0.0.1:1") != "none");
  }
}

TEST_CASE("named hosts: an endpoint with other metadata is another one") {
  World w({At("127.0.0.1:1", "a")});
  const auto before = w.cluster->hosts()[0];
  w.Change({At("127.0.0.1:1", "a")});
  CHECK(w.cluster->hosts()[0] == before);
  w.Change({At("127.0.0.1:1", "b")});
  CHECK(w.cluster->hosts()[0] != before);
}

TEST_CASE("peeking: the host of the next pick, and nothing changes") {
  World w({At("127.0.0.1:1"), At("127.0.0.1:2")});
  for (int i = 0; i < 4; ++i) {
    const Host* expected = w.runtime->PeekHost({}).host;
    CHECK(w.runtime->PeekHost({}).host == expected);
    CHECK(w.runtime->PickHost({}) == expected);
  }
  const http::OverrideHost named = {.name = "127.0.0.1:2", .strict = true};
  HostWish wish;
  wish.named = &named;
  const ClusterRuntime::Choice choice = w.runtime->PeekHost(wish);
  CHECK(choice.named);
  CHECK(choice.host->address_text() == "127.0.0.1:2");
  w.Change({});
  CHECK(w.runtime->PeekHost({}).host == nullptr);
}

}  // namespace
}  // namespace remora::upstream
