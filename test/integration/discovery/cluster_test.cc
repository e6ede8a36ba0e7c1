// Clusters and endpoints that come, change and go while requests are in flight.

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "test/integration/discovery/dynamic_world.h"

namespace remora::discovery {
namespace {

using harness::ScriptedUpstream;
using harness::Wire;

// A listener of the bootstrap with routes to clusters that may come later.
struct World {
  explicit World(const std::vector<std::string>& clusters = {}, size_t workers = 2)
      : port(DynamicWorld::FreePort()), world({clusters, {Main(port)}, workers}) {}

  static std::string Main(uint16_t port) {
    std::string routes = Routes("r", {To("a", "/a"), To("b", "/b")});
    routes.insert(1, "validate_clusters: false, ");
    return Listener("main", port, {Chain(routes)});
  }

  uint16_t port;
  DynamicWorld world;
};

TEST_CASE("a cluster comes, changes and goes") {
  World w;
  ScriptedUpstream first;
  first.Respond(200, "first");
  ScriptedUpstream second;
  second.Respond(200, "second");
  REQUIRE(w.world.Send(ResourceType::kCluster, {}).empty());
  w.world.AwaitStat("cluster_manager.active_clusters", 1);
  CHECK(w.world.Status(w.port, "/a") == 503);

  CHECK(w.world.Send(ResourceType::kCluster, {{"a", StaticCluster("a", {Host(first)})}}).empty());
  CHECK(w.world.Body(w.port, "/a") == "first");
  CHECK(w.world.Stat("cluster_manager.cluster_added") == 2);
  CHECK(w.world.Stat("cluster_manager.active_clusters") == 2);
  CHECK(w.world.Stat("cluster.a.membership_total") == 1);
  CHECK(w.world.Admin("/clusters").find("a::added_via_api::true") != std::string::npos);

  CHECK(w.world.Send(ResourceType::kCluster, {{"a", StaticCluster("a", {Host(second)})}}).empty());
  CHECK(w.world.Body(w.port, "/a") == "second");
  CHECK(w.world.Stat("cluster_manager.cluster_modified") == 1);

  CHECK(w.world.Send(ResourceType::kCluster, {}, {"a"}).empty());
  CHECK(w.world.Status(w.port, "/a") == 503);
  CHECK(w.world.Stat("cluster_manager.cluster_removed") == 1);
  CHECK(w.world.Stat("cluster_manager.active_clusters") == 1);
  CHECK_FALSE(w.world.HasStat("cluster.a.upstream_rq_total"));
}

TEST_CASE("what is in flight on a cluster that goes, or changes, ends in peace") {
  World w;
  ScriptedUpstream upstream;
  w.world.Send(ResourceType::kCluster, {{"a", StaticCluster("a", {Host(upstream)})},
                                        {"b", StaticCluster("b", {Host(upstream)})}});
  harness::Client on_a = w.world.Connect(w.port);
  on_a.Send(harness::MakeRequest("GET", "/a"));
  Wire a = upstream.Accept();
  CHECK(a.ReceiveRequest().target == "/a");
  harness::Client on_b = w.world.Connect(w.port);
  on_b.Send(harness::MakeRequest("GET", "/b"));
  Wire b = upstream.Accept();
  CHECK(b.ReceiveRequest().target == "/b");

  w.world.Send(ResourceType::kCluster,
               {{"b", StaticCluster("b", {Host(upstream)}, "connect_timeout: 7s")}}, {"a"});
  CHECK(w.world.Status(w.port, "/a") == 503);
  a.Send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate");
  b.Send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate");
  CHECK(on_a.ReceiveResponse().body == "late");
  CHECK(on_b.ReceiveResponse().body == "late");
  // Their connections served them alone.
  a.AwaitEnd();
  b.AwaitEnd();
}

TEST_CASE("a bad cluster is refused by name, the good ones of the same answer are used") {
  World w;
  ScriptedUpstream upstream;
  upstream.Respond(200, "hi");
  w.world.Send(ResourceType::kCluster, {{"a", StaticCluster("a", {Host(upstream)})}});
  const auto errors = w.world.Send(
      ResourceType::kCluster,
      {{"a", StaticCluster("a", {"{endpoint: {address: {socket_address: {address: nowhere, "
                                 "port_value: 1}}}}"})},
       {"b", StaticCluster("b", {Host(upstream)})}},
      {}, "2");
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].starts_with(
      "a: load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address: "
      "malformed IP address: nowhere"));
  CHECK(w.world.Body(w.port, "/b") == "hi");
  // It keeps its last good version.
  CHECK(w.world.Body(w.port, "/a") == "hi");

  const std::string dump = w.world.Admin("/config_dump?resource=dynamic_active_clusters");
  CHECK(dump.find("\"client_status\": \"NACKED\"") != std::string::npos);
  CHECK(dump.find("malformed IP address: nowhere") != std::string::npos);
  CHECK(dump.find("\"version_info\": \"2\"") != std::string::npos);
  const std::string journal = w.world.Admin("/config_journal");
  CHECK(journal.find("\"type\": \"cluster\"") != std::string::npos);
  CHECK(journal.find("\"reason\": \"load_assignment.endpoints[0]") != std::string::npos);
}

TEST_CASE("a cluster of the bootstrap is not the source's") {
  ScriptedUpstream upstream;
  upstream.Respond(200, "static");
  World w({StaticCluster("a", {Host(upstream)})});
  CHECK(w.world.Send(ResourceType::kCluster, {{"a", StaticCluster("a", {})}}).empty());
  CHECK(w.world.Body(w.port, "/a") == "static");
}

// --- EDS ---

TEST_CASE("a cluster warms until its endpoints are there") {
  World w;
  ScriptedUpstream upstream;
  upstream.Respond(200, "hi");
  w.world.Send(ResourceType::kCluster, {{"a", EdsCluster("a", "service_name: s")}});
  CHECK(w.world.Wanted(ResourceType::kEndpoints) == std::vector<std::string>{"s"});
  CHECK(w.world.Stat("cluster_manager.warming_clusters") == 1);
  CHECK(w.world.Admin("/init_dump").find("target EDS s") != std::string::npos);
  CHECK(w.world.Admin("/config_dump?resource=dynamic_warming_clusters").find("\"a\"") !=
        std::string::npos);
  CHECK(w.world.Send(ResourceType::kEndpoints, {{"s", Assignment("s", {Host(upstream)})}}).empty());
  CHECK(w.world.Stat("cluster_manager.warming_clusters") == 0);
  CHECK(w.world.Body(w.port, "/a") == "hi");
  CHECK(w.world.Admin("/clusters").find("a::eds_service_name::s") != std::string::npos);
  CHECK(w.world.Admin("/config_dump?include_eds").find("dynamic_endpoint_configs") !=
        std::string::npos);
}

TEST_CASE("a cluster goes on without endpoints when the source says nothing of them") {
  World w;
  w.world.Send(ResourceType::kCluster, {{"a", EdsCluster("a")}});
  w.world.TimeOut(ResourceType::kEndpoints);
  CHECK(w.world.Stat("cluster_manager.warming_clusters") == 0);
  CHECK(w.world.Stat("cluster_manager.active_clusters") == 2);
  CHECK(w.world.Status(w.port, "/a") == 503);
  CHECK(w.world.Stat("cluster.a.upstream_cx_none_healthy") == 1);
}

TEST_CASE("a change of the endpoints keeps the connections of those that stay") {
  World w({}, 1);
  DynamicWorld& world = w.world;
  const uint16_t port = w.port;
  ScriptedUpstream stays;
  stays.Respond(200, "stays");
  ScriptedUpstream goes;
  world.Send(ResourceType::kCluster, {{"a", EdsCluster("a")}});
  world.Send(ResourceType::kEndpoints, {{"a", Assignment("a", {Host(stays)})}});
  CHECK(world.Body(port, "/a") == "stays");
  world.Send(ResourceType::kEndpoints, {{"a", Assignment("a", {Host(stays), Host(goes)})}});
  CHECK(world.Stat("cluster.a.membership_total") == 2);
  // In turn: one of two requests goes there, and waits.
  harness::Client one = world.Connect(port);
  one.Send(harness::MakeRequest("GET", "/a"));
  harness::Client two = world.Connect(port);
  two.Send(harness::MakeRequest("GET", "/a"));
  Wire in_flight = goes.Accept();
  in_flight.ReceiveRequest();
  world.AwaitStat("cluster.a.upstream_rq_active", 1);  // the other one is answered

  // Only weight and health differ: the same host.
  world.Send(ResourceType::kEndpoints,
             {{"a", Assignment("a", {Host(stays, "load_balancing_weight: 5")})}});
  CHECK(world.Stat("cluster.a.membership_total") == 1);
  CHECK(world.Stat("cluster.a.membership_change") == 3);
  CHECK(world.Body(port, "/a") == "stays");
  CHECK(stays.connections() == 1);
  // What is on its way to the host that left comes back.
  in_flight.Send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngoes");
  const std::string bodies = one.ReceiveResponse().body + two.ReceiveResponse().body;
  CHECK((bodies == "staysgoes" || bodies == "goesstays"));
  in_flight.AwaitEnd();
}

TEST_CASE("endpoints that are wrong are refused, and the last good ones stay") {
  World w;
  ScriptedUpstream upstream;
  upstream.Respond(200, "hi");
  w.world.Send(ResourceType::kCluster, {{"a", EdsCluster("a")}});
  w.world.Send(ResourceType::kEndpoints, {{"a", Assignment("a", {Host(upstream)})}});
  const auto errors =
      w.world.Send(ResourceType::kEndpoints,
                   {{"a", "{cluster_name: a, endpoints: [{priority: 1, lb_endpoints: []}]}"}});
  REQUIRE(errors.size() == 1);
  CHECK(errors[0] ==
        "a: endpoints[0].priority: not supported by this version of Remora: there is one priority "
        "level (1)");
  CHECK(w.world.Body(w.port, "/a") == "hi");
}

TEST_CASE("a cluster that is announced again has its endpoints at once") {
  World w;
  ScriptedUpstream upstream;
  upstream.Respond(200, "hi");
  w.world.Send(ResourceType::kCluster, {{"a", EdsCluster("a")}});
  w.world.Send(ResourceType::kEndpoints, {{"a", Assignment("a", {Host(upstream)})}});
  CHECK(
      w.world
          .Send(ResourceType::kCluster, {{"a", EdsCluster("a").insert(1, "connect_timeout: 3s, ")}})
          .empty());
  CHECK(w.world.Stat("cluster_manager.warming_clusters") == 0);
  CHECK(w.world.Body(w.port, "/a") == "hi");
  // From another service it has to be told: until then the version before serves.
  w.world.Send(ResourceType::kCluster, {{"a", EdsCluster("a", "service_name: other")}});
  CHECK(w.world.Stat("cluster_manager.warming_clusters") == 1);
  CHECK(w.world.Body(w.port, "/a") == "hi");
  w.world.Send(ResourceType::kEndpoints, {{"other", Assignment("other", {})}});
  CHECK(w.world.Status(w.port, "/a") == 503);
}

TEST_CASE("several clusters have the endpoints of one service") {
  World w;
  ScriptedUpstream upstream;
  upstream.Respond(200, "hi");
  w.world.Send(ResourceType::kCluster, {{"a", EdsCluster("a", "service_name: s")},
                                        {"b", EdsCluster("b", "service_name: s")}});
  w.world.Send(ResourceType::kEndpoints, {{"s", Assignment("s", {Host(upstream)})}});
  CHECK(w.world.Body(w.port, "/a") == "hi");
  CHECK(w.world.Body(w.port, "/b") == "hi");
}

TEST_CASE("a cluster of the bootstrap may have its endpoints from the source") {
  World w({EdsCluster("a")});
  ScriptedUpstream upstream;
  upstream.Respond(200, "hi");
  CHECK(w.world.Admin("/ready").starts_with("PRE_INITIALIZING\n"));
  w.world.Send(ResourceType::kEndpoints, {{"a", Assignment("a", {Host(upstream)})}});
  CHECK(w.world.Body(w.port, "/a") == "hi");
  CHECK(w.world.Admin("/ready").starts_with("INITIALIZING\n"));
  w.world.Send(ResourceType::kCluster, {});
  w.world.Send(ResourceType::kListener, {});
  CHECK(w.world.Admin("/ready") == "LIVE\n");
}

}  // namespace
}  // namespace remora::discovery
