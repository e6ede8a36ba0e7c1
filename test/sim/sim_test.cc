// Seeds of the simulation. REMORA_SIM_SEED=N replays one, REMORA_SIM_COUNT=N runs N of them,
// REMORA_SIM_FIRST=N begins there, REMORA_SIM_TELL=1 prints a line a seed and, with a seed, every
// byte that passes.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "test/sim/simulation.h"

namespace remora::sim {
namespace {

constexpr uint64_t kSeeds = 200;

uint64_t Environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::vector<std::string> ReadCorpus(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator("test/fuzz/corpus/" + folder)) {
    if (entry.path().extension() == ".raw") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> texts;
  for (const auto& path : paths) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    texts.push_back(text.str());
  }
  return texts;
}

const BadTexts& Bad() {
  static const BadTexts bad{ReadCorpus("http1_request"), ReadCorpus("http1_response")};
  return bad;
}

TEST_CASE("simulation: no seed breaks an invariant") {
  const uint64_t one = Environment("REMORA_SIM_SEED", 0);
  const uint64_t first = one != 0 ? one : Environment("REMORA_SIM_FIRST", 1);
  const uint64_t count = one != 0 ? 1 : Environment("REMORA_SIM_COUNT", kSeeds);
  const bool tells = std::getenv("REMORA_SIM_TELL") != nullptr;
  std::string failures;
  Report total;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const Report report = Simulation(seed, Bad(), tells && one != 0).Run();
    if (tells) std::cout << report.ToString();
    if (!report.violations.empty()) failures += report.ToString();
    total.turns += report.turns;
    total.exchanges += report.exchanges;
    total.upstream_replies += report.upstream_replies;
    total.local_replies += report.local_replies;
    total.cut += report.cut;
  }
  std::cout << count << " seeds: " << total.turns << " turns, " << total.exchanges << " exchanges, "
            << total.upstream_replies << " answered by upstreams, " << total.local_replies
            << " by the proxy, " << total.cut << " cut\n";
  CHECK(failures == "");
  // A simulation in which hardly anything happens would find nothing.
  if (count >= 100) CHECK(total.upstream_replies > 10 * count);
}

TEST_CASE("simulation: a seed gives the same run every time") {
  for (const uint64_t seed : {3, 8, 14}) {
    CHECK(Simulation(seed, Bad()).Run().ToString() == Simulation(seed, Bad()).Run().ToString());
  }
}

}  // namespace
}  // namespace remora::sim
