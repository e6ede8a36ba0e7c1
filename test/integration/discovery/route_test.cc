// Route tables that are swapped while requests are in flight.

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "test/integration/discovery/dynamic_world.h"

namespace remora::discovery {
namespace {

using harness::ScriptedUpstream;
using harness::Wire;

struct World {
  explicit World(const std::vector<std::string>& tables = {"r"}) : world(MakeSetup(tables)) {
    world.Send(ResourceType::kCluster, {{"up", StaticCluster("up", {Host(upstream)})}});
  }
  DynamicWorld::Setup MakeSetup(const std::vector<std::string>& tables) {
    DynamicWorld::Setup setup;
    for (const std::string& table : tables) {
      ports.push_back(DynamicWorld::FreePort());
      setup.listeners.push_back(
          Listener(absl::StrCat("l", ports.size()), ports.back(), {RdsChain(table)}));
    }
    return setup;
  }

  ScriptedUpstream upstream;
  std::vector<uint16_t> ports;
  DynamicWorld world;
};

TEST_CASE("a listener warms until its routes are there, and serves the newest") {
  World w;
  CHECK(w.world.Admin("/init_dump").find("target RDS r") != std::string::npos);
  CHECK_THROWS(w.world.Connect(w.ports[0]));  // it does not listen yet
  CHECK(w.world.Send(ResourceType::kRoutes, {{"r", Routes("r", {Says("one")})}}).empty());
  CHECK(w.world.Body(w.ports[0]) == "one");
  CHECK(w.world.Stat("http.in.rds.r.config_reload") == 1);

  harness::Client kept = w.world.Connect(w.ports[0]);
  CHECK(kept.Get("/").body == "one");
  CHECK(w.world.Send(ResourceType::kRoutes, {{"r", Routes("r", {Says("two")})}}, {}, "2").empty());
  // The next request on the same connection.
  CHECK(kept.Get("/").body == "two");
  const std::string dump = w.world.Admin("/config_dump?resource=dynamic_route_configs");
  CHECK(dump.find("\"version_info\": \"2\"") != std::string::npos);
  CHECK(dump.find("\"two\"") != std::string::npos);
}

TEST_CASE("a listener without routes answers 404 when the source says nothing") {
  World w;
  w.world.TimeOut(ResourceType::kRoutes);
  CHECK(w.world.Status(w.ports[0]) == 404);
  w.world.Send(ResourceType::kRoutes, {{"r", Routes("r", {Says("one")})}});
  CHECK(w.world.Body(w.ports[0]) == "one");
}

TEST_CASE("a listener whose first routes are refused waits for no better ones") {
  World w;
  CHECK(w.world.Send(ResourceType::kRoutes, {{"r", "{name: r, virtual_hosts: [{name: v}]}"}}) ==
        std::vector<std::string>{"r: virtual_hosts[0].domains: at least one item is required"});
  CHECK(w.world.Status(w.ports[0]) == 404);
  w.world.Send(ResourceType::kRoutes, {{"r", Routes("r", {Says("one")})}}, {}, "2");
  CHECK(w.world.Body(w.ports[0]) == "one");
}

TEST_CASE("a stream keeps the table that it matched") {
  World w;
  std::string route = To("up");
  route.insert(1, "response_headers_to_add: [{header: {key: x-table, value: old}}], ");
  w.world.Send(ResourceType::kRoutes, {{"r", Routes("r", {route})}});
  harness::Client client = w.world.Connect(w.ports[0]);
  client.Send(harness::MakeRequest("GET", "/"));
  Wire upstream = w.upstream.Accept();
  upstream.ReceiveRequest();
  for (int i = 0; i < 3; ++i) {
    w.world.Send(ResourceType::kRoutes, {{"r", Routes("r", {Says(absl::StrCat("new", i))})}});
  }
  CHECK(w.world.Body(w.ports[0]) == "new2");
  upstream.Send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
  const harness::Message response = client.ReceiveResponse();
  CHECK(response.body == "hi");
  CHECK(response.Get("x-table") == "old");
  CHECK(client.Get("/").body == "new2");
}

TEST_CASE("a wrong table is refused and the last good one stays") {
  World w;
  w.world.Send(ResourceType::kRoutes, {{"r", Routes("r", {Says("good")})}});
  const auto errors = w.world.Send(
      ResourceType::kRoutes,
      {{"r", "{name: r, virtual_hosts: [{name: a, domains: [x]}, {name: b, domains: [x]}]}"}});
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].find("Duplicate entry of domain x") != std::string::npos);
  CHECK(errors[0].find("virtual_hosts[1].domains") != std::string::npos);
  CHECK(w.world.Body(w.ports[0]) == "good");
  CHECK(w.world.Admin("/config_dump?resource=dynamic_route_configs").find("NACKED") !=
        std::string::npos);
}

TEST_CASE("routes to clusters that do not exist are good, unless they are to be checked") {
  World w;
  CHECK(w.world.Send(ResourceType::kRoutes, {{"r", Routes("r", {To("nowhere")})}}).empty());
  CHECK(w.world.Status(w.ports[0]) == 503);
  std::string checked = Routes("r", {To("nowhere")});
  checked.insert(1, "validate_clusters: true, ");
  const auto errors = w.world.Send(ResourceType::kRoutes, {{"r", checked}});
  REQUIRE(errors.size() == 1);
  CHECK(errors[0] ==
        "r: virtual_hosts[0].routes[0].route.cluster: route: unknown cluster 'nowhere'");
}

TEST_CASE("several listeners share a table") {
  World w({"r", "r"});
  CHECK(w.world.Wanted(ResourceType::kRoutes) == std::vector<std::string>{"r"});
  w.world.Send(ResourceType::kRoutes, {{"r", Routes("r", {Says("both")})}});
  CHECK(w.world.Body(w.ports[0]) == "both");
  CHECK(w.world.Body(w.ports[1]) == "both");
}

}  // namespace
}  // namespace remora::discovery
