// Timeouts are configured in milliseconds and waited for by their effect.

#include <catch2/catch.hpp>

#include "test/harness/harness.h"

namespace remora::harness {
namespace {

// Where something has to happen before the timeout passes: time enough on a loaded machine.
constexpr event::Duration kTimeout = Ms(500);

TEST_CASE("An upstream that never answers is 504 UT after the route's timeout") {
  Harness h;
  auto up = h.Upstream("up");
  h.Forward("/", "up").timeout = kTimeout;
  h.Start();
  Client client = h.Connect();
  client.Send(MakeRequest("GET", "/"));
  Wire server = up.Accept();
  REQUIRE(server.ReceiveRequest().Get("x-envoy-expected-rq-timeout-ms") == "500");
  const Message response = client.ReceiveResponse();
  REQUIRE(response.status == 504);
  REQUIRE(response.body == "upstream request timeout");
  const Exchange exchange = h.NextExchange();
  REQUIRE(exchange.flags == "UT");
  REQUIRE(exchange.details == "response_timeout");
  REQUIRE(server.ReceiveAll().empty());
  REQUIRE(h.Stat("cluster.up.upstream_rq_timeout") == 1);
  REQUIRE(h.Stat("cluster.up.upstream_rq_504") == 1);
  REQUIRE_FALSE(response.Has("connection"));
  client.Send(MakeRequest("GET", "/"));
  Wire next = up.Accept();
  next.ReceiveRequest();
  next.Send(MakeResponse(200, "in time"));
  REQUIRE(client.ReceiveResponse().body == "in time");
}

TEST_CASE("An upstream that stalls within the body is cut off after the route's timeout") {
  Harness h;
  auto up = h.Upstream("up");
  h.Forward("/", "up").timeout = kTimeout;
  h.Start();
  Client client = h.Connect();
  client.Send(MakeRequest("GET", "/"));
  Wire server = up.Accept();
  server.ReceiveRequest();
  server.Send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
  client.ReceiveUntil("half");
  REQUIRE(client.ReceiveAll().empty());
  REQUIRE(server.ReceiveAll().empty());
  REQUIRE(h.NextExchange().flags == "UT");
}

TEST_CASE("The route's timeout waits for the end of the request") {
  Harness h;
  auto up = h.Upstream("up");
  h.Forward("/", "up").timeout = Ms(40);
  h.Manager().stream_idle_timeout = Ms(400);
  h.Start();
  Client client = h.Connect();
  client.Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab");
  // Were it running, it would fire long before the stream's idle timeout, with 504.
  const Message response = client.ReceiveResponse();
  REQUIRE(response.status == 408);
  REQUIRE(h.NextExchange().flags == "SI");
}

TEST_CASE("A request that stands still is 408 SI") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Manager().stream_idle_timeout = Ms(60);
  h.Start();
  Client client = h.Connect();
  client.Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab");
  const Message response = client.ReceiveResponse();
  REQUIRE(response.status == 408);
  REQUIRE(response.body == "stream timeout");
  REQUIRE(response.Get("connection") == "close");
  client.ReceiveAll();
  const Exchange exchange = h.NextExchange();
  REQUIRE(exchange.flags == "SI");
  REQUIRE(exchange.details == "stream_idle_timeout");
  REQUIRE(h.Stat("http.ingress.downstream_rq_idle_timeout") == 1);
  h.AwaitStat("cluster.up.upstream_rq_active", 0);
}

TEST_CASE("An answer that stands still is 504 SI, also by the route's own idle timeout") {
  Harness h;
  auto up = h.Upstream("up");
  SECTION("the connection manager's") {
    h.Route("/", "up");
    h.Manager().stream_idle_timeout = Ms(60);
  }
  SECTION("the route's") { h.Forward("/", "up").idle_timeout = Ms(60); }
  h.Start();
  Client client = h.Connect();
  client.Send(MakeRequest("GET", "/"));
  Wire server = up.Accept();
  server.ReceiveRequest();
  const Message response = client.ReceiveResponse();
  REQUIRE(response.status == 504);
  REQUIRE(response.body == "stream timeout");
  REQUIRE(h.NextExchange().flags == "SI");
  REQUIRE(server.ReceiveAll().empty());
}

TEST_CASE("An answer that stops within the body is cut off by the idle timeout") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Manager().stream_idle_timeout = kTimeout;
  h.Start();
  Client client = h.Connect();
  client.Send(MakeRequest("GET", "/"));
  Wire server = up.Accept();
  server.ReceiveRequest();
  server.Send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
  client.ReceiveUntil("half");
  REQUIRE(client.ReceiveAll().empty());
  REQUIRE(server.ReceiveAll().empty());
  const Exchange exchange = h.NextExchange();
  REQUIRE(exchange.status == 200);
  REQUIRE(exchange.flags == "SI");
}

TEST_CASE("A connection without requests ends after the idle timeout") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Manager().idle_timeout = kTimeout;
  h.Start();
  Client client = h.Connect();
  SECTION("before the first one") {}
  SECTION("after one") { REQUIRE(client.Get("/").status == 200); }
  REQUIRE(client.AwaitEnd() == WireEnd::kFin);
  REQUIRE(h.Stat("http.ingress.downstream_cx_idle_timeout") == 1);
  h.AwaitStat("http.ingress.downstream_cx_active", 0);
}

TEST_CASE("An upstream connection without requests ends after the cluster's idle timeout") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Cluster("up").idle_timeout = Ms(60);
  h.Start();
  Client client = h.Connect();
  REQUIRE(client.Get("/").status == 200);
  h.AwaitStat("cluster.up.upstream_cx_idle_timeout", 1);
  h.AwaitStat("cluster.up.upstream_cx_active", 0);
  REQUIRE(client.Get("/").status == 200);
  REQUIRE(up.connections() == 2);
}

TEST_CASE("A try that lasts longer than the cluster allows is 504 UMSDR") {
  Harness h;
  auto up = h.Upstream("up");
  h.Cluster("up").max_stream_duration = kTimeout;
  h.Forward("/", "up").timeout = 0;
  h.Start();
  Client client = h.Connect();
  client.Send(MakeRequest("GET", "/"));
  Wire server = up.Accept();
  server.ReceiveRequest();
  const Message response = client.ReceiveResponse();
  REQUIRE(response.status == 504);
  REQUIRE(response.body == "upstream max stream duration reached");
  const Exchange exchange = h.NextExchange();
  REQUIRE(exchange.flags == "UMSDR");
  REQUIRE(exchange.details == "upstream_max_stream_duration_reached");
  REQUIRE(server.ReceiveAll().empty());
  REQUIRE(h.Stat("cluster.up.upstream_rq_max_duration_reached") == 1);
  // A response that has begun is cut off, a request that is not complete is 408.
  client.Send(MakeRequest("GET", "/"));
  Wire next = up.Accept();
  next.ReceiveRequest();
  next.Send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
  client.ReceiveUntil("half");
  REQUIRE(client.ReceiveAll().empty());
  REQUIRE(h.NextExchange().flags == "UMSDR");
  Client slow = h.Connect();
  slow.Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf");
  REQUIRE(slow.ReceiveResponse().status == 408);
}

}  // namespace
}  // namespace remora::harness
