#include <catch2/catch.hpp>

#include <map>
#include <string>

#include "source/upstream/lb/round_robin.h"

namespace remora::upstream {
namespace {

using Hosts = std::vector<std::shared_ptr<const Host>>;

struct Member {
  uint32_t weight = 1;
  HealthStatus health = HealthStatus::kUnknown;
};

// Hosts with ports 1, 2, 3...
Hosts MakeHosts(const std::vector<Member>& members) {
  Hosts hosts;
  for (const Member& member : members) {
    HostConfig config;
    config.address = *net::Address::Ip("127.0.0.1", static_cast<uint16_t>(hosts.size() + 1));
    config.weight = member.weight;
    config.health = member.health;
    hosts.push_back(std::make_shared<const Host>(config, 1));
  }
  return hosts;
}

std::string Picks(RoundRobin& balancer, int count) {
  std::string picks;
  for (int i = 0; i < count; ++i)
    picks += static_cast<char>('0' + balancer.Pick({})->address().port());
  return picks;
}

std::map<char, int> Count(const std::string& picks) {
  std::map<char, int> counts;
  for (const char c : picks) ++counts[c];
  return counts;
}

TEST_CASE("Equal hosts are taken in turn") {
  const Hosts hosts = MakeHosts({{}, {}, {}});
  base::Random random(1);
  RoundRobin balancer(UsableHosts(hosts, 50), random);
  const std::string first = Picks(balancer, 3);
  REQUIRE(Count(first) == std::map<char, int>{{'1', 1}, {'2', 1}, {'3', 1}});
  for (int i = 0; i < 5; ++i) REQUIRE(Picks(balancer, 3) == first);
}

TEST_CASE("Equal weights other than one change nothing") {
  const Hosts hosts = MakeHosts({{7}, {7}});
  base::Random random(1);
  RoundRobin balancer(UsableHosts(hosts, 50), random);
  const std::string picks = Picks(balancer, 8);
  REQUIRE((picks == "12121212" || picks == "21212121"));
}

TEST_CASE("Weights are exact over every cycle, wherever it begins") {
  const std::vector<std::vector<uint32_t>> tables = {
      {1, 2, 5}, {5, 1}, {3, 3, 4}, {1, 128}, {100, 50, 25, 1}};
  for (const std::vector<uint32_t>& weights : tables) {
    std::vector<Member> members;
    uint32_t cycle = 0;
    for (const uint32_t weight : weights) {
      members.push_back({weight});
      cycle += weight;
    }
    const Hosts hosts = MakeHosts(members);
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      INFO("cycle " << cycle << " seed " << seed);
      base::Random random(seed);
      RoundRobin balancer(UsableHosts(hosts, 50), random);
      std::map<char, int> counts = Count(Picks(balancer, static_cast<int>(cycle) * 50));
      for (size_t i = 0; i < weights.size(); ++i) {
        CHECK(counts[static_cast<char>('1' + i)] == static_cast<int>(weights[i]) * 50);
      }
    }
  }
}

TEST_CASE("Picks of a heavy host are spread, not bunched") {
  const Hosts hosts = MakeHosts({{1}, {1}, {4}});
  base::Random random(3);
  RoundRobin balancer(UsableHosts(hosts, 50), random);
  REQUIRE(Picks(balancer, 60).find("33333") == std::string::npos);
}

TEST_CASE("Different seeds begin with different hosts") {
  const Hosts hosts = MakeHosts({{}, {}, {}, {}});
  std::string first;
  for (uint64_t seed = 1; seed <= 64; ++seed) {
    base::Random random(seed);
    RoundRobin balancer(UsableHosts(hosts, 50), random);
    first += Picks(balancer, 1);
  }
  REQUIRE(Count(first).size() == 4);
}

TEST_CASE("Health decides who takes part") {
  constexpr HealthStatus kUp = HealthStatus::kHealthy;
  constexpr HealthStatus kDown = HealthStatus::kUnhealthy;
  constexpr HealthStatus kDegraded = HealthStatus::kDegraded;
  struct Row {
    const char* what;
    std::vector<Member> members;
    std::string used;
    bool panic;
  };
  const Row rows[] = {
      {"all healthy", {{1, kUp}, {1, kUp}}, "12", false},
      {"unknown counts as healthy", {{1, HealthStatus::kUnknown}, {1, kDown}}, "1", false},
      {"just half is no panic", {{1, kUp}, {1, kDown}}, "1", false},
      {"under half is panic: everybody", {{1, kUp}, {1, kDown}, {1, kDown}}, "123", true},
      {"all unhealthy is panic", {{1, kDown}, {1, kDown}}, "12", true},
      {"draining and timed out are unhealthy",
       {{1, kUp}, {1, HealthStatus::kDraining}, {1, kUp}, {1, HealthStatus::kTimeout}},
       "13",
       false},
      {"degraded ones only when nobody is healthy", {{1, kUp}, {1, kDegraded}}, "1", false},
      {"degraded ones", {{1, kDegraded}, {1, kDown}}, "1", false},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    const Hosts hosts = MakeHosts(row.members);
    base::Random random(1);
    RoundRobin balancer(UsableHosts(hosts, 50), random);
    std::string used;
    for (const auto& [host, count] : Count(Picks(balancer, 24))) used += host;
    CHECK(used == row.used);
    CHECK(balancer.in_panic() == row.panic);
  }
}

TEST_CASE("Nobody to pick") {
  const Hosts hosts;
  base::Random random(1);
  RoundRobin balancer(UsableHosts(hosts, 50), random);
  REQUIRE(balancer.Pick({}) == nullptr);
  REQUIRE(balancer.in_panic());  // as Envoy: none of no hosts is healthy
}

}  // namespace
}  // namespace remora::upstream
