// CONNECT and upgrades: when bytes are no HTTP any more, and when they still are.

#include "test/http/http1/codec_harness.h"

namespace remora::http1 {
namespace {

constexpr char kUpgrade[] =
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

// The answer that agrees, as an upstream's codec would give it.
void Agree(TestServer& server, uint16_t status) {
  auto* head = server.arena->New<http::ResponseHead>(*server.arena);
  head->status = status;
  head->framing = http::Framing::kTunnel;
  if (status == 101) head->upgrade = "websocket";
  server.stream->OnHead(*head);
}

TEST_CASE("an upgrade opens with 101 and not before") {
  TestServer server;
  REQUIRE(server.Feed(std::string(kUpgrade) + "early").ok());
  CHECK(server.head->upgrade == "websocket");
  CHECK(server.head->framing == http::Framing::kTunnel);
  CHECK_FALSE(server.codec.WantsInput());
  CHECK(server.input.length() == 5);
  Agree(server, 101);
  CHECK(server.TakeOutput() ==
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
  CHECK(server.codec.WantsInput());
  CHECK(server.interest_changes == 1);
  REQUIRE(server.Feed(" late").ok());
  CHECK(server.log.ends_with("data early late"));
  server.RespondData("GET / HTTP/1.1\r\n");
  CHECK(server.TakeOutput() == "GET / HTTP/1.1\r\n");
  REQUIRE(server.FinishInput().ok());
  CHECK(server.log.ends_with("end\n"));
  server.RespondEnd();
  CHECK(server.log.ends_with("done, close\n"));
}

TEST_CASE("the end of a paused tunnel's input comes behind its bytes") {
  TestServer server;
  REQUIRE(server.Feed(kUpgrade).ok());
  Agree(server, 101);
  server.stream->Pause(http::PauseReason::kConnectionFull);
  CHECK_FALSE(server.codec.WantsInput());
  REQUIRE(server.Feed("last").ok());
  REQUIRE(server.FinishInput().ok());
  CHECK_FALSE(server.log.ends_with("end\n"));
  server.stream->Resume(http::PauseReason::kConnectionFull);
  REQUIRE(server.Feed("").ok());
  CHECK(server.log.ends_with("data last\nend\n"));
}

TEST_CASE("another answer to an upgrade is an answer, and the last one") {
  TestServer server;
  REQUIRE(server.Feed(std::string(kUpgrade) + "GET /smuggled HTTP/1.1\r\n\r\n").ok());
  server.RespondHead(200, http::Framing::kLength, 2);
  server.RespondData("ok");
  server.RespondEnd();
  CHECK(server.TakeOutput() ==
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
  CHECK(server.requests == 1);
}

TEST_CASE("what is no upgrade for us goes on as HTTP/1.1") {
  ServerOptions options;
  options.ignores_upgrade = [](std::string_view protocol) { return protocol == "TLS/1.2"; };
  for (const char* fields :
       {"Upgrade: websocket\r\n", "Connection: upgrade\r\n",
        "Connection: upgrade\r\nUpgrade: h2c\r\n", "Connection: Upgrade\r\nUpgrade: H2C\r\n",
        "Connection: upgrade\r\nUpgrade: TLS/1.2\r\n"}) {
    INFO(fields);
    TestServer server(options);
    REQUIRE(server.Feed(std::string("GET / HTTP/1.1\r\nHost: a\r\n") + fields + "\r\n").ok());
    CHECK(server.head->upgrade.empty());
    CHECK(server.head->framing == http::Framing::kNone);
    CHECK_FALSE(server.head->headers.Has(http::HeaderId::kUpgrade));
  }
}

TEST_CASE("upgrades that two could read in two ways are refused") {
  for (const char* fields :
       {"Content-Length: 1\r\n", "Transfer-Encoding: chunked\r\n", "Upgrade: foo\r\n"}) {
    INFO(fields);
    TestServer server;
    std::string request(kUpgrade);
    request.insert(request.size() - 2, fields);
    CHECK_FALSE(server.Feed(request).ok());
    CHECK(server.codec.error().status == 400);
  }
}

TEST_CASE("who asks for a tunnel and goes is gone") {
  TestServer server;
  REQUIRE(server.Feed(kUpgrade).ok());
  CHECK_FALSE(server.FinishInput().ok());
}

// Asks an upstream for a tunnel.
void Ask(TestClient& client, std::string_view upgrade) {
  client.arena = std::make_unique<base::Arena>(client.pools.arenas);
  auto* head = client.arena->New<http::RequestHead>(*client.arena);
  head->method = upgrade.empty() ? "CONNECT" : "GET";
  head->method_id = MethodOf(head->method);
  head->authority = "a:1";
  head->path = upgrade.empty() ? "" : "/";
  head->upgrade = upgrade;
  head->framing = http::Framing::kTunnel;
  client.stream = &client.codec.NewStream(client.recorder, *client.arena);
  client.stream->OnHead(*head);
}

void Send(TestClient& client, std::string_view bytes) {
  buffer::Buffer data(client.pools.blocks);
  data.Append(bytes);
  client.stream->OnData(data);
}

TEST_CASE("an upstream agrees to an upgrade") {
  TestClient client;
  Ask(client, "websocket");
  CHECK(client.TakeOutput() ==
        "GET / HTTP/1.1\r\nhost: a:1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
  REQUIRE(client
              .Feed("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                    "Upgrade: WebSocket\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
              .ok());
  CHECK(client.log.ends_with("data HTTP/1.1 200 OK\r\n\r\n"));
  Send(client, "bytes");
  CHECK(client.TakeOutput() == "bytes");
  CHECK(client.tunnel_ends == 0);
  client.stream->OnEnd(nullptr);
  CHECK(client.tunnel_ends == 1);
  CHECK(client.TakeOutput().empty());
  REQUIRE(client.codec.OnInputEnd().ok());
  CHECK(client.log.ends_with("end\n"));
  CHECK_FALSE(client.codec.Reusable());
}

TEST_CASE("an upstream agrees to CONNECT, whatever length it claims") {
  TestClient client;
  Ask(client, "");
  CHECK(client.TakeOutput() == "CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n");
  REQUIRE(client.Feed("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc").ok());
  CHECK(client.log.ends_with("data abc"));
}

TEST_CASE("101 to nothing, or to something else, is no HTTP") {
  const std::string status = "HTTP/1.1 101 Switching Protocols\r\n";
  for (const char* fields :
       {"", "Upgrade: websocket\r\n", "Connection: upgrade\r\n",
        "Connection: upgrade\r\nUpgrade: foo\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n"}) {
    INFO(fields);
    TestClient client;
    Ask(client, "websocket");
    CHECK_FALSE(client.Feed(status + fields + "\r\n").ok());
  }
  TestClient plain;
  plain.Request("GET", "/");
  CHECK_FALSE(plain.Feed(status + "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n").ok());
}

TEST_CASE("an upstream that declines is not asked again on that connection") {
  TestClient client;
  Ask(client, "websocket");
  REQUIRE(client.Feed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").ok());
  CHECK(client.log.ends_with("data ok\nend\n"));
  CHECK_FALSE(client.codec.Reusable());
}

TEST_CASE("nothing is sent into a tunnel that is not open") {
  TestClient client;
  Ask(client, "websocket");
  client.TakeOutput();
  Send(client, "early");
  CHECK(client.TakeOutput().empty());
  CHECK(client.unusable == 1);
}

}  // namespace
}  // namespace remora::http1
