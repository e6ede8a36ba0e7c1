#include <catch2/catch.hpp>

#include "test/harness/harness.h"

namespace remora::harness {
namespace {

ScriptedUpstream::Answer Echo(const Message& request) {
  return {MakeResponse(200, request.body), false};
}

TEST_CASE("A chunked request stays chunked on its way to the upstream") {
  Harness h;
  auto up = h.Upstream("up").Run(Echo);
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  client.Send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n" +
              MakeChunked("hello world", 4));
  REQUIRE(client.ReceiveResponse().body == "hello world");
  REQUIRE(up.requests()[0].chunked);
  REQUIRE(up.requests()[0].body == "hello world");
  REQUIRE_FALSE(up.requests()[0].Has("content-length"));
}

TEST_CASE("A chunked response stays chunked on its way to the client") {
  Harness h;
  auto up = h.Upstream("up").RespondWith("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" +
                                         MakeChunked("hello world", 3));
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  for (int i = 0; i < 2; ++i) {
    const Message response = client.Get("/");
    REQUIRE(response.chunked);
    REQUIRE(response.body == "hello world");
  }
  REQUIRE(up.connections() == 1);
}

TEST_CASE("A response without a length becomes chunked") {
  Harness h;
  auto up = h.Upstream("up").RespondWith("HTTP/1.1 200 OK\r\n\r\nuntil the end", true);
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  for (int i = 0; i < 2; ++i) {
    const Message response = client.Get("/");
    REQUIRE(response.chunked);
    REQUIRE(response.body == "until the end");
  }
}

TEST_CASE("Chunks arrive while the message is not complete") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  client.Send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
  Wire server = up.Accept();
  server.ReceiveUntil("\r\n\r\n");
  client.Send("3\r\nabc\r\n");
  REQUIRE(server.ReceiveUntil("\r\nabc\r\n") == "3\r\nabc\r\n");
  server.Send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nxy\r\n");
  REQUIRE(client.ReceiveUntil("xy\r\n").find("2\r\nxy\r\n") != std::string::npos);
  client.Send("0\r\n\r\n");
  REQUIRE(server.ReceiveUntil("0\r\n\r\n") == "0\r\n\r\n");
  server.Send("0\r\n\r\n");
  REQUIRE(client.ReceiveUntil("0\r\n\r\n") == "0\r\n\r\n");
}

TEST_CASE("Trailers are passed on when both sides allow them") {
  const std::string chunked =
      "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nx-check: 1\r\nhost: evil\r\n\r\n";
  Harness h;
  auto up = h.Upstream("up").RespondWith("HTTP/1.1 200 OK\r\n" + chunked);
  h.Route("/", "up");
  const bool enabled = GENERATE(true, false);
  h.Manager().enable_trailers = enabled;
  h.Cluster("up").enable_trailers = enabled;
  h.Start();
  Client client = h.Connect();
  client.Send("POST / HTTP/1.1\r\nhost: a\r\n" + chunked);
  const Message response = client.ReceiveResponse();
  REQUIRE(response.body == "ab");
  const Message request = up.requests()[0];
  REQUIRE(request.body == "ab");
  // What frames or routes a message never travels in trailers (RFC 9110 section 6.5.1).
  for (const auto& trailers : {request.trailers, response.trailers}) {
    REQUIRE(trailers.size() == (enabled ? 1 : 0));
    if (enabled) REQUIRE(trailers[0].name == "x-check");
  }
}

TEST_CASE("HEAD, 204 and 304 have no body and keep the connection") {
  Harness h;
  auto up = h.Upstream("up").Run([](const Message& request) -> ScriptedUpstream::Answer {
    if (request.method == "HEAD") return {"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", false};
    if (request.target == "/204") return {"HTTP/1.1 204 No Content\r\n\r\n", false};
    if (request.target == "/304") {
      return {"HTTP/1.1 304 Not Modified\r\ncontent-length: 1000\r\netag: \"a\"\r\n\r\n", false};
    }
    return {MakeResponse(200, "hi"), false};
  });
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  const Message head = client.Head("/");
  REQUIRE(head.status == 200);
  REQUIRE(head.Get("content-length") == "1000");
  const Message none = client.Get("/204");
  REQUIRE(none.status == 204);
  REQUIRE_FALSE(none.Has("content-length"));
  REQUIRE_FALSE(none.Has("transfer-encoding"));
  const Message unchanged = client.Get("/304");
  REQUIRE(unchanged.status == 304);
  REQUIRE(unchanged.Get("etag") == "\"a\"");
  REQUIRE(client.Get("/").body == "hi");
  REQUIRE(up.connections() == 1);
}

TEST_CASE("Expect: 100-continue is answered by the proxy and not passed on") {
  Harness h;
  auto up = h.Upstream("up").Run(Echo);
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  client.Send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n");
  REQUIRE(client.ReceiveUntil("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("body");
  REQUIRE(client.ReceiveResponse().body == "body");
  REQUIRE_FALSE(up.requests()[0].Has("expect"));
}

TEST_CASE("Interim responses of the upstream are not mistaken for the answer") {
  Harness h;
  auto up = h.Upstream("up").RespondWith(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" +
      MakeResponse(200, "final"));
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  for (int i = 0; i < 2; ++i) REQUIRE(client.Get("/").body == "final");
  REQUIRE(up.connections() == 1);
}

std::string Pattern(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return text;
}

TEST_CASE("Large bodies arrive whole in both directions") {
  Harness h;
  auto up = h.Upstream("up").Run(Echo);
  h.Route("/", "up");
  h.Start();
  const size_t mebibytes = GENERATE(1u, 16u);
  const std::string body = Pattern(mebibytes * 1024 * 1024 + 13);
  Client client = h.Connect();
  const Message echoed = client.Post("/", body);
  REQUIRE(echoed.status == 200);
  REQUIRE((echoed.body == body));
  client.Send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n" +
              MakeChunked(body, 10007));
  REQUIRE((client.ReceiveResponse().body == body));
}

constexpr size_t kLimit = 64 * 1024;
// How much a stuck path may hold, with what the kernel's socket buffers take on loopback.
constexpr size_t kMostHeld = 16 * 1024 * 1024;
// And the proxy itself: output up to the limit, and two reads before a flush shows that it is full.
constexpr size_t kMostBuffered = 3 * kLimit + 64 * 1024;

TEST_CASE("A client that does not read holds back the upstream, and memory stays bounded") {
  Harness h;
  auto up = h.Upstream("up");
  h.Forward("/", "up").timeout = 0;
  h.Listener().per_connection_buffer_limit = kLimit;
  h.Cluster("up").per_connection_buffer_limit = kLimit;
  h.Start();
  Client client = h.Connect();
  client.Send(MakeRequest("GET", "/"));
  Wire server = up.Accept();
  server.ReceiveRequest();
  const std::string body = Pattern(64 * 1024 * 1024);
  server.Send("HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n");
  const size_t sent = server.SendUntilStuck(body);
  REQUIRE(sent < kMostHeld);
  REQUIRE(h.Stat("cluster.up.upstream_flow_control_paused_reading_total") > 0);
  const uint64_t received = h.Stat("cluster.up.upstream_cx_rx_bytes_total");
  const uint64_t passed_on = h.Stat("http.ingress.downstream_cx_tx_bytes_total");
  // What the proxy itself holds.
  REQUIRE(received - passed_on < kMostBuffered);
  std::thread rest([&] { server.Send(std::string_view(body).substr(sent)); });
  const Message response = client.ReceiveResponse();
  rest.join();
  REQUIRE((response.body == body));
  REQUIRE(h.Stat("cluster.up.upstream_flow_control_resumed_reading_total") > 0);
}

TEST_CASE("An upstream that does not read holds back the client, and memory stays bounded") {
  Harness h;
  auto up = h.Upstream("up");
  h.Forward("/", "up").timeout = 0;
  h.Listener().per_connection_buffer_limit = kLimit;
  h.Cluster("up").per_connection_buffer_limit = kLimit;
  h.Start();
  Client client = h.Connect();
  const std::string body = Pattern(64 * 1024 * 1024);
  client.Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: " + std::to_string(body.size()) +
              "\r\n\r\n");
  Wire server = up.Accept();
  server.ReceiveUntil("\r\n\r\n");
  const size_t sent = client.SendUntilStuck(body);
  REQUIRE(sent < kMostHeld);
  REQUIRE(h.Stat("cluster.up.upstream_flow_control_backed_up_total") > 0);
  const uint64_t received = h.Stat("http.ingress.downstream_cx_rx_bytes_total");
  const uint64_t passed_on = h.Stat("cluster.up.upstream_cx_tx_bytes_total");
  REQUIRE(received - passed_on < kMostBuffered);
  std::thread rest([&] { client.Send(std::string_view(body).substr(sent)); });
  REQUIRE((server.ReceiveExactly(body.size()) == body));
  rest.join();
  server.Send(MakeResponse(200, "all"));
  REQUIRE(client.ReceiveResponse().body == "all");
}

}  // namespace
}  // namespace remora::harness
