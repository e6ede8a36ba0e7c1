// Virtual hosts that come from a source of their own, and when requests need them.

#include <algorithm>
#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "test/integration/discovery/dynamic_world.h"

namespace remora::discovery {
namespace {

constexpr char kOnDemand[] =
    "{name: on_demand, typed_config: {\"@type\": "
    "type.googleapis.com/envoy.extensions.filters.http.on_demand.v3.OnDemand}}";

std::string VirtualHost(const std::string& name, const std::string& text) {
  return absl::StrCat("{name: ", name, ", domains: [", name, "], routes: [", Says(text), "]}");
}

// A table with a virtual host of its own.
std::string Table(const std::string& name, const std::string& own = "own") {
  return absl::StrCat("{name: ", name, ", vhds: {config_source: ", kAds, "}, virtual_hosts: [",
                      VirtualHost(own, own), "]}");
}

struct World {
  explicit World(const std::string& filter = kOnDemand)
      : port(DynamicWorld::FreePort()),
        world({.listeners = {Listener("in", port, {RdsChain("r", "", filter)})},
               .lds = false,
               .ads_type = "DELTA_GRPC"}) {
    world.Send(ResourceType::kRoutes, {{"r", Table("r")}});
  }
  void SendHosts(const DynamicWorld::Resources& hosts,
                 const std::vector<std::string>& removed = {}) {
    CHECK(world.Send(ResourceType::kVirtualHosts, hosts, removed).empty());
  }
  static std::string Request(const std::string& host) {
    return absl::StrCat("GET / HTTP/1.1\r\nHost: ", host, "\r\n\r\n");
  }
  harness::Message Get(const std::string& host) {
    harness::Client client = world.Connect(port);
    client.Send(Request(host));
    return client.ReceiveResponse();
  }
  // A request that waits; the source has heard of it.
  harness::Client Ask(const std::string& host, const std::string& name) {
    harness::Client client = world.Connect(port);
    client.Send(Request(host));
    AwaitWanted(name, true);
    return client;
  }
  void AwaitWanted(const std::string& name, bool wanted) {
    for (int i = 0; i < 2000; ++i) {
      const std::vector<std::string> names = world.Wanted(ResourceType::kVirtualHosts);
      if ((std::find(names.begin(), names.end(), name) != names.end()) == wanted) return;
    }
    throw harness::WireError("nobody asks for " + name);
  }

  uint16_t port;
  DynamicWorld world;
};

TEST_CASE("VHDS: a table has its own virtual hosts and those of the source") {
  World w("");
  CHECK(w.world.Admin("/init_dump").find("target VHDS r") != std::string::npos);
  CHECK_THROWS(w.world.Connect(w.port));  // it does not listen yet
  w.SendHosts({{"r/a", VirtualHost("a", "one")}, {"other/b", VirtualHost("b", "no")}});
  CHECK(w.Get("own").body == "own");
  CHECK(w.Get("a").body == "one");
  CHECK(w.Get("b").status == 404);
  CHECK(w.world.Stat("http.in.vhds.r.config_reload") == 1);
  w.SendHosts({{"r/a", VirtualHost("a", "two")}, {"r/c", VirtualHost("c", "three")}});
  CHECK(w.Get("a").body == "two");
  CHECK(w.Get("c").body == "three");
  // Another version of the table keeps them.
  w.world.Send(ResourceType::kRoutes, {{"r", Table("r", "mine")}}, {}, "2");
  CHECK(w.Get("own").status == 404);
  CHECK(w.Get("mine").body == "mine");
  CHECK(w.Get("a").body == "two");
  w.SendHosts({}, {"r/a"});
  CHECK(w.Get("a").status == 404);
  CHECK(w.Get("c").body == "three");
  // One that has no source of hosts has only its own.
  w.world.Send(ResourceType::kRoutes, {{"r", Routes("r", {Says("all")})}}, {}, "3");
  CHECK(w.Get("c").body == "all");
  CHECK(w.world.Wanted(ResourceType::kVirtualHosts).empty());
}

TEST_CASE("VHDS: a host that is wrong is refused by itself") {
  World w("");
  const std::vector<std::string> errors = w.world.Send(
      ResourceType::kVirtualHosts, {{"r/a", VirtualHost("a", "one")},
                                    {"r/bad", "{name: bad, domains: [own], routes: []}"},
                                    {"r/c", VirtualHost("c", "three")}});
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].starts_with("r/bad: "));
  CHECK(w.Get("a").body == "one");
  CHECK(w.Get("own").body == "own");
  CHECK(w.Get("c").body == "three");
}

TEST_CASE("VHDS: a request waits for its host") {
  World w;
  w.SendHosts({});
  CHECK(w.world.Wanted(ResourceType::kVirtualHosts) == std::vector<std::string>{"*"});
  harness::Client client = w.Ask("Late", "r/late");
  harness::Client second = w.Ask("late", "r/late");
  w.SendHosts({{"r/late", VirtualHost("late", "here")}});
  CHECK(client.ReceiveResponse().body == "here");
  CHECK(second.ReceiveResponse().body == "here");
  client.Send(World::Request("late"));
  CHECK(client.ReceiveResponse().body == "here");
}

TEST_CASE("VHDS: a host that there is not is 404") {
  World w;
  w.SendHosts({});
  harness::Client none = w.Ask("none", "r/none");
  w.SendHosts({}, {"r/none"});
  CHECK(none.ReceiveResponse().status == 404);
  w.AwaitWanted("r/none", false);
  harness::Client silent = w.Ask("silent", "r/silent");
  w.world.TimeOut(ResourceType::kVirtualHosts);
  CHECK(silent.ReceiveResponse().status == 404);
  w.AwaitWanted("r/silent", false);
  // What was asked for in vain can be asked for again.
  harness::Client again = w.Ask("none", "r/none");
  w.SendHosts({{"r/none", VirtualHost("none", "now")}});
  CHECK(again.ReceiveResponse().body == "now");
  // A request that ends while it waits, and what cannot be a host.
  {
    harness::Client gone = w.Ask("gone", "r/gone");
  }
  w.SendHosts({{"r/gone", VirtualHost("gone", "late")}});
  CHECK(w.Get("gone").body == "late");
  // Nobody answers those who wait for a source that the table does not name any more.
  harness::Client waits = w.Ask("waits", "r/waits");
  w.world.Send(ResourceType::kRoutes, {{"r", Routes("r", {Says("all")})}}, {}, "2");
  CHECK(waits.ReceiveResponse().body == "all");
  w.world.Send(ResourceType::kRoutes, {{"r", Table("r")}}, {}, "3");
  CHECK(w.Get(std::string(1025, 'a')).status == 404);
  CHECK(w.world.Stat("http.in.vhds.r.overflow") == 1);
}

}  // namespace
}  // namespace remora::discovery
