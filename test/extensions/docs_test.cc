// Every configuration shown in docs/filters/, docs/access_log.md and docs/upstream_connections.md
// loads, without a warning. Pieces of one (a route, a retry policy) are passed over.

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "source/config/bootstrap_config.h"
#include "source/extensions/registry.h"
#include "test/fakes/module.h"

namespace remora::extensions {
namespace {

// The blocks between ```yaml and ```.
std::vector<std::string> Examples(const std::filesystem::path& page) {
  std::ifstream file(page);
  std::vector<std::string> examples;
  std::string line;
  bool inside = false;
  while (std::getline(file, line)) {
    if (line == "```yaml") {
      inside = true;
      examples.emplace_back();
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      examples.back() += line + "\n";
    }
  }
  return examples;
}

TEST_CASE("docs: the examples of the filters' pages load") {
  config::Registry registry;
  RegisterAll(registry);
  // The module of docs/filters/dynamic_modules.md.
  setenv("ENVOY_DYNAMIC_MODULES_SEARCH_PATH", "examples/loadable_filter", 1);
  // That of docs/filters/lua.md.
  fakes::FindModule("source/lua/libremora_lua.so");
  size_t loaded = 0;
  std::vector<std::filesystem::path> pages = {"docs/access_log.md", "docs/upstream_connections.md"};
  for (const auto& entry : std::filesystem::directory_iterator("docs/filters")) {
    pages.push_back(entry.path());
  }
  for (const std::filesystem::path& page : pages) {
    INFO(page.string());
    const std::vector<std::string> examples = Examples(page);
    size_t whole = 0;
    for (const std::string& example : examples) {
      if (example.find("static_resources:") == std::string::npos) continue;
      ++whole;
      config::LoadOptions options;
      options.yaml = example;
      const config::LoadedBootstrap result = config::LoadBootstrap(options, {}, registry, 0);
      CHECK(result.errors.ToString() == "");
      CHECK(result.warnings.ToString() == "");
      CHECK(result.config.has_value());
    }
    CHECK(whole > 0);
    loaded += whole;
  }
  CHECK(loaded >= 3);
}

}  // namespace
}  // namespace remora::extensions
