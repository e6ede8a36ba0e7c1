#include "source/http/http2/server_codec.h"

#include "test/http/http2/codec_harness.h"

namespace remora::http2 {
namespace {

using http::Framing;
using wire::Fields;

TEST_CASE("a server says its limits first") {
  TestServer server;
  CHECK(server.Frames() == "SETTINGS(3=1024,4=524288,9=1) WINDOW_UPDATE(0,25100289)");
  REQUIRE(server.Feed(wire::Preface()).ok());
  CHECK(server.Frames() == "SETTINGS(ack)");
}

TEST_CASE("options are settings on the wire") {
  CodecOptions options;
  options.protocol.hpack_table_size = 0;
  options.protocol.max_concurrent_streams = 3;
  options.protocol.initial_stream_window_size = 65535;
  options.protocol.initial_connection_window_size = 65535;
  options.protocol.allow_connect = true;
  options.protocol.custom_settings = {{0x10, 7}};
  TestServer server(options);
  CHECK(server.Frames() == "SETTINGS(1=0,3=3,8=1,4=65535,9=1,16=7)");
}

TEST_CASE("a request without a body is answered") {
  TestServer server;
  server.Open();
  REQUIRE(server.Feed(wire::Headers(1, wire::Get("/x?y", {{"accept", "*/*"}}))).ok());
  CHECK(server.Events() == "r1:head(GET /x?y accept=*/*) r1:end");
  const http::RequestHead& head = *server.Exchange(1).recorder.last_head;
  CHECK(head.scheme == "http");
  CHECK(head.authority == "a");
  CHECK(head.framing == Framing::kNone);
  CHECK(head.version == http::Version::kHttp2);
  server.Respond(1, 200, "hi");
  CHECK(server.Events().empty());  // not sent yet
  CHECK(server.Frames() == "HEADERS(1,:status=200,content-length=2) DATA(1,end,hi)");
  CHECK(server.Events() == "r1:done");
  CHECK(server.codec.streams() == 0);
}

TEST_CASE("frames are counted where the exchange says") {
  TestServer server;
  server.Open();
  const std::string head = wire::Headers(1, wire::Post(), false);
  const std::string data = wire::Data(1, "hello", true);
  REQUIRE(server.Feed(head + data).ok());
  const http::WireBytes& wire = server.Exchange(1).wire;
  CHECK(wire.head_received == head.size());
  CHECK(wire.received == head.size() + data.size());
  server.Respond(1, 200, "hi");
  const size_t sent = server.Bytes().size();
  CHECK(wire.sent == sent);
  CHECK(wire.head_sent == sent - 9 - 2);
}

TEST_CASE("bytes may come one by one") {
  TestServer server;
  server.Frames();
  const std::string bytes = wire::Preface() +
                            wire::Headers(1, wire::Post({{"content-length", "5"}}), false) +
                            wire::Data(1, "hello", true);
  REQUIRE(server.FeedPieces(bytes, 1).ok());
  CHECK(server.Exchange(1).recorder.body == "hello");
  CHECK(server.Exchange(1).recorder.ends == 1);
}

TEST_CASE("a body of unknown length, and trailers both ways") {
  TestServer server;
  server.Open();
  REQUIRE(server
              .Feed(wire::Headers(1, wire::Post({{"te", "trailers"}}), false) +
                    wire::Data(1, "ab") + wire::Headers(1, {{"grpc-status", "0"}}))
              .ok());
  CHECK(server.Events() == "r1:head(POST / te=trailers) r1:data(ab) r1:end(grpc-status=0)");
  CHECK(server.Exchange(1).recorder.last_head->framing == Framing::kStreamed);
  server.RespondHead(1, 200, Framing::kStreamed);
  server.RespondData(1, "x");
  server.RespondEnd(1, {{"grpc-status", "0"}});
  CHECK(server.Frames() == "HEADERS(1,:status=200) DATA(1,x) HEADERS(1,end,grpc-status=0)");
  CHECK(server.Events() == "r1:done");
}

TEST_CASE("trailers that decide about a message are left out") {
  TestServer server;
  server.Open();
  REQUIRE(server
              .Feed(wire::Headers(1, wire::Post(), false) +
                    wire::Headers(1, {{"content-length", "3"},
                                      {"authorization", "x"},
                                      {"x-envoy-retry-on", "5xx"},
                                      {"cookie", "a=b"},
                                      {"a", "b"}}))
              .ok());
  CHECK(server.Events() == "r1:head(POST /) r1:end(a=b)");
}

TEST_CASE("the end of a body goes with its last bytes") {
  TestServer server;
  server.Open();
  REQUIRE(server.Feed(wire::Headers(1, wire::Get())).ok());
  server.RespondHead(1, 200, Framing::kStreamed);
  server.RespondData(1, "a");
  CHECK(server.Frames() == "HEADERS(1,:status=200) DATA(1,a)");
  server.RespondData(1, "b");
  server.RespondEnd(1);
  CHECK(server.Frames() == "DATA(1,end,b)");
}

TEST_CASE("answers without a body end with their head") {
  TestServer server;
  server.Open();
  Fields head = wire::Get();
  head[0].second = "HEAD";
  REQUIRE(server
              .Feed(wire::Headers(1, head) + wire::Headers(3, wire::Get()) +
                    wire::Headers(5, wire::Get()) + wire::Headers(7, wire::Get()))
              .ok());
  server.RespondHead(1, 200, Framing::kLength, 9, {{"content-length", "9"}});
  server.RespondData(1, "123456789");
  server.RespondEnd(1);
  server.Respond(2, 204, "");
  server.RespondHead(3, 304, Framing::kNone, 0, {{"content-length", "77"}});
  server.RespondEnd(3);
  server.RespondHead(4, 200, Framing::kNone, 0, {{"content-length", "0"}});
  server.RespondEnd(4);
  CHECK(server.Frames() ==
        "HEADERS(1,end,:status=200,content-length=9) HEADERS(3,end,:status=204) "
        "HEADERS(5,end,:status=304,content-length=77) HEADERS(7,end,:status=200,content-length=0)");
}

TEST_CASE("fields of HTTP/1 are not written") {
  TestServer server;
  server.Open();
  REQUIRE(server.Feed(wire::Headers(1, wire::Get())).ok());
  server.RespondHead(1, 200, Framing::kNone, 0,
                     {{"connection", "close"},
                      {"keep-alive", "timeout=5"},
                      {"transfer-encoding", "chunked"},
                      {"upgrade", "h2c"},
                      {"proxy-connection", "x"},
                      {"a", "b"}});
  CHECK(server.Frames() == "HEADERS(1,end,:status=200,a=b)");
}

TEST_CASE("interim answers come before the answer") {
  TestServer server;
  server.Open();
  REQUIRE(server.Feed(wire::Headers(1, wire::Post({{"expect", "100-continue"}}), false)).ok());
  CHECK(server.Exchange(1).recorder.last_head->expects_continue);
  server.Stream(1).SendContinue();
  server.RespondHead(1, 103, Framing::kNone, 0, {{"link", "x"}});
  server.Respond(1, 200, "");
  CHECK(server.Frames() ==
        "HEADERS(1,:status=100) HEADERS(1,:status=103,link=x) HEADERS(1,end,:status=200) "
        "RST_STREAM(1,0)");
}

TEST_CASE("an answer before the end of its request ends the request") {
  TestServer server;
  server.Open();
  REQUIRE(server.Feed(wire::Headers(1, wire::Post(), false) + wire::Data(1, "a")).ok());
  server.Respond(1, 413, "no");
  // What still comes is nobody's.
  REQUIRE(server.Feed(wire::Data(1, "b")).ok());
  CHECK(server.Events() == "r1:head(POST /) r1:data(a) r1:done");
  CHECK(server.Frames() ==
        "HEADERS(1,:status=413,content-length=2) DATA(1,end,no) RST_STREAM(1,0)");
  REQUIRE(server.Feed(wire::Data(1, "c", true)).ok());
  CHECK(server.Frames().empty());
}

TEST_CASE("trailers whose rest comes when the exchange is over are nobody's") {
  TestServer server;
  server.Open();
  const std::string block = wire::Block({{"a", "b"}, {"c", "d"}});
  REQUIRE(server
              .Feed(wire::Headers(1, wire::Post(), false) +
                    wire::Frame(wire::kHeaders, wire::kEndStream, 1, block.substr(0, 5)))
              .ok());
  server.Respond(1, 200, "");
  server.Frames();
  CHECK(server.codec.streams() == 0);
  REQUIRE(
      server.Feed(wire::Frame(wire::kContinuation, wire::kEndHeaders, 1, block.substr(5))).ok());
  REQUIRE(server.Feed(wire::Headers(3, wire::Get())).ok());
  CHECK(server.Events() == "r1:head(POST /) r1:done r2:head(GET /) r2:end");
}

TEST_CASE("a client's reset ends the exchange") {
  TestServer server;
  server.Open();
  REQUIRE(server.Feed(wire::Headers(1, wire::Post(), false) + wire::Headers(3, wire::Get())).ok());
  server.Events();
  REQUIRE(server.Feed(wire::RstStream(1, 8) + wire::RstStream(3, 8)).ok());
  CHECK(server.Events() == "r1:reset(downstream_reset) r1:done r2:reset(downstream_reset) r2:done");
  CHECK(server.codec.streams() == 0);
}

TEST_CASE("a reset of ours is a stream's own") {
  TestServer server;
  server.Open();
  REQUIRE(server.Feed(wire::Headers(1, wire::Get()) + wire::Headers(3, wire::Get())).ok());
  server.Events();
  server.RespondHead(1, 200, Framing::kStreamed);
  server.RespondData(1, "part");
  CHECK(server.Frames() == "HEADERS(1,:status=200) DATA(1,part)");
  server.RespondData(1, "more");
  server.Stream(1).OnReset({http::Side::kUpstream, http::ErrorKind::kConnectionTermination});
  CHECK(server.Frames() == "DATA(1,more) RST_STREAM(1,2)");
  CHECK(server.Events() == "r1:done");
  server.Respond(2, 200, "");
  CHECK(server.Frames() == "HEADERS(3,end,:status=200)");
}

TEST_CASE("requests are answered in any order") {
  TestServer server;
  server.Open();
  REQUIRE(server.Feed(wire::Headers(1, wire::Get("/1")) + wire::Headers(3, wire::Get("/3"))).ok());
  server.Respond(2, 200, "three");
  server.Respond(1, 200, "one");
  CHECK(server.Frames() ==
        "HEADERS(3,:status=200,content-length=5) HEADERS(1,:status=200,content-length=3) "
        "DATA(1,end,one) DATA(3,end,three)");
}

TEST_CASE("cookies become one field") {
  TestServer server;
  server.Open();
  REQUIRE(server
              .Feed(wire::Headers(
                  1, wire::Get("/", {{"cookie", "a=1"}, {"b", "2"}, {"cookie", "c=3"}})))
              .ok());
  CHECK(server.Events() == "r1:head(GET / b=2 cookie=a=1; c=3) r1:end");
}

TEST_CASE("Host takes the place of a missing authority, and may repeat it") {
  TestServer server;
  server.Open();
  REQUIRE(server
              .Feed(wire::Headers(1, {{":method", "GET"},
                                      {":scheme", "https"},
                                      {":path", "/"},
                                      {"host", "b:8080"}}) +
                    wire::Headers(3, wire::Get("/", {{"host", "a"}})) +
                    wire::Headers(5, {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}))
              .ok());
  CHECK(server.Events() == "r1:head(GET /) r1:end r2:head(GET /) r2:end r3:head(GET /) r3:end");
  CHECK(server.Exchange(1).recorder.last_head->authority == "b:8080");
  CHECK(server.Exchange(1).recorder.last_head->scheme == "https");
  CHECK(server.Exchange(3).recorder.last_head->authority.empty());
}

TEST_CASE("CONNECT is a tunnel") {
  TestServer server;
  server.Open();
  REQUIRE(server
              .Feed(wire::Headers(1, {{":method", "CONNECT"}, {":authority", "a:443"}}, false) +
                    wire::Data(1, "up"))
              .ok());
  CHECK(server.Exchange(1).recorder.last_head->framing == Framing::kTunnel);
  server.RespondHead(1, 200, Framing::kTunnel);
  server.RespondData(1, "down");
  CHECK(server.Frames() == "HEADERS(1,:status=200) DATA(1,down)");
  REQUIRE(server.Feed(wire::Data(1, "", true)).ok());
  server.RespondEnd(1);
  CHECK(server.Frames() == "DATA(1,end)");
  CHECK(server.Events() == "r1:head(CONNECT ) r1:data(up) r1:end r1:done");
}

TEST_CASE("extended CONNECT is what HTTP/1 calls an upgrade") {
  CodecOptions options;
  options.protocol.allow_connect = true;
  TestServer server(options);
  server.Open();
  REQUIRE(server
              .Feed(wire::Headers(1,
                                  {{":method", "CONNECT"},
                                   {":protocol", "websocket"},
                                   {":scheme", "http"},
                                   {":path", "/chat"},
                                   {":authority", "a"}},
                                  false))
              .ok());
  const http::RequestHead& head = *server.Exchange(1).recorder.last_head;
  CHECK(server.Events() == "r1:head(GET /chat)");
  CHECK(head.upgrade == "websocket");
  CHECK(head.framing == Framing::kTunnel);
  server.RespondHead(1, 101, Framing::kTunnel);
  CHECK(server.Frames() == "HEADERS(1,:status=200)");
}

TEST_CASE("a drained connection says so in two steps") {
  TestServer server;
  server.Open();
  REQUIRE(server.Feed(wire::Headers(1, wire::Get())).ok());
  server.codec.SendShutdownNotice();
  CHECK(server.Frames() == "GOAWAY(2147483647,0)");
  // One that was on its way is served.
  REQUIRE(server.Feed(wire::Headers(3, wire::Get())).ok());
  server.codec.GoAway();
  CHECK(server.Frames() == "GOAWAY(3,0)");
  REQUIRE(server.Feed(wire::Headers(5, wire::Get())).ok());
  CHECK(server.exchanges.size() == 2);
  server.Respond(1, 200, "");
  server.Respond(2, 200, "");
  CHECK(server.Frames() == "HEADERS(1,end,:status=200) HEADERS(3,end,:status=200)");
  CHECK(server.codec.streams() == 0);
}

TEST_CASE("pings are answered, and ours are heard") {
  TestServer server;
  server.Open();
  REQUIRE(server.Feed(wire::Frame(wire::kPing, 0, 0, "12345678")).ok());
  CHECK(server.Frames() == "PING(ack)");
  server.codec.SendPing();
  CHECK(server.Frames() == "PING");
  REQUIRE(server.Feed(wire::Frame(wire::kPing, wire::kAck, 0, std::string(8, '\0'))).ok());
  CHECK(server.Events() == "pong");
}

TEST_CASE("METADATA and other unknown frames are passed over") {
  TestServer server;
  server.Open();
  REQUIRE(server.Feed(wire::Frame(0x4d, 4, 0, "abc") + wire::Frame(0xbe, 0, 1, "x")).ok());
  REQUIRE(server.Feed(wire::Headers(1, wire::Get())).ok());
  CHECK(server.Events() == "r1:head(GET /) r1:end");
}

TEST_CASE("the end of the connection cuts what is in flight") {
  TestServer server;
  server.Open();
  CHECK(server.codec.OnInputEnd().ok());
  REQUIRE(server.Feed(wire::Headers(1, wire::Get())).ok());
  CHECK_FALSE(server.codec.OnInputEnd().ok());
}

}  // namespace
}  // namespace remora::http2
