#include "source/server/runtime_layers.h"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "source/base/log.h"
#include "source/runtime/value.h"
#include "source/stats/store.h"
#include "test/fakes/simulated_clock.h"

namespace remora::server {
namespace {

namespace fs = std::filesystem;
using config::RuntimeLayerConfig;
using Kind = RuntimeLayerConfig::Kind;

class World {
 public:
  explicit World(std::vector<RuntimeLayerConfig> layers)
      : runtime(std::move(layers),
                store_.AddScope("runtime").Make<RuntimeStats>(store_.main_shard()),
                [this](auto) { ++published; }) {
    base::SetAllLogLevels(base::LogLevel::kOff);
    runtime.Load();
  }
  uint64_t Integer(std::string_view key) { return runtime.snapshot()->Integer(key, 0); }
  uint64_t Stat(const std::string& name) {
    const stats::Snapshot snapshot = store_.TakeSnapshot();
    for (const stats::Metric& metric : snapshot.metrics()) {
      if (metric.name == "runtime." + name) return metric.value;
    }
    return UINT64_MAX;
  }

 private:
  stats::Store store_{1};

 public:
  int published = 0;
  RuntimeLayers runtime;
};

RuntimeLayerConfig Static(const std::string& name, const std::string& key,
                          const std::string& text) {
  RuntimeLayerConfig layer;
  layer.name = name;
  layer.values[key] = runtime::ReadValue(text);
  return layer;
}

RuntimeLayerConfig AdminLayer(const std::string& name) {
  RuntimeLayerConfig layer;
  layer.name = name;
  layer.kind = Kind::kAdmin;
  return layer;
}

TEST_CASE("Overrides hide static values until they are removed") {
  World world({Static("base", "a", "1"), AdminLayer("admin")});
  CHECK(world.Integer("a") == 1);
  CHECK(world.Stat("num_layers") == 2);
  CHECK(world.Stat("num_keys") == 1);
  CHECK(world.Stat("admin_overrides_active") == 0);
  REQUIRE(world.runtime.Modify({{"a", "2"}, {"b", "3"}}).ok());
  CHECK(world.Integer("a") == 2);
  CHECK(world.Integer("b") == 3);
  CHECK(world.Stat("num_keys") == 2);
  CHECK(world.Stat("admin_overrides_active") == 1);
  REQUIRE(world.runtime.Modify({{"a", ""}, {"b", ""}, {"c", ""}}).ok());
  CHECK(world.Integer("a") == 1);
  CHECK(world.runtime.snapshot()->Find("b") == nullptr);
  CHECK(world.Stat("admin_overrides_active") == 0);
  CHECK(world.published == 3);
  CHECK(world.Stat("load_success") == 3);
  CHECK(world.Stat("override_dir_not_exists") == 3);
}

TEST_CASE("A layer behind the admin's is stronger") {
  World world({AdminLayer("admin"), Static("last", "a", "1")});
  REQUIRE(world.runtime.Modify({{"a", "2"}}).ok());
  CHECK(world.Integer("a") == 1);
}

TEST_CASE("Without layers the admin's is there; with others only if it is named") {
  CHECK(World({}).runtime.Modify({{"a", "2"}}).ok());
  World none({Static("base", "a", "1")});
  const absl::Status status = none.runtime.Modify({{"a", "2"}});
  CHECK(status.message() == "No admin layer specified");
  CHECK(none.Integer("a") == 1);
}

TEST_CASE("A layer of a source is empty until it comes, and stands in its place") {
  RuntimeLayerConfig layer;
  layer.name = "rt";
  layer.kind = Kind::kRtds;
  World world({Static("base", "a", "1"), layer, AdminLayer("admin")});
  CHECK(world.Integer("a") == 1);
  CHECK(world.Stat("num_layers") == 3);
  world.runtime.Put(1, {{"a", runtime::ReadValue("2")}, {"b", runtime::ReadValue("3")}});
  CHECK(world.Integer("a") == 2);
  CHECK(world.Integer("b") == 3);
  REQUIRE(world.runtime.Modify({{"a", "4"}}).ok());
  CHECK(world.Integer("a") == 4);
  world.runtime.Put(1, {});
  CHECK(world.Integer("b") == 0);
  CHECK(world.published == 4);
}

TEST_CASE("A disk layer is read again when its link is swapped") {
  char name[] = "/tmp/remora_layers_XXXXXX";
  const std::string root = mkdtemp(name);
  const auto make = [&](const std::string& version, const std::string& text) {
    fs::create_directories(root + "/" + version + "/envoy/edge");
    std::ofstream(root + "/" + version + "/envoy/edge/a") << text;
    fs::create_directory_symlink(root + "/" + version, root + "/next");
    fs::rename(root + "/next", root + "/current");
  };
  make("v1", "5");
  RuntimeLayerConfig disk;
  disk.name = "disk";
  disk.kind = Kind::kDisk;
  disk.link = root + "/current";
  disk.subdirectory = "envoy/edge";
  fakes::SimulatedClock clock;
  event::Dispatcher dispatcher(clock);
  event::FileWatcher watcher(dispatcher);
  World world({Static("base", "a", "1"), disk});
  CHECK(world.Integer("a") == 5);
  CHECK(world.Stat("override_dir_exists") == 1);
  CHECK(world.Stat("num_layers") == 2);
  REQUIRE(world.runtime.Watch(watcher).ok());
  const auto turn = [&] {
    clock.Advance(event::kSecond);
    dispatcher.RunOnce(false);
  };
  make("v2", "6");
  turn();
  CHECK(world.Integer("a") == 6);
  // A tree without the directory is left out; one that cannot be read, too, and is an error.
  fs::create_directories(root + "/v3");
  fs::create_directory_symlink(root + "/v3", root + "/next");
  fs::rename(root + "/next", root + "/current");
  turn();
  CHECK(world.Integer("a") == 1);
  CHECK(world.Stat("num_layers") == 1);
  CHECK(world.Stat("override_dir_not_exists") == 1);
  CHECK(world.Stat("load_error") == 0);
  make("v4", std::string(100'000, 'x'));
  turn();
  CHECK(world.Integer("a") == 1);
  CHECK(world.Stat("load_error") == 1);
  fs::remove_all(root);
}

}  // namespace
}  // namespace remora::server
