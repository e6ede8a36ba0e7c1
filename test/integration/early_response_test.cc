// Responses that come before the request is complete, and clients that go away.

#include <catch2/catch.hpp>

#include "test/harness/harness.h"

namespace remora::harness {
namespace {

TEST_CASE("An answer before the request's end reaches the client; the connection goes with it") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  client.Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf");
  Wire server = up.Accept();
  server.ReceiveUntil("half");
  server.Send(MakeResponse(200, "enough"));
  REQUIRE(client.ReceiveResponse().body == "enough");
  // Nothing more of the request can be meant for anybody.
  server.ReceiveAll();
  client.Send("MORE!!GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  REQUIRE(client.ReceiveAll().empty());
  REQUIRE(h.Stat("http.ingress.downstream_rq_response_before_rq_complete") == 1);
  REQUIRE(h.Stat("cluster.up.upstream_cx_active") == 0);
  REQUIRE_FALSE(up.HasConnection());
}

TEST_CASE("A request whose answer came early can still be completed while the answer lasts") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  client.Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 8\r\n\r\nhalf");
  Wire server = up.Accept();
  server.ReceiveUntil("half");
  server.Send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst");
  client.ReceiveUntil("first");
  client.Send("rest");
  REQUIRE(server.ReceiveExactly(4) == "rest");
  server.Send("later");
  REQUIRE(client.ReceiveExactly(5) == "later");
  REQUIRE(h.NextExchange().flags == "-");
}

TEST_CASE("An upstream that answers and closes while the client still sends is heard") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  client.Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nfirst");
  Wire server = up.Accept();
  server.ReceiveUntil("first");
  server.Send(MakeResponse(413, "too much", {{"connection", "close"}}));
  server.Close();
  REQUIRE(client.ReceiveResponse().status == 413);
}

TEST_CASE("A client that goes away cancels the exchange at the upstream") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  SECTION("while it waits for the answer") {
    client.Send(MakeRequest("GET", "/"));
    Wire server = up.Accept();
    server.ReceiveRequest();
    client.Reset();
    REQUIRE(server.ReceiveAll().empty());
  }
  SECTION("within its request's body") {
    client.Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf");
    Wire server = up.Accept();
    server.ReceiveUntil("half");
    client.Reset();
    REQUIRE(server.ReceiveAll().empty());
  }
  SECTION("within the answer's body") {
    client.Send(MakeRequest("GET", "/"));
    Wire server = up.Accept();
    server.ReceiveRequest();
    server.Send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
    client.ReceiveUntil("half");
    client.Reset();
    REQUIRE(server.ReceiveAll().empty());
  }
  const Exchange exchange = h.NextExchange();
  REQUIRE(exchange.flags == "DC");
  REQUIRE(exchange.details == "downstream_remote_disconnect");
  h.AwaitStat("http.ingress.downstream_cx_active", 0);
  h.AwaitStat("cluster.up.upstream_rq_active", 0);
  h.AwaitStat("cluster.up.upstream_cx_active", 0);
  REQUIRE(h.Stat("http.ingress.downstream_cx_destroy_remote_active_rq") == 1);
  REQUIRE(h.Stat("cluster.up.upstream_cx_destroy_local_with_active_rq") == 1);
}

TEST_CASE("A client that goes away while its request waits for a connection leaves the queue") {
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
  second.Reset();
  h.AwaitStat("cluster.up.upstream_rq_pending_active", 0);
  REQUIRE(h.Stat("cluster.up.upstream_rq_cancelled") == 1);
  server.Send(MakeResponse(200, "one"));
  REQUIRE(first.ReceiveResponse().body == "one");
}

}  // namespace
}  // namespace remora::harness
