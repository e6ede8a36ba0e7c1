// Every *.txt beside this file is a test: adding one compiles nothing.

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>

#include "test/scenarios/scenario.h"

namespace remora::scenarios {
namespace {

constexpr const char* kFolder = "test/scenarios";

std::vector<std::string> FindFiles() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST_CASE("Scenarios") {
  const std::vector<std::string> files = FindFiles();
  REQUIRE(files.size() >= 40);
  for (const std::string& file : files) {
    DYNAMIC_SECTION(file.substr(file.rfind('/') + 1)) {
      for (const Scenario& scenario : LoadScenarios(file)) {
        INFO(scenario.name);
        CHECK_NOTHROW(RunScenario(scenario));
      }
    }
  }
}

TEST_CASE("Escapes and repetitions of scenario blocks") {
  REQUIRE(Unescape("a\\r\\n\\x41\\\\") == "a\r\nA\\");
  REQUIRE(Unescape("\\{ab*3}c") == "abababc");
  REQUIRE(Unescape("\\0") == std::string(1, '\0'));
  REQUIRE(BlockBytes({"one", "", "two\\"}) == "one\r\n\r\ntwo");
  REQUIRE_THROWS(Unescape("\\q"));
}

}  // namespace
}  // namespace remora::scenarios
