// What clients see when upstreams fail: status, body, flag and details are Envoy's.

#include <catch2/catch.hpp>

#include "test/harness/full_listener.h"
#include "test/harness/harness.h"

namespace remora::harness {
namespace {

std::string ResetBody(const std::string& reason) {
  return "upstream connect error or disconnect/reset before headers. reset reason: " + reason;
}

TEST_CASE("A refused connection is 503 UF, and the cluster recovers when the host is back") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  up.Unlisten();
  h.Start();
  Client client = h.Connect();
  const Message response = client.Get("/");
  REQUIRE(response.status == 503);
  REQUIRE(response.body == ResetBody("remote connection failure"));
  REQUIRE(response.Get("content-type") == "text/plain");
  REQUIRE(response.Get("server") == "envoy");
  const Exchange exchange = h.NextExchange();
  REQUIRE(exchange.flags == "UF");
  REQUIRE(exchange.details ==
          "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_"
          "Connection_refused}");
  REQUIRE(h.Stat("cluster.up.upstream_cx_connect_fail") == 1);
  REQUIRE(h.Stat("cluster.up.upstream_rq_pending_failure_eject") == 1);
  REQUIRE(h.Stat("cluster.up.upstream_rq_total") == 0);
  REQUIRE(h.Stat("cluster.up.upstream_rq_503") == 1);

  up.Listen();
  up.Respond(200, "back");
  REQUIRE(client.Get("/").body == "back");
}

TEST_CASE("A connection that does not come up in time is 503 UF") {
  FullListener hole;
  Harness h;
  upstream::HostConfig host;
  host.address = hole.address();
  h.Cluster("up").hosts.push_back(host);
  h.Cluster("up").connect_timeout = Ms(60);
  h.Route("/", "up");
  h.Start();
  const Message response = h.Connect().Get("/");
  REQUIRE(response.status == 503);
  REQUIRE(response.body == ResetBody("connection timeout"));
  const Exchange exchange = h.NextExchange();
  REQUIRE(exchange.flags == "UF");
  REQUIRE(exchange.details == "upstream_reset_before_response_started{connection_timeout}");
  REQUIRE(h.Stat("cluster.up.upstream_cx_connect_timeout") == 1);
  REQUIRE(h.Stat("cluster.up.upstream_cx_connect_fail") == 1);
  REQUIRE(h.Stat("cluster.up.upstream_cx_active") == 0);
}

TEST_CASE("A cluster without hosts is 503 UH") {
  Harness h;
  h.Cluster("up");
  h.Route("/", "up");
  h.Start();
  const Message response = h.Connect().Get("/");
  REQUIRE(response.status == 503);
  REQUIRE(response.body == "no healthy upstream");
  const Exchange exchange = h.NextExchange();
  REQUIRE(exchange.flags == "UH");
  REQUIRE(exchange.details == "no_healthy_upstream");
  REQUIRE(h.Stat("cluster.up.upstream_cx_none_healthy") == 1);
}

TEST_CASE("A cluster that does not exist is 503 NC") {
  Harness h;
  h.Route("/", "nowhere");
  h.Start();
  const Message response = h.Connect().Get("/");
  REQUIRE(response.status == 503);
  REQUIRE(response.body.empty());
  const Exchange exchange = h.NextExchange();
  REQUIRE(exchange.flags == "NC");
  REQUIRE(exchange.details == "cluster_not_found");
  REQUIRE(h.Stat("http.ingress.no_cluster") == 1);
}

TEST_CASE("A path without a route is 404 NR") {
  Harness h;
  h.DirectResponse("/known", 200, "");
  h.Start();
  const Message response = h.Connect().Get("/unknown");
  REQUIRE(response.status == 404);
  REQUIRE(response.body.empty());
  const Exchange exchange = h.NextExchange();
  REQUIRE(exchange.flags == "NR");
  REQUIRE(exchange.details == "route_not_found");
  REQUIRE(h.Stat("http.ingress.no_route") == 1);
}

TEST_CASE("An upstream that ends before the response is 503 UC") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  client.Send(MakeRequest("GET", "/"));
  Wire server = up.Accept();
  server.ReceiveRequest();
  SECTION("by FIN") { server.Close(); }
  SECTION("by RST") { server.Reset(); }
  SECTION("within the head") {
    server.Send("HTTP/1.1 200 O");
    server.Close();
  }
  const Message response = client.ReceiveResponse();
  REQUIRE(response.status == 503);
  REQUIRE(response.body == ResetBody("connection termination"));
  const Exchange exchange = h.NextExchange();
  REQUIRE(exchange.flags == "UC");
  REQUIRE(exchange.details == "upstream_reset_before_response_started{connection_termination}");
  REQUIRE(h.Stat("cluster.up.upstream_cx_destroy_remote_with_active_rq") == 1);
  // The next request is not touched by it.
  client.Send(MakeRequest("GET", "/"));
  Wire next = up.Accept();
  next.ReceiveRequest();
  next.Send(MakeResponse(200, "fine"));
  REQUIRE(client.ReceiveResponse().body == "fine");
}

TEST_CASE("A response cut short never looks whole to the client") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  client.Send(MakeRequest("GET", "/"));
  Wire server = up.Accept();
  server.ReceiveRequest();
  SECTION("within a body of known length, by FIN") {
    server.Send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
    client.ReceiveUntil("half");
    server.Close();
    REQUIRE(client.ReceiveAll().empty());
  }
  SECTION("within a body of known length, by RST") {
    server.Send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
    client.ReceiveUntil("half");
    server.Reset();
    REQUIRE(client.ReceiveAll().empty());
  }
  SECTION("within a chunk") {
    server.Send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nhalf");
    server.Close();
    REQUIRE(client.ReceiveAll().find("0\r\n\r\n") == std::string::npos);
  }
  SECTION("before the last chunk") {
    server.Send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    server.Close();
    REQUIRE(client.ReceiveAll().find("\r\n0\r\n") == std::string::npos);
  }
  SECTION("a body that runs to the end, by RST") {
    server.Send("HTTP/1.1 200 OK\r\n\r\nhalf");
    client.ReceiveUntil("half");
    server.Reset();
    REQUIRE(client.ReceiveAll().find("0\r\n\r\n") == std::string::npos);
  }
  const Exchange exchange = h.NextExchange();
  REQUIRE(exchange.status == 200);
  REQUIRE(exchange.flags == "UC");
  REQUIRE(exchange.details == "upstream_reset_after_response_started{connection_termination}");
  REQUIRE(h.Stat("http.ingress.rq_reset_after_downstream_response_started") == 1);
}

TEST_CASE("An answer that is no HTTP is 502 UPE") {
  const std::string garbage = GENERATE(
      "SSH-2.0-OpenSSH_9.2p1\r\n", "HTTP/1.1 99 Low\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
      "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
  Harness h;
  auto up = h.Upstream("up").RespondWith(garbage);
  h.Route("/", "up");
  h.Start();
  const Message response = h.Connect().Get("/");
  REQUIRE(response.status == 502);
  REQUIRE(response.body == ResetBody("protocol error"));
  const Exchange exchange = h.NextExchange();
  REQUIRE(exchange.flags == "UPE");
  REQUIRE(exchange.details == "upstream_reset_before_response_started{protocol_error}");
  REQUIRE(h.Stat("cluster.up.upstream_cx_protocol_error") == 1);
  REQUIRE(h.Stat("cluster.up.upstream_cx_active") == 0);
}

TEST_CASE("Bytes that nobody asked for are never given to another request") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  client.Send(MakeRequest("GET", "/first"));
  Wire server = up.Accept();
  server.ReceiveRequest();
  SECTION("behind the answer, at once") {
    server.Send(MakeResponse(200, "first") + MakeResponse(200, "poison"));
    REQUIRE(client.ReceiveResponse().body == "first");
  }
  SECTION("later, on an idle connection") {
    server.Send(MakeResponse(200, "first"));
    REQUIRE(client.ReceiveResponse().body == "first");
    server.Send(MakeResponse(200, "poison"));
  }
  // The proxy drops the connection (a reset where it had not read everything).
  server.ReceiveAll();
  client.Send(MakeRequest("GET", "/second"));
  Wire other = up.Accept();
  REQUIRE(other.ReceiveRequest().target == "/second");
  other.Send(MakeResponse(200, "second"));
  REQUIRE(client.ReceiveResponse().body == "second");
}

TEST_CASE("An upstream that closes behind every answer costs no request") {
  Harness h;
  auto up = h.Upstream("up").RespondWith(MakeResponse(200, "hi"), true);
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  for (int i = 0; i < 50; ++i) {
    REQUIRE(client.Get("/").status == 200);
    // The end of the idle connection is seen before the next request goes out.
    h.AwaitStat("cluster.up.upstream_cx_active", 0);
  }
}

}  // namespace
}  // namespace remora::harness
