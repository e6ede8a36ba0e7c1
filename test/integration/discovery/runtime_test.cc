// Layers of the runtime that come from a source.

#include <catch2/catch.hpp>

#include "test/integration/discovery/dynamic_world.h"

namespace remora::discovery {
namespace {

std::string Layer(const std::string& name) {
  return "{name: " + name + ", rtds_layer: {name: " + name + ", rtds_config: " + kAds + "}}";
}

DynamicWorld::Setup MakeSetup(const std::vector<std::string>& layers) {
  DynamicWorld::Setup setup;
  setup.runtime = layers;
  return setup;
}

std::string Values(const std::string& name, const std::string& values) {
  return "{name: " + name + ", layer: " + values + "}";
}

// A listener that answers "on" to the share of requests that the key says, and "off" else.
void Serve(DynamicWorld& world, uint16_t port) {
  const std::string on =
      "{match: {prefix: /, runtime_fraction: {default_value: {numerator: 0}, runtime_key: share}}, "
      "direct_response: {status: 200, body: {inline_string: \"on\"}}}";
  world.Send(ResourceType::kListener,
             {{"l", Listener("l", port, {Chain(Routes("r", {on, Says("\"off\"")}))})}});
}

TEST_CASE("nothing else is asked for before the values have come, and they count") {
  DynamicWorld world(MakeSetup({"{name: base, static_layer: {share: 0}}", Layer("rt")}));
  CHECK(world.Wanted(ResourceType::kRuntime) == std::vector<std::string>{"rt"});
  CHECK(world.Wanted(ResourceType::kCluster).empty());
  CHECK(world.Admin("/ready").find("PRE_INITIALIZING") == 0);
  const std::string waiting = world.Admin("/init_dump");
  CHECK(waiting.find("init manager RTDS") != std::string::npos);
  CHECK(waiting.find("target RTDS rt") != std::string::npos);

  CHECK(world.Send(ResourceType::kRuntime, {{"rt", Values("rt", "{share: 100}")}}).empty());
  CHECK(world.Wanted(ResourceType::kCluster) == std::vector<std::string>{"*"});
  world.Send(ResourceType::kCluster, {});
  const uint16_t port = DynamicWorld::FreePort();
  Serve(world, port);
  CHECK(world.Body(port) == "on");
  CHECK(world.Stat("runtime.num_layers") == 2);
  CHECK(world.Admin("/runtime").find("\"rt\"") != std::string::npos);

  // A kept connection sees what changes.
  harness::Client kept = world.Connect(port);
  CHECK(kept.Get("/").body == "on");
  CHECK(world.Send(ResourceType::kRuntime, {{"rt", Values("rt", "{share: 0}")}}, {}, "2").empty());
  CHECK(kept.Get("/").body == "off");
  CHECK(world.Admin("/config_journal").find("runtime layer") != std::string::npos);
}

TEST_CASE("what is wrong is refused, and the values before it stay") {
  DynamicWorld world(MakeSetup({Layer("rt")}));
  CHECK(world.Send(ResourceType::kRuntime, {{"rt", Values("rt", "{a: 1}")}}).empty());
  const auto errors = world.Send(ResourceType::kRuntime, {{"rt", Values("rt", "{a: [1]}")}});
  REQUIRE(errors.size() == 1);
  CHECK(errors[0] == "rt: layer[\"a\"]: Invalid runtime entry value for a");
  CHECK(world.Stat("runtime.num_keys") == 1);
  CHECK(world.Admin("/runtime").find("\"final_value\": \"1\"") != std::string::npos);
}

TEST_CASE("a layer that the source takes away is empty, and what it hid shows again") {
  DynamicWorld world(MakeSetup({"{name: base, static_layer: {a: 7}}", Layer("rt")}));
  world.Send(ResourceType::kRuntime, {{"rt", Values("rt", "{a: 1, b: 2}")}});
  CHECK(world.Stat("runtime.num_keys") == 2);
  world.Send(ResourceType::kRuntime, {}, {"rt"});
  CHECK(world.Stat("runtime.num_keys") == 1);
  CHECK(world.Stat("runtime.num_layers") == 2);
  CHECK(world.Admin("/runtime").find("\"final_value\": \"7\"") != std::string::npos);
}

TEST_CASE("first values that are refused are not waited for") {
  DynamicWorld world(MakeSetup({Layer("rt")}));
  CHECK(world.Wanted(ResourceType::kCluster).empty());
  CHECK(world.Send(ResourceType::kRuntime, {{"rt", Values("rt", "{a: null}")}}).size() == 1);
  CHECK(world.Wanted(ResourceType::kCluster) == std::vector<std::string>{"*"});
  CHECK(world.Stat("runtime.num_layers") == 1);
}

TEST_CASE("a layer that is refused does not speak for the others") {
  DynamicWorld world(MakeSetup({Layer("first"), Layer("second")}));
  CHECK(world.Send(ResourceType::kRuntime, {{"first", Values("first", "{a: null}")}}).size() == 1);
  CHECK(world.Wanted(ResourceType::kCluster).empty());
  CHECK(world.Send(ResourceType::kRuntime, {{"second", Values("second", "{a: 1}")}}).empty());
  CHECK(world.Wanted(ResourceType::kCluster) == std::vector<std::string>{"*"});
  CHECK(world.Stat("runtime.num_layers") == 2);
}

TEST_CASE("first values that never come are given up") {
  DynamicWorld world(MakeSetup({Layer("first"), Layer("second")}));
  CHECK(world.Wanted(ResourceType::kCluster).empty());
  world.TimeOut(ResourceType::kRuntime);
  CHECK(world.Wanted(ResourceType::kCluster) == std::vector<std::string>{"*"});
  CHECK(world.Stat("runtime.num_layers") == 2);
}

}  // namespace
}  // namespace remora::discovery
