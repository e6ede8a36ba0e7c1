// An upstream that answers byte by byte: what comes is passed on at once, and nobody else waits.

#include <catch2/catch.hpp>

#include "test/harness/harness.h"

namespace remora::harness {
namespace {

TEST_CASE("A response that comes byte by byte streams through while others are served") {
  Harness h;
  auto slow = h.Upstream("slow");
  h.Upstream("fast").Respond(200, "fast");
  h.Route("/slow", "slow");
  h.Route("/", "fast");
  h.Start();
  Client waiting = h.Connect();
  Client other = h.Connect();
  waiting.Send(MakeRequest("GET", "/slow"));
  Wire server = slow.Accept();
  server.ReceiveRequest();
  // The head, too, a byte at a time: nothing of it may be passed on before it is whole.
  for (const char c : std::string_view("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n")) {
    server.Send({&c, 1});
    if (c == '\n') REQUIRE(other.Get("/").body == "fast");
  }
  waiting.ReceiveUntil("\r\n\r\n");
  for (int i = 0; i < 20; ++i) {
    const char byte = static_cast<char>('a' + i);
    server.Send({&byte, 1});
    // It is there before the next one is sent.
    REQUIRE(waiting.ReceiveExactly(1) == std::string(1, byte));
    if (i % 5 == 0) REQUIRE(other.Get("/").body == "fast");
  }
  // The exchange is over: the connection serves the next one.
  waiting.Send(MakeRequest("GET", "/slow/again"));
  REQUIRE(server.ReceiveRequest().target == "/slow/again");
  REQUIRE(h.Stat("cluster.slow.upstream_cx_total") == 1);
}

TEST_CASE("Chunks that come byte by byte stream through") {
  Harness h;
  auto slow = h.Upstream("slow");
  h.Route("/", "slow");
  h.Start();
  Client client = h.Connect();
  client.Send(MakeRequest("GET", "/"));
  Wire server = slow.Accept();
  server.ReceiveRequest();
  server.Send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
  client.ReceiveUntil("\r\n\r\n");
  for (const char* chunk : {"1\r\na\r\n", "2\r\nbc\r\n"}) {
    for (const char* at = chunk; *at != '\0'; ++at) server.Send({at, 1});
  }
  REQUIRE(client.ReceiveUntil("a").back() == 'a');
  REQUIRE(client.ReceiveUntil("c").back() == 'c');
  server.Send("0\r\n\r\n");
  client.ReceiveUntil("0\r\n\r\n");
}

TEST_CASE("A request body that the upstream takes byte by byte does not hold up others") {
  Harness h;
  auto slow = h.Upstream("slow");
  h.Upstream("fast").Respond(200, "fast");
  h.Route("/slow", "slow");
  h.Route("/", "fast");
  h.Start();
  Client sender = h.Connect();
  const std::string body(64, 'x');
  sender.Send(MakeRequest("POST", "/slow", {}, body));
  Wire server = slow.Accept();
  server.ReceiveUntil("\r\n\r\n");
  Client other = h.Connect();
  for (size_t i = 0; i < body.size(); ++i) {
    REQUIRE(server.ReceiveExactly(1) == "x");
    if (i % 16 == 0) REQUIRE(other.Get("/").body == "fast");
  }
  server.Send(MakeResponse(200, "done"));
  REQUIRE(sender.ReceiveResponse().body == "done");
}

}  // namespace
}  // namespace remora::harness
