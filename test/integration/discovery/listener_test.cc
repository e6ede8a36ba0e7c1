// Listeners that come, change and go while connections are open.

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "test/integration/discovery/dynamic_world.h"

namespace remora::discovery {
namespace {

using harness::ScriptedUpstream;
using harness::Wire;

// Clusters have been answered for: listeners are asked for.
struct World {
  explicit World(event::Duration drain_time = 600 * event::kSecond)
      : world({{}, {}, 2, drain_time}) {
    world.Send(ResourceType::kCluster, {});
  }
  std::vector<std::string> Put(const std::string& name, uint16_t port,
                               const std::vector<std::string>& chains,
                               const std::string& more = "") {
    return world.Send(ResourceType::kListener, {{name, Listener(name, port, chains, more)}});
  }

  DynamicWorld world;
  uint16_t port = DynamicWorld::FreePort();
};

std::string Answers(const std::string& text) { return Chain(Routes("r", {Says(text)})); }

// A chain for connections from that address alone.
std::string From(const std::string& address, const std::string& text) {
  return Chain(Routes("r", {Says(text)}),
               absl::StrCat("name: ", text,
                            ", filter_chain_match: {source_prefix_ranges: [{address_prefix: ",
                            address, ", prefix_len: 32}]}"));
}

TEST_CASE("a listener comes, changes and goes") {
  World w;
  CHECK(w.world.Admin("/ready").starts_with("INITIALIZING\n"));
  CHECK(w.Put("l", w.port, {Answers("one")}).empty());
  CHECK(w.world.Admin("/ready") == "LIVE\n");
  CHECK(w.world.Body(w.port) == "one");
  CHECK(w.world.Stat("listener_manager.listener_added") == 1);
  CHECK(w.world.Stat("listener_manager.total_listeners_active") == 1);
  CHECK(w.world.Admin("/listeners") == absl::StrCat("l::127.0.0.1:", w.port, "\n"));

  // The same once more changes nothing.
  CHECK(w.Put("l", w.port, {Answers("one")}).empty());
  CHECK(w.world.Stat("listener_manager.listener_modified") == 0);
  // Another table in the chain: another chain.
  CHECK(w.Put("l", w.port, {Answers("two")}).empty());
  CHECK(w.world.Body(w.port) == "two");
  CHECK(w.world.Stat("listener_manager.listener_modified") == 1);
  CHECK(w.world.Stat("listener_manager.listener_in_place_updated") == 1);
  // Something of the listener itself: another listener on the same sockets.
  CHECK(w.Put("l", w.port, {Answers("three")}, "per_connection_buffer_limit_bytes: 65536").empty());
  CHECK(w.world.Body(w.port) == "three");
  CHECK(w.world.Stat("listener_manager.listener_in_place_updated") == 1);

  CHECK(w.world.Send(ResourceType::kListener, {}, {"l"}).empty());
  CHECK(w.world.Stat("listener_manager.listener_removed") == 1);
  CHECK(w.world.Stat("listener_manager.total_listeners_active") == 0);
  CHECK(w.world.Admin("/listeners").empty());
  w.world.AwaitStat("listener_manager.total_listeners_draining", 0);
  CHECK_THROWS(w.world.Connect(w.port));
}

TEST_CASE("unchanged filter chains keep their connections, changed ones drain") {
  World w(0);  // every response of what drains is its connection's last
  CHECK(w.Put("l", w.port, {From("127.0.0.1", "one"), From("127.0.0.2", "two")}).empty());
  harness::Client one(harness::Connect(*net::Address::Ip("127.0.0.1", w.port), "127.0.0.1"));
  CHECK(one.Get("/").body == "one");
  CHECK(w.Put("l", w.port, {From("127.0.0.1", "one"), From("127.0.0.2", "new")}).empty());
  const harness::Message response = one.Get("/");
  CHECK(response.body == "one");
  CHECK_FALSE(response.Has("connection"));
  harness::Client two(harness::Connect(*net::Address::Ip("127.0.0.1", w.port), "127.0.0.2"));
  CHECK(two.Get("/").body == "new");
  CHECK(one.Get("/").body == "one");
}

TEST_CASE("what is in flight on a chain that leaves ends with connection: close") {
  World w(10 * event::kSecond);
  ScriptedUpstream upstream;
  w.world.Send(ResourceType::kCluster, {{"up", StaticCluster("up", {Host(upstream)})}});
  CHECK(w.Put("l", w.port, {Chain(Routes("r", {To("up")}))}).empty());
  harness::Client client = w.world.Connect(w.port);
  client.Send(harness::MakeRequest("GET", "/"));
  Wire in_flight = upstream.Accept();
  in_flight.ReceiveRequest();
  CHECK(w.Put("l", w.port, {Answers("new")}).empty());
  CHECK(w.world.Body(w.port) == "new");
  in_flight.Send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate");
  CHECK(client.ReceiveResponse().body == "late");
  CHECK(w.world.Stat("listener_manager.total_filter_chains_draining") == 1);
}

TEST_CASE("connections of a listener that was replaced end at the drain time") {
  World w(300 * event::kMillisecond);
  CHECK(w.Put("l", w.port, {Answers("old")}).empty());
  harness::Client idle = w.world.Connect(w.port);
  CHECK(idle.Get("/").body == "old");
  CHECK(w.Put("l", w.port, {Answers("new")}, "per_connection_buffer_limit_bytes: 65536").empty());
  CHECK(w.world.Stat("listener_manager.total_listeners_draining") == 1);
  CHECK(w.world.Body(w.port) == "new");
  idle.AwaitEnd();
  w.world.AwaitStat("listener_manager.total_listeners_draining", 0);
}

TEST_CASE("a port is never closed while its listener changes, or is another one of the address") {
  World w;
  CHECK(w.Put("l", w.port, {Answers("x")}).empty());
  std::atomic<bool> stop{false};
  std::atomic<int> failed{0};
  std::atomic<int> served{0};
  std::thread client([&] {
    while (!stop) {
      try {
        harness::Client connection(
            harness::Connect(*net::Address::Ip("127.0.0.1", w.port), "127.0.0.1"));
        if (connection.Get("/").status == 200) ++served;
      } catch (const std::exception&) {
        ++failed;
      }
    }
  });
  for (int i = 0; i < 20; ++i) {
    w.Put("l", w.port, {Answers("x")},
          absl::StrCat("per_connection_buffer_limit_bytes: ", 65536 + i));
    w.Put("l", w.port, {Answers(absl::StrCat("y", i))},
          absl::StrCat("per_connection_buffer_limit_bytes: ", 65536 + i));
  }
  // Another name, the same address, in one answer.
  w.world.Send(ResourceType::kListener, {{"m", Listener("m", w.port, {Answers("m")})}}, {"l"});
  CHECK(w.world.Body(w.port) == "m");
  stop = true;
  client.join();
  CHECK(served > 0);
  CHECK(failed == 0);
}

TEST_CASE("a new version warms while the old one serves") {
  World w;
  CHECK(w.Put("l", w.port, {Answers("old")}).empty());
  CHECK(w.Put("l", w.port, {RdsChain("r")}).empty());
  CHECK(w.world.Body(w.port) == "old");
  CHECK(w.world.Stat("listener_manager.total_listeners_warming") == 1);
  CHECK(w.world.Admin("/config_dump?resource=dynamic_listeners").find("warming_state") !=
        std::string::npos);
  w.world.Send(ResourceType::kRoutes, {{"r", Routes("r", {Says("new")})}});
  CHECK(w.world.Body(w.port) == "new");
  CHECK(w.world.Stat("listener_manager.total_listeners_warming") == 0);
  // Back to the old one before a third was warm: nothing of it stays.
  CHECK(w.Put("l", w.port, {RdsChain("never")}).empty());
  CHECK(w.Put("l", w.port, {RdsChain("r")}).empty());
  CHECK(w.world.Wanted(ResourceType::kRoutes) == std::vector<std::string>{"r"});
  CHECK(w.world.Body(w.port) == "new");
}

TEST_CASE("a port that is taken, or a wrong listener, is refused and told") {
  World w;
  ScriptedUpstream taken;
  auto errors = w.Put("l", taken.address().port(), {Answers("x")}, "enable_reuse_port: false");
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].find("error adding listener 'l'") != std::string::npos);
  CHECK(w.world.Stat("listener_manager.listener_create_failure") == 1);

  CHECK(w.Put("l", w.port, {Answers("x")}).empty());
  errors = w.Put("m", w.port, {Answers("x")});
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].find("has duplicate address '127.0.0.1:") != std::string::npos);
  errors = w.Put("l", w.port, {});
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].find("no filter chains specified") != std::string::npos);
  CHECK(w.world.Body(w.port) == "x");
  CHECK(w.world.Admin("/config_dump?resource=dynamic_listeners").find("error_state") !=
        std::string::npos);
}

TEST_CASE("a version that warms is not lost to one that is refused") {
  World w;
  ScriptedUpstream taken;
  CHECK(w.Put("l", w.port, {RdsChain("r")}).empty());
  CHECK(w.Put("l", taken.address().port(), {Answers("x")}, "enable_reuse_port: false").size() == 1);
  w.world.Send(ResourceType::kRoutes, {{"r", Routes("r", {Says("good")})}});
  CHECK(w.world.Body(w.port) == "good");
}

TEST_CASE("an address that a listener leaves refuses connections, one that it shares is refused") {
  World w;
  CHECK(w.Put("l", w.port, {Answers("old")}).empty());
  const uint16_t next = DynamicWorld::FreePort();
  CHECK(w.Put("l", next, {Answers("new")}).empty());
  CHECK(w.world.Body(next) == "new");
  // Workers close theirs in their own time.
  bool refused = false;
  for (int i = 0; i < 1000 && !refused; ++i) {
    try {
      w.world.Connect(w.port);
    } catch (const std::exception&) {
      refused = true;
    }
  }
  CHECK(refused);
  const auto errors =
      w.Put("m", DynamicWorld::FreePort(), {Answers("m")},
            absl::StrCat("additional_addresses: [{address: {socket_address: {address: 127.0.0.1, "
                         "port_value: ",
                         next, "}}}]"));
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].find("has duplicate address '127.0.0.1:") != std::string::npos);
}

TEST_CASE("a cluster that goes before it is warm keeps nobody waiting") {
  DynamicWorld world;
  world.Send(ResourceType::kCluster, {{"up", EdsCluster("up")}});
  CHECK(world.Wanted(ResourceType::kListener).empty());
  world.Send(ResourceType::kCluster, {}, {"up"});
  CHECK(world.Wanted(ResourceType::kListener) == std::vector<std::string>{"*"});
}

TEST_CASE("listeners are asked for when the clusters are there") {
  DynamicWorld world;
  ScriptedUpstream upstream;
  upstream.Respond(200, "hi");
  CHECK(world.Wanted(ResourceType::kListener).empty());
  world.Send(ResourceType::kCluster, {{"up", EdsCluster("up")}});
  CHECK(world.Wanted(ResourceType::kListener).empty());
  world.Send(ResourceType::kEndpoints, {{"up", Assignment("up", {Host(upstream)})}});
  CHECK(world.Wanted(ResourceType::kListener) == std::vector<std::string>{"*"});
  const uint16_t port = DynamicWorld::FreePort();
  world.Send(ResourceType::kListener,
             {{"l", Listener("l", port, {Chain(Routes("r", {To("up")}))})}});
  CHECK(world.Body(port) == "hi");
}

}  // namespace
}  // namespace remora::discovery
