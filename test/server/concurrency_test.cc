#include <catch2/catch.hpp>

#include <algorithm>
#include <thread>

#include "source/server/concurrency.h"

namespace remora::server {
namespace {

TEST_CASE("cpu.max lines say how many CPUs a cgroup grants") {
  struct Row {
    const char* line;
    std::optional<double> cpus;
  };
  const Row rows[] = {
      {"max 100000", std::nullopt}, {"max", std::nullopt},
      {"200000 100000", 2.0},       {"150000 100000", 1.5},
      {"50000 100000", 0.5},        {"10000 100000", 0.1},
      {"100000 50000", 2.0},        {"100000", 1.0},
      {"  200000   100000\n", 2.0}, {"", std::nullopt},
      {"0 100000", std::nullopt},   {"-1 100000", std::nullopt},
      {"100000 0", std::nullopt},   {"many 100000", std::nullopt},
  };
  for (const Row& row : rows) {
    INFO(row.line);
    const std::optional<double> cpus = ParseCpuMax(row.line);
    CHECK(cpus.has_value() == row.cpus.has_value());
    if (row.cpus.has_value() && cpus.has_value()) CHECK(*cpus == Approx(*row.cpus));
  }
}

TEST_CASE("There is always a worker, and never more than the machine has CPUs") {
  const size_t workers = DefaultConcurrency();
  REQUIRE(workers <= AffinityConcurrency());
  REQUIRE(workers >= 1);
  REQUIRE(workers <= static_cast<size_t>(std::max(1u, std::thread::hardware_concurrency())));
}

}  // namespace
}  // namespace remora::server
