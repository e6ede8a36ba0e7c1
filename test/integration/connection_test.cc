#include <catch2/catch.hpp>

#include "test/harness/harness.h"

namespace remora::harness {
namespace {

TEST_CASE("A request reaches the upstream and its response comes back") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi", {{"x-from", "up"}});
  h.Route("/", "up");
  h.Start();
  const Message response = h.Connect().Get("/path?query=1", {{"x-mine", "1"}});
  REQUIRE(response.status == 200);
  REQUIRE(response.body == "hi");
  REQUIRE(response.Get("x-from") == "up");
  REQUIRE(up.requests().size() == 1);
  REQUIRE(up.requests()[0].target == "/path?query=1");
  REQUIRE(up.requests()[0].Get("host") == "test.local");
  REQUIRE(up.requests()[0].Get("x-mine") == "1");
  const Exchange exchange = h.NextExchange();
  REQUIRE(exchange.status == 200);
  REQUIRE(exchange.details == "via_upstream");
  REQUIRE(exchange.flags == "-");
  REQUIRE(exchange.upstream_host == up.address().ToString());
}

TEST_CASE("A connection serves one request after the other, on one upstream connection") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  for (int i = 0; i < 20; ++i) REQUIRE(client.Get("/" + std::to_string(i)).status == 200);
  REQUIRE(up.requests().size() == 20);
  REQUIRE(up.connections() == 1);
  REQUIRE(h.Stat("http.ingress.downstream_cx_total") == 1);
  REQUIRE(h.Stat("http.ingress.downstream_rq_total") == 20);
}

TEST_CASE("Pipelined requests are answered in their order") {
  Harness h;
  auto up = h.Upstream("up").Run([](const Message& request) {
    return ScriptedUpstream::Answer{MakeResponse(200, request.target), false};
  });
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  std::string burst;
  for (int i = 0; i < 60; ++i) burst += MakeRequest("GET", "/" + std::to_string(i));
  client.Send(burst);
  for (int i = 0; i < 60; ++i) REQUIRE(client.ReceiveResponse().body == "/" + std::to_string(i));
}

TEST_CASE("Pipelined requests with bodies keep their own bodies") {
  Harness h;
  auto up = h.Upstream("up").Run([](const Message& request) {
    return ScriptedUpstream::Answer{MakeResponse(200, request.body), false};
  });
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  client.Send(MakeRequest("POST", "/", {}, "one") + MakeRequest("POST", "/", {}, "second") +
              MakeRequest("GET", "/") + MakeRequest("POST", "/", {}, "4"));
  REQUIRE(client.ReceiveResponse().body == "one");
  REQUIRE(client.ReceiveResponse().body == "second");
  REQUIRE(client.ReceiveResponse().body.empty());
  REQUIRE(client.ReceiveResponse().body == "4");
}

TEST_CASE("Connection: close from the client ends the connection behind the answer") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  client.Send(MakeRequest("GET", "/", {{"connection", "close"}}) + MakeRequest("GET", "/ignored"));
  const Message response = client.ReceiveResponse();
  REQUIRE(response.status == 200);
  REQUIRE(response.Get("connection") == "close");
  REQUIRE(client.AwaitEnd() == WireEnd::kFin);
  REQUIRE(up.requests().size() == 1);
  // Hop by hop: the upstream connection stays.
  REQUIRE_FALSE(up.requests()[0].Has("connection"));
  REQUIRE(h.Connect().Get("/").status == 200);
  REQUIRE(up.connections() == 1);
}

TEST_CASE("Connection: close from the upstream ends only the upstream connection") {
  Harness h;
  auto up = h.Upstream("up").RespondWith(MakeResponse(200, "hi", {{"connection", "close"}}), true);
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  for (int i = 0; i < 3; ++i) {
    const Message response = client.Get("/");
    REQUIRE(response.status == 200);
    REQUIRE_FALSE(response.Has("connection"));
  }
  REQUIRE(up.connections() == 3);
}

TEST_CASE("A client that half-closes still gets its answer") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  client.Send(MakeRequest("GET", "/"));
  client.HalfClose();
  Wire server = up.Accept();
  REQUIRE(server.ReceiveRequest().method == "GET");
  server.Send(MakeResponse(200, "late"));
  REQUIRE(client.ReceiveResponse().body == "late");
  REQUIRE(client.AwaitEnd() == WireEnd::kFin);
}

TEST_CASE("A request cut by the client's FIN never looks whole to the upstream") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  client.Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf");
  Wire server = up.Accept();
  server.ReceiveUntil("half");
  client.HalfClose();
  REQUIRE(server.ReceiveAll().empty());
  REQUIRE(client.ReceiveAll().empty());
  REQUIRE(h.NextExchange().flags == "DC");
}

TEST_CASE("HTTP/1.0 is refused unless it is allowed") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  SECTION("refused") {
    h.Start();
    Client client = h.Connect();
    client.Send("GET / HTTP/1.0\r\nhost: a\r\n\r\n");
    const Message response = client.ReceiveResponse();
    REQUIRE(response.status == 426);
    REQUIRE(response.body == "Upgrade Required");
    REQUIRE(client.AwaitEnd() == WireEnd::kFin);
    REQUIRE(h.NextExchange().details == "low_version");
    REQUIRE(up.requests().empty());
  }
  SECTION("allowed, and closed behind the answer") {
    h.Manager().accept_http_10 = true;
    h.Manager().default_host_for_http_10 = "default.local";
    h.Start();
    Client client = h.Connect();
    client.Send("GET / HTTP/1.0\r\n\r\n");
    const Message response = client.ReceiveResponse();
    REQUIRE(response.status == 200);
    REQUIRE(response.body == "hi");
    REQUIRE(client.AwaitEnd() == WireEnd::kFin);
    REQUIRE(up.requests()[0].Get("host") == "default.local");
    REQUIRE(up.requests()[0].version == "HTTP/1.1");
  }
  SECTION("allowed, with keep-alive") {
    h.Manager().accept_http_10 = true;
    h.Start();
    Client client = h.Connect();
    for (int i = 0; i < 2; ++i) {
      client.Send("GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n");
      const Message response = client.ReceiveResponse();
      REQUIRE(response.body == "hi");
      REQUIRE(response.Get("connection") == "keep-alive");
    }
  }
  SECTION("a body of unknown length runs to the end of the connection") {
    h.Manager().accept_http_10 = true;
    up.RespondWith("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" +
                   MakeChunked("abcdef", 2));
    h.Start();
    Client client = h.Connect();
    client.Send("GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n");
    const std::string all = client.ReceiveAll();
    REQUIRE(all.find("transfer-encoding") == std::string::npos);
    REQUIRE(all.substr(all.find("\r\n\r\n") + 4) == "abcdef");
  }
}

TEST_CASE("A local reply ends the connection only when a body is still on its way") {
  Harness h;
  h.DirectResponse("/known", 200, "hi");
  h.Start();
  Client client = h.Connect();
  for (int i = 0; i < 3; ++i) {
    REQUIRE_FALSE(client.Get("/known").Has("connection"));
    REQUIRE_FALSE(client.Get("/unknown").Has("connection"));
    REQUIRE(client.Head("/known").Get("content-length") == "2");
  }
  REQUIRE(h.Stat("http.ingress.downstream_rq_response_before_rq_complete") == 0);
  // As Envoy: also when the body came in the same packet.
  REQUIRE(client.Post("/known", "body").Get("connection") == "close");
  REQUIRE(client.AwaitEnd() == WireEnd::kFin);
}

TEST_CASE("The connection ends after the configured number of requests") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Manager().max_requests_per_connection = 2;
  h.Start();
  Client client = h.Connect();
  REQUIRE_FALSE(client.Get("/").Has("connection"));
  REQUIRE(client.Get("/").Get("connection") == "close");
  REQUIRE(client.AwaitEnd() == WireEnd::kFin);
  REQUIRE(h.Stat("http.ingress.downstream_cx_max_requests_reached") == 1);
}

TEST_CASE("The upstream connection ends after the configured number of requests") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Cluster("up").max_requests_per_connection = 2;
  h.Start();
  Client client = h.Connect();
  for (int i = 0; i < 5; ++i) REQUIRE(client.Get("/").status == 200);
  REQUIRE(up.connections() == 3);
  REQUIRE(h.Stat("cluster.up.upstream_cx_max_requests") == 2);
}

TEST_CASE("The absolute form reaches the upstream in origin form with the URL's host") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up", "url.example");
  h.Start();
  Client client = h.Connect();
  client.Send("GET http://url.example/x?y=1 HTTP/1.1\r\nhost: other.example\r\n\r\n");
  REQUIRE(client.ReceiveResponse().status == 200);
  REQUIRE(up.requests()[0].target == "/x?y=1");
  REQUIRE(up.requests()[0].Get("host") == "url.example");
  REQUIRE(up.requests()[0].Count("host") == 1);
}

}  // namespace
}  // namespace remora::harness
