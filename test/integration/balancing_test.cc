// Where requests go, and how many may go there at once.

#include <catch2/catch.hpp>

#include <map>

#include "test/harness/harness.h"

namespace remora::harness {
namespace {

TEST_CASE("Requests go round the hosts of a cluster") {
  Harness h;
  std::vector<ScriptedUpstream> hosts;
  for (int i = 0; i < 3; ++i) hosts.push_back(h.Upstream("up").Respond(200, std::to_string(i)));
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  std::string order;
  for (int i = 0; i < 9; ++i) order += client.Get("/").body;
  // It may begin with any of them.
  REQUIRE(order.substr(3, 3) == order.substr(0, 3));
  REQUIRE(order.substr(6, 3) == order.substr(0, 3));
  for (const ScriptedUpstream& host : hosts) REQUIRE(host.requests().size() == 3);
}

TEST_CASE("Weights of hosts are kept exactly over a cycle") {
  Harness h;
  auto one = h.Upstream("up", 1).Respond(200, "a");
  auto two = h.Upstream("up", 2).Respond(200, "b");
  auto five = h.Upstream("up", 5).Respond(200, "c");
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  for (int i = 0; i < 40; ++i) REQUIRE(client.Get("/").status == 200);
  REQUIRE(one.requests().size() == 5);
  REQUIRE(two.requests().size() == 10);
  REQUIRE(five.requests().size() == 25);
}

TEST_CASE("Unhealthy hosts get nothing while enough are healthy") {
  Harness h;
  auto good = h.Upstream("up").Respond(200, "good");
  auto also_good = h.Upstream("up").Respond(200, "good");
  auto bad = h.Upstream("up").Respond(200, "bad");
  h.Cluster("up").hosts[2].health = upstream::HealthStatus::kUnhealthy;
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  for (int i = 0; i < 12; ++i) REQUIRE(client.Get("/").body == "good");
  REQUIRE(bad.requests().empty());
  REQUIRE(h.Stat("cluster.up.membership_total") == 3);
  REQUIRE(h.Stat("cluster.up.membership_healthy") == 2);
}

TEST_CASE("With most hosts unhealthy all of them are used") {
  Harness h;
  for (int i = 0; i < 3; ++i) h.Upstream("up").Respond(200, std::to_string(i));
  h.Cluster("up").hosts[1].health = upstream::HealthStatus::kUnhealthy;
  h.Cluster("up").hosts[2].health = upstream::HealthStatus::kUnhealthy;
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  std::map<std::string, int> counts;
  for (int i = 0; i < 9; ++i) ++counts[client.Get("/").body];
  REQUIRE(counts == std::map<std::string, int>{{"0", 3}, {"1", 3}, {"2", 3}});
  REQUIRE(h.Stat("cluster.up.lb_healthy_panic") == 9);
}

TEST_CASE("Weighted clusters share a route's requests") {
  Harness h;
  auto a = h.Upstream("a").Respond(200, "a");
  auto b = h.Upstream("b").Respond(200, "b");
  auto never = h.Upstream("never").Respond(200, "never");
  route::ForwardAction& action = h.Forward("/", "");
  action.weighted_clusters = {{"a", 80, {}}, {"b", 20, {}}, {"never", 0, {}}};
  h.Start();
  Client client = h.Connect();
  const int total = 500;
  int to_a = 0;
  for (int i = 0; i < total; ++i) to_a += client.Get("/").body == "a" ? 1 : 0;
  // Six standard deviations of the binomial distribution: sqrt(500 * 0.8 * 0.2) = 8.9.
  REQUIRE(to_a > 400 - 54);
  REQUIRE(to_a < 400 + 54);
  REQUIRE(b.requests().size() == static_cast<size_t>(total - to_a));
  REQUIRE(never.requests().empty());
}

constexpr const char* kOverflow =
    "upstream connect error or disconnect/reset before headers. reset reason: overflow";

void RequireOverflow(Harness& h, const Message& response) {
  REQUIRE(response.status == 503);
  REQUIRE(response.body == kOverflow);
  REQUIRE(response.Get("x-envoy-overloaded") == "true");
  const Exchange exchange = h.NextExchange();
  REQUIRE(exchange.flags == "UO");
  REQUIRE(exchange.details == "upstream_reset_before_response_started{overflow}");
}

TEST_CASE("max_connections: further requests wait for the connections that there are") {
  Harness h;
  auto up = h.Upstream("up");
  h.Cluster("up").limits[0].max_connections = 1;
  h.Route("/", "up");
  h.Start();
  Client first = h.Connect();
  first.Send(MakeRequest("GET", "/1"));
  Wire server = up.Accept();
  server.ReceiveRequest();
  Client second = h.Connect();
  second.Send(MakeRequest("GET", "/2"));
  h.AwaitStat("cluster.up.upstream_rq_pending_active", 1);
  REQUIRE(h.Stat("cluster.up.upstream_cx_overflow") == 1);
  REQUIRE(h.Stat("cluster.up.upstream_cx_active") == 1);
  REQUIRE(h.Stat("cluster.up.circuit_breakers.default.cx_open") == 1);
  server.Send(MakeResponse(200, "one"));
  REQUIRE(server.ReceiveRequest().target == "/2");
  server.Send(MakeResponse(200, "two"));
  REQUIRE(first.ReceiveResponse().body == "one");
  REQUIRE(second.ReceiveResponse().body == "two");
  REQUIRE_FALSE(up.HasConnection());
}

TEST_CASE("max_pending_requests: what would wait too long is refused") {
  Harness h;
  auto up = h.Upstream("up");
  h.Cluster("up").limits[0].max_connections = 1;
  h.Cluster("up").limits[0].max_pending_requests = 1;
  h.Route("/", "up");
  h.Start();
  Client first = h.Connect();
  first.Send(MakeRequest("GET", "/1"));
  Wire server = up.Accept();
  server.ReceiveRequest();
  Client second = h.Connect();
  second.Send(MakeRequest("GET", "/2"));
  h.AwaitStat("cluster.up.upstream_rq_pending_active", 1);
  REQUIRE(h.Stat("cluster.up.circuit_breakers.default.rq_pending_open") == 1);
  Client third = h.Connect();
  RequireOverflow(h, third.Get("/3"));
  REQUIRE(h.Stat("cluster.up.upstream_rq_pending_overflow") == 1);
  server.Send(MakeResponse(200, "one"));
  server.ReceiveRequest();
  server.Send(MakeResponse(200, "two"));
  REQUIRE(second.ReceiveResponse().body == "two");
}

TEST_CASE("max_pending_requests of 0 refuses everything") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Cluster("up").limits[0].max_pending_requests = 0;
  h.Route("/", "up");
  h.Start();
  RequireOverflow(h, h.Connect().Get("/"));
  REQUIRE(up.connections() == 0);
}

TEST_CASE("max_requests: no more than that many are at the upstream at once") {
  Harness h;
  auto up = h.Upstream("up");
  h.Cluster("up").limits[0].max_requests = 1;
  h.Route("/", "up");
  h.Start();
  Client first = h.Connect();
  first.Send(MakeRequest("GET", "/1"));
  Wire server = up.Accept();
  server.ReceiveRequest();
  REQUIRE(h.Stat("cluster.up.circuit_breakers.default.rq_open") == 1);
  Client second = h.Connect();
  RequireOverflow(h, second.Get("/2"));
  server.Send(MakeResponse(200, "one"));
  REQUIRE(first.ReceiveResponse().body == "one");
  REQUIRE(h.Stat("cluster.up.circuit_breakers.default.rq_open") == 0);
}

TEST_CASE("Circuit breakers count over all workers") {
  Harness h;
  auto up = h.Upstream("up");
  h.Workers(4);
  h.Cluster("up").limits[0].max_requests = 2;
  h.Route("/", "up");
  h.Start();
  std::vector<Client> clients;
  std::vector<Wire> servers;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(h.Connect());
    clients.back().Send(MakeRequest("GET", "/"));
    servers.push_back(up.Accept());
    servers.back().ReceiveRequest();
  }
  for (int i = 0; i < 16; ++i) REQUIRE(h.Connect().Get("/").status == 503);
  for (int i = 0; i < 2; ++i) {
    servers[static_cast<size_t>(i)].Send(MakeResponse(200, "held"));
    REQUIRE(clients[static_cast<size_t>(i)].ReceiveResponse().body == "held");
  }
}

TEST_CASE("Free connections are used last in, first out") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Start();
  Client first = h.Connect();
  Client second = h.Connect();
  first.Send(MakeRequest("GET", "/1"));
  Wire one = up.Accept();
  one.ReceiveRequest();
  second.Send(MakeRequest("GET", "/2"));
  Wire two = up.Accept();
  two.ReceiveRequest();
  one.Send(MakeResponse(200, "1"));
  first.ReceiveResponse();
  two.Send(MakeResponse(200, "2"));
  second.ReceiveResponse();
  for (int i = 0; i < 3; ++i) {
    first.Send(MakeRequest("GET", "/again"));
    two.ReceiveRequest();
    two.Send(MakeResponse(200, "again"));
    REQUIRE(first.ReceiveResponse().body == "again");
  }
}

}  // namespace
}  // namespace remora::harness
