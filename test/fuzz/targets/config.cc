#include "source/config/bootstrap_config.h"
#include "source/config/document.h"
#include "source/extensions/registry.h"
#include "test/fuzz/targets/targets.h"

namespace remora::fuzz {

void RunConfig(std::string_view input) {
  static const config::Registry& registry = []() -> const config::Registry& {
    auto* filled = new config::Registry();
    extensions::RegisterAll(*filled);
    return *filled;
  }();
  config::LoadOptions options;
  options.yaml = std::string(input);
  config::LoadedBootstrap loaded =
      config::LoadBootstrap(std::move(options), {"", "", ""}, registry, 0);
  Require(loaded.config.has_value() == loaded.errors.errors().empty(),
          "values and errors, or neither");
  for (const config::ConfigError& error : loaded.errors.errors()) {
    Require(!error.message.empty(), "an error without words");
  }
  config::ErrorList errors;
  config::Document::ParseJson(input, "a.json", errors);
}

std::vector<Target> ConfigTargets() { return {{"config", &RunConfig}}; }

}  // namespace remora::fuzz
