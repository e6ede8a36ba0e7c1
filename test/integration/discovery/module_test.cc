// Loadable filters in a whole server: calls to clusters, and modules that are replaced by an update
// while requests are under way.

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "test/fakes/folder.h"
#include "test/integration/discovery/dynamic_world.h"

namespace remora::discovery {
namespace {

using harness::Message;
using harness::ScriptedUpstream;
using harness::Wire;

constexpr char kFolder[] = "test/extensions/http_filters/dynamic_modules/modules/";
constexpr char kPackage[] = "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.";

std::string Struct(const std::string& fields) {
  return absl::StrCat("{\"@type\": type.googleapis.com/google.protobuf.Struct, value: {", fields,
                      "}}");
}

// The contract module of that file.
std::string Filter(const std::string& path, const std::string& mode) {
  return absl::StrCat(
      "{name: m, typed_config: {\"@type\": ", kPackage,
      "DynamicModuleFilter, dynamic_module_config: {module: {local: {filename: ", path,
      "}}}, filter_name: contract, filter_config: ", Struct("mode: \"" + mode + "\""), "}}");
}

std::string ForRoute(const std::string& path, const std::string& text) {
  return absl::StrCat(", typed_per_filter_config: {m: {\"@type\": ", kPackage,
                      "DynamicModuleFilterPerRoute, dynamic_module_config: {module: {local: "
                      "{filename: ",
                      path, "}}}, per_route_config_name: contract, filter_config: ",
                      Struct("text: \"" + text + "\""), "}}");
}

// How many versions of the module are in this process's memory.
size_t Loaded(const std::string& name) {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  size_t count = 0;
  while (std::getline(maps, line)) {
    const bool first = line.find(" 00000000 ") != std::string::npos;
    if (first && line.find("/memfd:" + name) != std::string::npos) ++count;
  }
  return count;
}

void AwaitLoaded(const std::string& name, size_t count) {
  event::RealClock clock;
  const event::TimePoint limit = clock.Now() + 30 * event::kSecond;
  while (Loaded(name) != count) {
    if (clock.Now() > limit) FAIL("still loaded: " << Loaded(name));
    std::this_thread::yield();
  }
}

// A server with that filter in front of the cluster `up`, and a cluster `side` that it may call.
struct World {
  explicit World(const std::string& filter, const std::string& route = "")
      : port(DynamicWorld::FreePort()), world(MakeSetup(filter, route)) {
    world.Send(ResourceType::kCluster, {});
  }
  DynamicWorld::Setup MakeSetup(const std::string& filter, const std::string& route) const {
    DynamicWorld::Setup setup;
    setup.clusters = {StaticCluster("up", {Host(up)}), StaticCluster("side", {Host(side)})};
    std::string to = To("up");
    to.insert(to.size() - 1, route);
    setup.listeners = {Listener("l", port, {Chain(Routes("r", {to}), "", filter)})};
    return setup;
  }

  ScriptedUpstream up;
  ScriptedUpstream side;
  uint16_t port;
  DynamicWorld world;
};

// Answers with the field `name` of the request.
void Echo(ScriptedUpstream& upstream, const std::string& name) {
  upstream.Run([name](const Message& request) {
    return ScriptedUpstream::Answer{harness::MakeResponse(200, std::string(request.Get(name)))};
  });
}

TEST_CASE("modules: a call with a body, answered by another cluster") {
  World w(Filter(std::string(kFolder) + "libcontract.so", "call"));
  Echo(w.up, "x-answer");
  w.side.Respond(202, "answer");
  CHECK(w.world.Body(w.port) == "202 answer");
  const harness::Message call = w.side.requests().at(0);
  CHECK(call.method == "POST");
  CHECK(call.target == "/ask");
  CHECK(call.body == "question");
  CHECK(call.Get("host") == "side");
  CHECK(call.Get("x-from") == "contract");
}

TEST_CASE("modules: a client that goes cancels the call") {
  World w(Filter(std::string(kFolder) + "libcontract.so", "call"));
  auto client = w.world.Connect(w.port);
  client.Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  Wire call = w.side.Accept();
  call.ReceiveRequest();
  client.Reset();
  w.world.AwaitStat("cluster.side.upstream_rq_active", 0);
  CHECK(call.ReceiveAll().empty());
  CHECK(w.up.requests().empty());
  w.world.AwaitStat("http.in.contract.active", 0);
  CHECK(w.world.Stat("http.in.dynamic_modules.misused") == 0);
}

TEST_CASE("modules: a route's configuration") {
  const std::string path = std::string(kFolder) + "libcontract.so";
  World w(Filter(path, ""), ForRoute(path, "here"));
  Echo(w.up, "x-route");
  CHECK(w.world.Body(w.port) == "here/1");
}

TEST_CASE("modules: replaced under traffic, the old one goes with its last request") {
  fakes::Folder folder;
  const std::string path = folder.At("libreplaced.so");
  const auto put = [&](const std::string& of) {
    std::filesystem::copy_file(kFolder + of, path + ".new");
    std::filesystem::rename(path + ".new", path);
  };
  const auto listener = [&](uint16_t port, const std::string& mode) {
    return Listener("l", port, {Chain(Routes("r", {To("up")}), "", Filter(path, mode))});
  };
  put("libcontract.so");
  const uint16_t port = DynamicWorld::FreePort();
  ScriptedUpstream up;
  up.Respond(200, "served");
  // What was replaced goes after the drain time.
  DynamicWorld world(
      {.clusters = {StaticCluster("up", {Host(up)})}, .drain_time = 3 * event::kSecond});
  world.Send(ResourceType::kCluster, {});
  // The server keeps its first listeners: they have another file.
  const std::string first = Filter(std::string(kFolder) + "libcontract.so", "");
  world.Send(ResourceType::kListener,
             {{"l", Listener("l", port, {Chain(Routes("r", {To("up")}), "", first)})}}, {}, "0");
  REQUIRE(world.Send(ResourceType::kListener, {{"l", listener(port, "one")}}).empty());

  // One that is under way all the while.
  auto held = world.Connect(port);
  held.Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n");
  world.AwaitStat("http.in.downstream_rq_total", 1);

  std::atomic<int> wrong = 0;
  std::set<std::string> versions;  // the client's until it has ended
  std::jthread traffic([&](const std::stop_token& stop) {
    auto client = world.Connect(port);
    while (!stop.stop_requested()) {
      const Message answer = client.Get("/");
      if (answer.status != 200) ++wrong;
      versions.insert(std::string(answer.Get("x-version")));
      if (answer.Get("connection") == "close") client = world.Connect(port);
    }
  });
  put("libcontract_2.so");
  REQUIRE(world.Send(ResourceType::kListener, {{"l", listener(port, "two")}}, {}, "2").empty());
  CHECK(world.Connect(port).Get("/").Get("x-version") == "2");
  CHECK(Loaded("libreplaced.so") == 2);
  held.Send("x");
  CHECK(held.ReceiveResponse().Get("x-version") == "1");
  held.Close();
  traffic.request_stop();
  traffic.join();
  CHECK(wrong == 0);
  CHECK(versions.contains("1"));
  AwaitLoaded("libreplaced.so", 1);

  put("libno_symbol.so");
  const std::vector<std::string> refused =
      world.Send(ResourceType::kListener, {{"l", listener(port, "three")}}, {}, "3");
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].find("http_filters[0].typed_config.dynamic_module_config: ") !=
        std::string::npos);
  CHECK(refused[0].find("has no symbol remora_filter_init") != std::string::npos);
  CHECK(world.Connect(port).Get("/").Get("x-version") == "2");
}

}  // namespace
}  // namespace remora::discovery
