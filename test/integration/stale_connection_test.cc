// A pooled connection that the host closes while a request is on its way to it: the client does not
// notice, where that is safe (docs/adr/0020).

#include <catch2/catch.hpp>

#include "test/harness/harness.h"

namespace remora::harness {
namespace {

// A proxy with one used, idle upstream connection.
struct StaleWorld {
  StaleWorld() : up(h.Upstream("up")) {
    h.Route("/", "up");
    h.Start();
    client.emplace(h.Connect());
    client->Send(MakeRequest("GET", "/first"));
    first.emplace(up.Accept());
    first->ReceiveRequest();
    first->Send(MakeResponse(200, "first"));
    REQUIRE(client->ReceiveResponse().body == "first");
  }
  uint64_t Replaced() { return h.Stat("cluster.up.upstream_rq_stale_replaced"); }

  Harness h;
  ScriptedUpstream up;
  std::optional<Client> client;
  std::optional<Wire> first;
};

TEST_CASE("An idempotent request that was sent goes out again on a new connection") {
  const std::string method = GENERATE("GET", "HEAD", "OPTIONS", "DELETE");
  StaleWorld w;
  w.client->Send(MakeRequest(method, "/second"));
  REQUIRE(w.first->ReceiveRequest().target == "/second");
  SECTION("after a FIN") { w.first->Close(); }
  SECTION("after a RST") { w.first->Reset(); }
  Wire second = w.up.Accept();
  const Message request = second.ReceiveRequest();
  REQUIRE(request.target == "/second");
  REQUIRE(request.method == method);
  second.Send("HTTP/1.1 204 No Content\r\n\r\n");
  REQUIRE(w.client->ReceiveResponse(true).status == 204);
  REQUIRE(w.Replaced() == 1);
  REQUIRE(w.h.Stat("cluster.up.upstream_rq_retry") == 0);
  REQUIRE(w.h.NextExchange().flags == "-");
  REQUIRE(w.h.NextExchange().flags == "-");
}

TEST_CASE("The body goes out again too") {
  StaleWorld w;
  const std::string body(100'000, 'b');
  w.client->Send(MakeRequest("PUT", "/second", {}, body));
  REQUIRE(w.first->ReceiveRequest().body == body);
  w.first->Close();
  Wire second = w.up.Accept();
  REQUIRE(second.ReceiveRequest().body == body);
  second.Send(MakeResponse(200, "put"));
  REQUIRE(w.client->ReceiveResponse().body == "put");
}

TEST_CASE("A request that may not be sent twice is not") {
  StaleWorld w;
  w.client->Send(MakeRequest("POST", "/second", {}, "body"));
  REQUIRE(w.first->ReceiveRequest().body == "body");
  w.first->Close();
  REQUIRE(w.client->ReceiveResponse().status == 503);
  REQUIRE(w.Replaced() == 0);
  w.h.NextExchange();
  REQUIRE(w.h.NextExchange().flags == "UC");
}

TEST_CASE("A response that has begun is not asked for again") {
  StaleWorld w;
  w.client->Send(MakeRequest("GET", "/second"));
  w.first->ReceiveRequest();
  w.first->Send("HTTP/1.1 2");
  w.first->Close();
  REQUIRE(w.client->ReceiveResponse().status == 503);
  REQUIRE(w.Replaced() == 0);
}

TEST_CASE("It happens once: the new connection's failure is the client's") {
  StaleWorld w;
  w.client->Send(MakeRequest("GET", "/second"));
  w.first->ReceiveRequest();
  w.first->Close();
  Wire second = w.up.Accept();
  second.ReceiveRequest();
  second.Close();
  REQUIRE(w.client->ReceiveResponse().status == 503);
  REQUIRE(w.Replaced() == 1);
}

TEST_CASE("A first request on a connection is not sent again") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  client.Send(MakeRequest("GET", "/"));
  Wire first = up.Accept();
  first.ReceiveRequest();
  first.Close();
  REQUIRE(client.ReceiveResponse().status == 503);
  REQUIRE(h.Stat("cluster.up.upstream_rq_stale_replaced") == 0);
}

}  // namespace
}  // namespace remora::harness
