// Seeds of the TCP proxy's simulation. REMORA_SIM_SEED, REMORA_SIM_FIRST, REMORA_SIM_COUNT and
// REMORA_SIM_TELL as in sim_test.cc.

#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>

#include "test/sim/tcp_simulation.h"

namespace remora::sim {
namespace {

constexpr uint64_t kSeeds = 200;

uint64_t Environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST_CASE("tcp simulation: no seed breaks an invariant") {
  const uint64_t one = Environment("REMORA_SIM_SEED", 0);
  const uint64_t first = one != 0 ? one : Environment("REMORA_SIM_FIRST", 1);
  const uint64_t count = one != 0 ? 1 : Environment("REMORA_SIM_COUNT", kSeeds);
  const bool tells = one != 0 && std::getenv("REMORA_SIM_TELL") != nullptr;
  std::string failures;
  TcpReport total;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const TcpReport report = TcpSimulation(seed, tells).Run();
    for (const std::string& violation : report.violations) {
      failures += "seed " + std::to_string(seed) + ": " + violation + "\n";
    }
    total.connections += report.connections;
    total.refused += report.refused;
    total.resets += report.resets;
    total.bytes += report.bytes;
    total.splices += report.splices;
    total.turns += report.turns;
  }
  std::cout << count << " seeds: " << total.turns << " turns, " << total.connections
            << " connections, " << total.refused << " turned away, " << total.resets << " resets, "
            << total.bytes << " bytes, " << total.splices << " splices\n";
  CHECK(failures == "");
  // A simulation in which hardly anything happens would find nothing.
  if (count >= 100) {
    CHECK(total.bytes > 100'000 * count);
    // About five a seed: half of the seeds send in bulk at times, and a way begins to splice after
    // two reads of 64 KiB.
    CHECK(total.splices > 3 * count);
    CHECK(total.resets > count / 2);
  }
}

}  // namespace
}  // namespace remora::sim
