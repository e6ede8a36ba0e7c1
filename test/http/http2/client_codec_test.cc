#include "source/http/http2/client_codec.h"

#include "test/http/http2/codec_harness.h"

namespace remora::http2 {
namespace {

using http::Framing;
using wire::Fields;

TEST_CASE("a client says its limits first") {
  TestClient client;
  const std::string bytes = client.Bytes();
  CHECK(bytes.substr(0, 24) == "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  CHECK(client.reader.Read(bytes.substr(24)) ==
        "SETTINGS(2=0,4=524288,9=1) WINDOW_UPDATE(0,25100289)");
}

TEST_CASE("a request without a body and its answer") {
  TestClient client;
  client.Open();
  client.Begin("GET", "/x", Framing::kNone, 0, {{"accept", "*/*"}});
  CHECK(client.Frames() ==
        "HEADERS(1,end,:method=GET,:scheme=http,:authority=a,:path=/x,accept=*/*)");
  CHECK_FALSE(client.Exchange(1).stream->ResponseStarted());
  REQUIRE(client.Feed(wire::Headers(1, {{":status", "200"}, {"a", "b"}}, false)).ok());
  CHECK(client.Exchange(1).stream->ResponseStarted());
  REQUIRE(client.Feed(wire::Data(1, "hi") + wire::Data(1, "", true)).ok());
  CHECK(client.Events() == "r1:head(200 a=b) r1:data(hi) r1:end");
  CHECK(client.Exchange(1).recorder.last_head->framing == Framing::kStreamed);
  CHECK(client.codec.streams() == 0);
}

TEST_CASE("a request with a body, trailers both ways") {
  TestClient client;
  client.Open();
  client.Begin("POST", "/", Framing::kStreamed, 0, {{"te", "trailers"}});
  client.Send(1, "abc");
  client.End(1, {{"checksum", "1"}});
  CHECK(client.Frames() ==
        "HEADERS(1,:method=POST,:scheme=http,:authority=a,:path=/,te=trailers) DATA(1,abc) "
        "HEADERS(1,end,checksum=1)");
  REQUIRE(client
              .Feed(wire::Headers(1, {{":status", "200"}}, false) + wire::Data(1, "x") +
                    wire::Headers(1, {{"grpc-status", "0"}}))
              .ok());
  CHECK(client.Events() == "r1:head(200) r1:data(x) r1:end(grpc-status=0)");
}

TEST_CASE("announced lengths are sent, and not taken from the map") {
  TestClient client;
  client.Open();
  client.Begin("POST", "/", Framing::kLength, 2, {{"content-length", "77"}});
  client.Send(1, "ab");
  client.End(1);
  CHECK(client.Frames() ==
        "HEADERS(1,:method=POST,:scheme=http,:authority=a,:path=/,content-length=2) "
        "DATA(1,end,ab)");
}

TEST_CASE("what a filter wrote into a path cannot break it apart") {
  TestClient client;
  client.Open();
  client.Begin("GET", "/a b\r\n\x01", Framing::kNone);
  CHECK(client.Frames() ==
        "HEADERS(1,end,:method=GET,:scheme=http,:authority=a,:path=/a%20b%0D%0A%01)");
}

TEST_CASE("interim answers, and too many of them") {
  TestClient client;
  client.Open();
  client.Begin("GET", "/", Framing::kNone);
  REQUIRE(client
              .Feed(wire::Headers(1, {{":status", "103"}}, false) +
                    wire::Headers(1, {{":status", "200"}}))
              .ok());
  CHECK(client.Events() == "r1:head(200) r1:end");
  client.Begin("GET", "/", Framing::kNone);
  absl::Status status;
  for (int i = 0; i < 65; ++i) {
    status = client.Feed(wire::Headers(3, {{":status", "103"}}, false));
  }
  CHECK_FALSE(status.ok());
}

TEST_CASE("answers without a body") {
  TestClient client;
  client.Open();
  client.Begin("HEAD", "/", Framing::kNone);
  client.Begin("GET", "/", Framing::kNone);
  client.Begin("GET", "/", Framing::kNone);
  REQUIRE(client
              .Feed(wire::Headers(1, {{":status", "200"}, {"content-length", "9"}}) +
                    wire::Headers(3, {{":status", "304"}, {"content-length", "9"}}) +
                    wire::Headers(5, {{":status", "204"}}, false) + wire::Data(5, "", true))
              .ok());
  CHECK(client.Events() ==
        "r1:head(200 content-length=9) r1:end r2:head(304 content-length=9) r2:end r3:head(204) "
        "r3:end");
}

TEST_CASE("answers that are refused end the connection") {
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"no status", wire::Headers(1, {{"a", "b"}})},
      {"status of two digits", wire::Headers(1, {{":status", "20"}})},
      {"status with letters", wire::Headers(1, {{":status", "2x0"}})},
      {"status 600", wire::Headers(1, {{":status", "600"}})},
      {"101", wire::Headers(1, {{":status", "101"}}, false)},
      {"interim answer that ends", wire::Headers(1, {{":status", "103"}})},
      {"pseudo-header of requests", wire::Headers(1, {{":status", "200"}, {":path", "/"}})},
      {"connection field", wire::Headers(1, {{":status", "200"}, {"connection", "close"}})},
      {"upper case", wire::Headers(1, {{":status", "200"}, {"A", "b"}})},
      {"CRLF", wire::Headers(1, {{":status", "200"}, {"a", "b\r\nset-cookie: c"}})},
      {"length that does not come",
       wire::Headers(1, {{":status", "200"}, {"content-length", "5"}})},
      {"DATA before the head", wire::Data(1, "x")},
      {"a second head", wire::Headers(1, {{":status", "200"}}, false) +
                            wire::Headers(1, {{":status", "200"}}, false)},
      {"PUSH_PROMISE",
       wire::Frame(wire::kPushPromise, 4, 1, wire::Number(2, 4) + wire::Block(wire::Get()))},
  };
  for (const auto& [what, bytes] : cases) {
    INFO(what);
    TestClient client;
    client.Open();
    client.Begin("GET", "/", Framing::kNone);
    CHECK_FALSE(client.Feed(bytes).ok());
    CHECK(client.Exchange(1).recorder.ends == 0);
    CHECK(client.codec.failed());
    CHECK_FALSE(client.codec.Reusable());
  }
}

TEST_CASE("an answer of another length than announced costs its stream alone") {
  const std::string head = wire::Headers(1, {{":status", "200"}, {"content-length", "3"}}, false);
  for (const std::string& bytes :
       {head + wire::Data(1, "xxxx"), head + wire::Data(1, "xx", true),
        wire::Headers(1, {{":status", "204"}}, false) + wire::Data(1, "x")}) {
    TestClient client;
    client.Open();
    client.Begin("GET", "/", Framing::kNone);
    client.Frames();
    REQUIRE(client.Feed(bytes).ok());
    CHECK(client.Exchange(1).recorder.ends == 0);
    CHECK(client.Events().find("r1:reset(protocol_error)") != std::string::npos);
    CHECK(client.Frames() == "RST_STREAM(1,1)");
    CHECK(client.codec.Reusable());
  }
}

TEST_CASE("a server's resets, and which are safe to try again") {
  TestClient client;
  client.Open();
  client.Begin("GET", "/1", Framing::kNone);
  client.Begin("GET", "/2", Framing::kNone);
  client.Frames();
  REQUIRE(client.Feed(wire::RstStream(1, 7) + wire::RstStream(3, 2)).ok());
  CHECK(client.Events() == "r1:reset(remote_refused) r2:reset(remote_reset)");
  CHECK(client.codec.Reusable());
}

TEST_CASE("GOAWAY refuses what it does not count") {
  TestClient client;
  client.Open();
  client.Begin("GET", "/1", Framing::kNone);
  client.Begin("GET", "/2", Framing::kNone);
  client.Frames();
  REQUIRE(client.Feed(wire::GoAway(1, 0)).ok());
  CHECK(client.Events() == "r2:reset(remote_refused)");
  CHECK_FALSE(client.codec.Reusable());
  CHECK(client.codec.peer_going_away());
  REQUIRE(client.Feed(wire::Headers(1, {{":status", "200"}})).ok());
  CHECK(client.Events() == "r1:head(200) r1:end");
  CHECK(client.codec.streams() == 0);
}

TEST_CASE("as many streams as the server allows") {
  TestClient client;
  client.Open();
  REQUIRE(client.Feed(wire::Settings({{3, 2}})).ok());
  CHECK(client.capacity_changes > 0);
  client.Begin("GET", "/", Framing::kNone);
  CHECK(client.codec.Reusable());
  client.Begin("GET", "/", Framing::kNone);
  CHECK_FALSE(client.codec.Reusable());
  client.Frames();
  REQUIRE(client.Feed(wire::Headers(1, {{":status", "200"}})).ok());
  CHECK(client.codec.Reusable());
  REQUIRE(client.Feed(wire::Settings({{3, 0}})).ok());
  CHECK_FALSE(client.codec.Reusable());
}

TEST_CASE("cancelling ends one stream") {
  TestClient client;
  client.Open();
  client.Begin("GET", "/1", Framing::kNone);
  client.Begin("GET", "/2", Framing::kNone);
  client.Frames();
  client.Exchange(1).stream->OnReset({http::Side::kLocal, http::ErrorKind::kLocalReset});
  CHECK(client.Frames() == "RST_STREAM(1,8)");
  // What was on its way.
  REQUIRE(client.Feed(wire::Headers(1, {{":status", "200"}}, false) + wire::Data(1, "x")).ok());
  REQUIRE(client.Feed(wire::Headers(3, {{":status", "200"}})).ok());
  CHECK(client.Events() == "r2:head(200) r2:end");
}

TEST_CASE("cancelling in the same turn, and before the head") {
  TestClient client;
  client.Open();
  client.Begin("POST", "/", Framing::kStreamed);
  client.Send(1, "abc");
  client.Exchange(1).stream->OnReset({http::Side::kLocal, http::ErrorKind::kLocalReset});
  base::Arena arena(client.pools.arenas);
  fakes::Recorder<http::ResponseHead> sink(client.journal, "x");
  client.codec.NewStream(sink, arena).OnReset({http::Side::kLocal, http::ErrorKind::kLocalReset});
  client.Frames();
  REQUIRE(client.Again().ok());
  CHECK(client.codec.streams() == 0);
  CHECK(client.Events().empty());
}

TEST_CASE("an answer that does not wait for its request ends it") {
  TestClient client;
  client.Open();
  client.Begin("POST", "/", Framing::kLength, 100);
  client.Send(1, "part");
  client.Frames();
  REQUIRE(client.Feed(wire::Headers(1, {{":status", "413"}}) + wire::RstStream(1, 0)).ok());
  CHECK(client.Events() == "r1:head(413) r1:end");
  client.Frames();
  CHECK(client.codec.streams() == 0);
}

TEST_CASE("a paused answer outlives its stream on the wire") {
  TestClient client;
  client.Open();
  client.Begin("GET", "/", Framing::kNone);
  client.Frames();
  client.Exchange(1).stream->Pause(http::PauseReason::kConnectionFull);
  REQUIRE(
      client.Feed(wire::Headers(1, {{":status", "200"}}, false) + wire::Data(1, "abc", true)).ok());
  CHECK(client.Events() == "r1:head(200)");
  client.Exchange(1).stream->Resume(http::PauseReason::kConnectionFull);
  CHECK(client.interest_changes == 1);
  REQUIRE(client.Again().ok());
  CHECK(client.Events() == "r1:data(abc) r1:end");
  CHECK(client.codec.streams() == 0);
  // And one that is given up while it waits.
  client.Begin("GET", "/", Framing::kNone);
  client.Frames();
  client.Exchange(2).stream->Pause(http::PauseReason::kConnectionFull);
  REQUIRE(
      client.Feed(wire::Headers(3, {{":status", "200"}}, false) + wire::Data(3, "abc", true)).ok());
  client.Exchange(2).stream->OnReset({http::Side::kLocal, http::ErrorKind::kLocalReset});
  REQUIRE(client.Again().ok());
  CHECK(client.codec.streams() == 0);
  CHECK(client.Events() == "r2:head(200)");
}

TEST_CASE("an upgrade is an extended CONNECT, its 200 a 101") {
  TestClient client;
  client.Open();
  client.upgrade = "websocket";
  client.Begin("GET", "/chat", Framing::kTunnel);
  CHECK(client.Frames() ==
        "HEADERS(1,:method=CONNECT,:scheme=http,:authority=a,:path=/chat,:protocol=websocket)");
  REQUIRE(client.Feed(wire::Headers(1, {{":status", "200"}}, false) + wire::Data(1, "x")).ok());
  CHECK(client.Events() == "r1:head(101) r1:data(x)");
  CHECK(client.Exchange(1).recorder.last_head->upgrade == "websocket");
  CHECK(client.Exchange(1).recorder.last_head->framing == Framing::kTunnel);
}

TEST_CASE("the end of the connection cuts answers") {
  TestClient client;
  client.Open();
  CHECK(client.codec.OnInputEnd().ok());
  client.Begin("GET", "/", Framing::kNone);
  CHECK_FALSE(client.codec.OnInputEnd().ok());
}

// --- both codecs, back to back ---

void Exchange(TestClient& client, TestServer& server) {
  for (int i = 0; i < 10; ++i) {
    const std::string up = client.Bytes();
    if (!up.empty()) REQUIRE(server.Feed(up).ok());
    const std::string down = server.Bytes();
    if (!down.empty()) REQUIRE(client.Feed(down).ok());
    if (up.empty() && down.empty()) return;
  }
}

TEST_CASE("a client and a server understand each other") {
  TestClient client;
  TestServer server;
  Exchange(client, server);
  for (size_t n = 1; n <= 50; ++n) {
    client.Begin("POST", "/" + std::to_string(n), Framing::kLength, 70000,
                 {{"x-request-id", std::to_string(n)}, {"cookie", "a=b"}});
    client.Send(n, std::string(70000, 'x'));
    client.End(n, {});
  }
  Exchange(client, server);
  REQUIRE(server.exchanges.size() == 50);
  for (size_t n = 50; n >= 1; --n) {
    CHECK(server.Exchange(n).recorder.body.size() == 70000);
    CHECK(server.Exchange(n).recorder.last_head->path == "/" + std::to_string(n));
    server.Respond(n, 200, std::string(70000 + n, 'y'));
  }
  for (int i = 0; i < 200 && client.codec.streams() > 0; ++i) Exchange(client, server);
  for (size_t n = 1; n <= 50; ++n) {
    CHECK(client.Exchange(n).recorder.body.size() == 70000 + n);
    CHECK(client.Exchange(n).recorder.ends == 1);
  }
  CHECK(server.codec.streams() == 0);
}

}  // namespace
}  // namespace remora::http2
