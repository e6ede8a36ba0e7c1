// Clusters that are asked for when a request needs them.

#include <algorithm>
#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "test/integration/discovery/dynamic_world.h"

namespace remora::discovery {
namespace {

using harness::ScriptedUpstream;

std::string OnDemand(const std::string& timeout = "20s") {
  return absl::StrCat(
      "{name: on_demand, typed_config: {\"@type\": "
      "type.googleapis.com/envoy.extensions.filters.http.on_demand.v3.OnDemand, odcds: {source: ",
      kAds, ", timeout: ", timeout, "}}}");
}

constexpr char kByHeader[] = "{match: {prefix: \"/\"}, route: {cluster_header: x-cluster}}";

struct World {
  explicit World(const std::string& route, const std::string& timeout = "20s")
      : port(DynamicWorld::FreePort()),
        world({.listeners = {Main(port, route, timeout)}, .lds = false, .ads_type = "DELTA_GRPC"}) {
    world.Send(ResourceType::kCluster, {});  // it listens
  }
  static std::string Main(uint16_t port, const std::string& route, const std::string& timeout) {
    std::string routes = Routes("r", {route});
    routes.insert(1, "validate_clusters: false, ");
    return Listener("in", port, {Chain(routes, "", OnDemand(timeout))});
  }
  // Sends a request that will wait, and waits until the source has heard of it.
  harness::Client Ask(const std::string& cluster) {
    harness::Client client = world.Connect(port);
    client.Send(absl::StrCat("GET / HTTP/1.1\r\nHost: a\r\nx-cluster: ", cluster, "\r\n\r\n"));
    AwaitWanted(cluster, true);
    return client;
  }
  void AwaitWanted(const std::string& name, bool wanted) {
    for (int i = 0; i < 2000; ++i) {
      const std::vector<std::string> names = world.Wanted(ResourceType::kCluster);
      if ((std::find(names.begin(), names.end(), name) != names.end()) == wanted) return;
    }
    throw harness::WireError("nobody asks for " + name);
  }

  uint16_t port;
  DynamicWorld world;
};

TEST_CASE("On demand: a request brings its cluster, which later ones find") {
  ScriptedUpstream upstream;
  upstream.Respond(200, "hi");
  World w(kByHeader);
  harness::Client first = w.Ask("up");
  harness::Client second = w.Ask("up");
  CHECK(w.world.Send(ResourceType::kCluster, {{"up", StaticCluster("up", {Host(upstream)})}})
            .empty());
  CHECK(first.ReceiveResponse().status == 200);
  CHECK(second.ReceiveResponse().status == 200);
  // It was told to the source of all clusters too, and is one cluster.
  CHECK(w.world.Stat("cluster_manager.cluster_added") == 2);  // with the bootstrap's
  CHECK(w.world.Stat("cluster_manager.cluster_modified") == 0);
  CHECK(w.world.Admin("/config_dump").find("\"version_info\": \"1\"") != std::string::npos);
  first.Send("GET / HTTP/1.1\r\nHost: a\r\nx-cluster: up\r\n\r\n");
  CHECK(first.ReceiveResponse().status == 200);
  // What the source takes away can be asked for again.
  w.world.Send(ResourceType::kCluster, {}, {"up"});
  w.AwaitWanted("up", false);
  harness::Client third = w.Ask("up");
  w.world.Send(ResourceType::kCluster, {{"up", StaticCluster("up", {Host(upstream)})}});
  CHECK(third.ReceiveResponse().status == 200);
}

TEST_CASE("On demand: what there is not, and what is refused, is 503") {
  World w(kByHeader);
  harness::Client none = w.Ask("none");
  w.world.Send(ResourceType::kCluster, {}, {"none"});
  CHECK(none.ReceiveResponse().status == 503);
  w.AwaitWanted("none", false);
  harness::Client wrong = w.Ask("wrong");
  CHECK(w.world
            .Send(ResourceType::kCluster,
                  {{"wrong", StaticCluster("wrong", {}, "connect_timeout: -1s")}})
            .size() >= 1);
  CHECK(wrong.ReceiveResponse().status == 503);
  harness::Client silent = w.Ask("silent");
  w.world.TimeOut(ResourceType::kCluster);
  CHECK(silent.ReceiveResponse().status == 503);
  w.AwaitWanted("silent", false);
}

TEST_CASE("On demand: a request waits for the endpoints of its cluster, but not for ever") {
  ScriptedUpstream upstream;
  upstream.Respond(200, "hi");
  World w(To("eds"));
  harness::Client client = w.world.Connect(w.port);
  client.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  w.AwaitWanted("eds", true);
  w.world.Send(ResourceType::kCluster, {{"eds", EdsCluster("eds")}});
  w.world.Send(ResourceType::kEndpoints, {{"eds", Assignment("eds", {Host(upstream)})}});
  CHECK(client.ReceiveResponse().status == 200);
  World impatient(To("never"), "0.05s");
  CHECK(impatient.world.Status(impatient.port) == 503);
}

TEST_CASE("On demand: what requests say is not asked for without bound") {
  World w(kByHeader, "0.2s");
  const auto status = [&w](const std::string& cluster) {
    harness::Client client = w.world.Connect(w.port);
    client.Send(absl::StrCat("GET / HTTP/1.1\r\nHost: a\r\nx-cluster: ", cluster, "\r\n\r\n"));
    return client.ReceiveResponse().status;
  };
  // The wildcard, a locator, what is no UTF-8, and what is too long.
  for (const std::string& name : {std::string("*"), std::string("xdstp://a/b"),
                                  std::string("\xff\xfe"), std::string(1025, 'a')}) {
    CHECK(status(name) == 503);
  }
  CHECK(w.world.Stat("cluster_manager.odcds.overflow") == 4);
  for (int i = 0; i < 1001; ++i) {
    harness::Client one = w.world.Connect(w.port);
    one.Send(absl::StrCat("GET / HTTP/1.1\r\nHost: a\r\nx-cluster: c", i, "\r\n\r\n"));
    if (i == 1000) CHECK(one.ReceiveResponse().status == 503);
  }
  w.world.AwaitStat("cluster_manager.odcds.overflow", 5);
  // When the source has given up there is room again.
  w.world.TimeOut(ResourceType::kCluster);
  CHECK(w.world.Wanted(ResourceType::kCluster) == std::vector<std::string>{"*"});
  w.Ask("later");
}

}  // namespace
}  // namespace remora::discovery
