#include <catch2/catch.hpp>

#include "source/config/listener.h"
#include "test/harness/harness.h"

namespace remora::harness {
namespace {

using event::kSecond;

bool Closes(const Message& response) { return response.Get("connection") == "close"; }

// A listener for traffic from outside, and one for the rest that a failed health check leaves
// alone.
void TwoListeners(Harness& h) {
  h.DirectResponse("/", 200, "hi");
  h.Listener("main").direction = config::TrafficDirection::kInbound;
  h.Listener("other").drains_on_failed_health_check = false;
}

TEST_CASE("Failing health checks: not ready, and connections end with their responses") {
  Harness h;
  TwoListeners(h);
  h.Start();
  Client client = h.Connect("main");
  REQUIRE_FALSE(Closes(client.Get("/")));
  REQUIRE(h.AdminPost("/healthcheck/fail").body == "OK\n");
  REQUIRE(h.Admin("/ready").status == 503);
  REQUIRE(h.Admin("/ready").body == "DRAINING\n");
  REQUIRE(h.Stat("server.live") == 0);
  REQUIRE(h.Stat("server.state") == 1);
  REQUIRE(Closes(client.Get("/")));
  REQUIRE(client.AwaitEnd() == WireEnd::kFin);
  REQUIRE(Closes(h.Connect("main").Get("/")));
  REQUIRE_FALSE(Closes(h.Connect("other").Get("/")));
  REQUIRE(h.Stat("http.ingress.downstream_cx_drain_close") == 2);

  REQUIRE(h.AdminPost("/healthcheck/ok").body == "OK\n");
  REQUIRE(h.Admin("/ready").body == "LIVE\n");
  REQUIRE(h.Stat("server.live") == 1);
  REQUIRE(h.Stat("server.state") == 0);
  REQUIRE_FALSE(Closes(h.Connect("main").Get("/")));
}

TEST_CASE("Drained listeners refuse new connections; those that there are live on") {
  Harness h;
  TwoListeners(h);
  h.Workers(2);
  h.Start();
  Client client = h.Connect("main");
  REQUIRE(client.Get("/").status == 200);
  REQUIRE(h.Stat("server.total_connections") == 1);
  REQUIRE(h.AdminPost("/drain_listeners?inboundonly").body == "OK\n");
  h.AwaitStat("listener_manager.listener_stopped", 1);
  REQUIRE_THROWS_AS(h.Connect("main"), WireError);
  REQUIRE_FALSE(Closes(client.Get("/")));
  REQUIRE(h.Connect("other").Get("/").status == 200);
  REQUIRE(h.AdminPost("/drain_listeners").body == "OK\n");
  h.AwaitStat("listener_manager.listener_stopped", 2);
  REQUIRE_THROWS_AS(h.Connect("other"), WireError);
  REQUIRE(client.Get("/").status == 200);
  client.Close();
  h.AwaitStat("server.total_connections", 0);
  // As in Envoy: they are still shown, and the server is as ready as it was.
  REQUIRE(h.Stat("listener_manager.total_listeners_active") == 2);
  REQUIRE(h.Admin("/ready").body == "LIVE\n");
}

TEST_CASE("A graceful drain closes with the responses, then stops the listeners") {
  Harness h;
  TwoListeners(h);
  h.Drain().time = Ms(100);
  h.Drain().immediate = true;
  h.Start();
  Client client = h.Connect("main");
  REQUIRE_FALSE(Closes(client.Get("/")));
  REQUIRE(h.AdminPost("/drain_listeners?graceful").body == "OK\n");
  REQUIRE(Closes(client.Get("/")));
  h.AwaitStat("listener_manager.listener_stopped", 2);
  REQUIRE_THROWS_AS(h.Connect("main"), WireError);
}

TEST_CASE("On SIGTERM with a drain time everything that was begun is answered, then it ends") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/slow", "up");
  h.DirectResponse("/", 200, "hi");
  h.Drain().on_sigterm = 600 * kSecond;
  h.Drain().idle_grace = 300 * kSecond;
  h.Start();
  const net::Address address = h.Address();
  Client busy = h.Connect();
  busy.Send(MakeRequest("GET", "/slow"));
  Wire answer = up.Accept();
  answer.ReceiveRequest();
  Client idle = h.Connect();
  REQUIRE_FALSE(Closes(idle.Get("/")));

  h.Terminate();
  h.AwaitStat("listener_manager.listener_stopped", 1);
  REQUIRE(h.Admin("/ready").body == "DRAINING\n");
  REQUIRE(h.Stat("listener_manager.total_listeners_draining") == 1);
  REQUIRE_THROWS_AS(harness::Connect(address), WireError);
  // A client that was just sending is served once more.
  REQUIRE(Closes(idle.Get("/")));
  REQUIRE(idle.AwaitEnd() == WireEnd::kFin);
  h.AwaitStat("http.ingress.downstream_cx_active", 1);

  answer.Send(MakeResponse(200, "late"));
  const Message last = busy.ReceiveResponse();
  REQUIRE(last.body == "late");
  REQUIRE(Closes(last));
  REQUIRE(busy.AwaitEnd() == WireEnd::kFin);
  h.AwaitEnded();
}

TEST_CASE("On SIGTERM with a drain time idle connections are let go after a moment") {
  Harness h;
  h.DirectResponse("/", 200, "hi");
  h.Workers(2);
  h.Drain().on_sigterm = 600 * kSecond;
  h.Drain().idle_grace = Ms(20);
  h.Start();
  std::vector<Client> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(h.Connect());
    REQUIRE_FALSE(Closes(clients.back().Get("/")));
  }
  h.Terminate();
  for (Client& client : clients) REQUIRE(client.AwaitEnd() == WireEnd::kFin);
  h.AwaitEnded();
}

TEST_CASE("On SIGTERM the drain ends at its deadline, or with a second SIGTERM") {
  const bool twice = GENERATE(false, true);
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Drain().on_sigterm = twice ? 600 * kSecond : Ms(100);
  h.Start();
  Client busy = h.Connect();
  busy.Send(MakeRequest("GET", "/slow"));
  Wire unanswered = up.Accept();
  unanswered.ReceiveRequest();
  h.Terminate();
  if (twice) {
    h.AwaitStat("server.state", 1);
    h.Terminate();
  }
  h.AwaitEnded();
  busy.AwaitEnd();
}

TEST_CASE("On SIGTERM without a drain time the server ends at once") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Start();
  Client busy = h.Connect();
  busy.Send(MakeRequest("GET", "/slow"));
  Wire unanswered = up.Accept();
  unanswered.ReceiveRequest();
  h.Terminate();
  h.AwaitEnded();
  busy.AwaitEnd();
}

}  // namespace
}  // namespace remora::harness
