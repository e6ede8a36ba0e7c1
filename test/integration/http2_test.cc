// HTTP/2 on either side, through the whole proxy and real sockets.

#include <catch2/catch.hpp>

#include "test/harness/frame_wire.h"
#include "test/harness/harness.h"

namespace remora::harness {
namespace {

FrameWire Http2Client(Harness& h) {
  FrameWire client(Connect(h.Address()));
  client.Begin();
  return client;
}

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// A proxy that speaks HTTP/2 to another one, which speaks HTTP/1 to the upstream.
struct Chain {
  Chain() : Chain(0, true) {}
  // `window` of streams, 0 as by default; an upstream that does not echo is the test's to play.
  Chain(uint32_t window, bool echoes) : up(back.Upstream("up")) {
    if (echoes) {
      up.Run([](const Message& request) {
        return ScriptedUpstream::Answer{MakeResponse(200, request.body), false};
      });
    }
    back.Route("/", "up");
    back.Manager().http2.initial_stream_window_size = window;
    back.Start();
    upstream::ClusterConfig& cluster = front.Cluster("back");
    cluster.protocol = upstream::Protocol::kHttp2;
    cluster.http2.initial_stream_window_size = window;
    cluster.hosts.emplace_back().address = back.Address();
    front.Route("/", "back");
    front.Manager().http2.initial_stream_window_size = window;
    front.Start();
  }
  Harness back;
  Harness front;
  ScriptedUpstream up;
};

// Up and down with HTTP/2; the client's window is `window`, 0 for one that nothing fills.
void CheckEcho(Harness& h, const std::string& body, uint32_t window, bool announced) {
  FrameWire client(Connect(h.Address()));
  client.Begin(window);
  wire::Fields fields;
  if (announced) fields.push_back({"content-length", std::to_string(body.size())});
  client.Post(1, body, fields);
  const FrameMessage answer = client.Receive(1);
  CHECK(Contains(answer.head, ":status=200"));
  CHECK(answer.end == "end");
  CHECK(answer.body_size == body.size());
  CHECK(answer.body == body.substr(0, answer.body.size()));
}

TEST_CASE("A client is served as its first bytes say") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Start();
  FrameWire client = Http2Client(h);
  client.Get(1, "/x", {{"cookie", "a=1"}, {"cookie", "b=2"}});
  const FrameMessage answer = client.Receive(1);
  CHECK(Contains(answer.head, ":status=200"));
  CHECK(Contains(answer.head, "server=envoy"));
  CHECK(answer.body == "hi");
  const Message request = up.requests().at(0);
  CHECK(request.method == "GET");
  CHECK(request.Get("host") == "a");
  CHECK(request.Get("cookie") == "a=1; b=2");
  CHECK(h.Connect().Get("/").body == "hi");
  CHECK(h.Stat("http.ingress.downstream_cx_http2_total") == 1);
  CHECK(h.Stat("http.ingress.downstream_cx_http1_total") == 1);
  CHECK(h.Stat("http.ingress.downstream_rq_http2_total") == 1);
  CHECK(h.Stat("http.ingress.downstream_cx_http2_active") == 1);
  // The preface may come byte by byte, and half of it may be all.
  FrameWire slow(Connect(h.Address()));
  for (const char c : std::string_view("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")) {
    slow.Send(std::string_view(&c, 1));
  }
  slow.Send(wire::Settings({}));
  slow.Get(1, "/");
  CHECK(slow.Receive(1).body == "hi");
}

TEST_CASE("A connection manager may speak one protocol only") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Manager().codec = connection_manager::CodecType::kHttp1;
  h.Start();
  Client client = h.Connect();
  client.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  CHECK(client.ReceiveResponse().status == 400);

  Harness two;
  auto other = two.Upstream("up").Respond(200, "hi");
  two.Route("/", "up");
  two.Manager().codec = connection_manager::CodecType::kHttp2;
  two.Start();
  FrameWire speaks = Http2Client(two);
  speaks.Get(1, "/");
  CHECK(speaks.Receive(1).body == "hi");
  Client not_http2 = two.Connect();
  not_http2.Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  CHECK(
      Contains(not_http2.ReceiveAll(), std::string_view("\0\0\0\1", 4)));  // GOAWAY, protocol error
}

TEST_CASE("All pairs of protocols carry bodies around the edges of windows and buffers") {
  for (const uint32_t window : {0u, 65535u, 1048576u}) {
    Chain chain(window, true);
    uint64_t sent = 0;
    for (const size_t size :
         {size_t{0}, size_t{1}, size_t{16383}, size_t{16384}, size_t{16385}, size_t{65535},
          size_t{65536}, size_t{524287}, size_t{524288}, size_t{524289}, size_t{1048576},
          size_t{1048577}, size_t{5000000}, size_t{17000000}}) {
      INFO(window << " " << size);
      std::string body(size, 'x');
      for (size_t i = 0; i < size; i += 997) body[i] = static_cast<char>('a' + i % 26);
      for (Harness* h : {&chain.back, &chain.front}) {  // 1 -> 1, 1 -> 2
        const Message answer = h->Connect().Post("/", body);
        CHECK(answer.status == 200);
        CHECK(answer.body == body);
      }
      CheckEcho(chain.back, body, 0, false);  // 2 -> 1
      CheckEcho(chain.front, body, 0, true);  // 2 -> 2
      CheckEcho(chain.front, body, 65535, false);
      sent += 3;
    }
    CHECK(chain.front.Stat("cluster.back.upstream_cx_http2_total") == 1);
    CHECK(chain.front.Stat("cluster.back.upstream_rq_total") == sent);
  }
}

TEST_CASE("A reader that stands still for a while gets all of a long answer") {
  for (const uint32_t window : {0u, 65535u, 1048576u}) {
    for (const bool two : {false, true}) {        // what the upstream half speaks
      for (const bool client2 : {false, true}) {  // and the client
        INFO(window << " " << two << " " << client2);
        Chain chain(window, false);
        Harness& h = two ? chain.front : chain.back;
        Client one = h.Connect();
        FrameWire framed(Connect(h.Address()));
        if (client2) {
          framed.Begin(65535);
          framed.Get(1, "/");
        } else {
          one.Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        }
        size_t sent = 0;
        {
          Wire origin = chain.up.Accept();
          origin.ReceiveRequest();
          origin.Send("HTTP/1.1 200 OK\r\n\r\n");
          sent = origin.SendUntilStuck(std::string(100000000, 'x'));
          CHECK(sent < 100000000);
        }
        if (client2) {
          const FrameMessage answer = framed.Receive(1);
          CHECK(answer.body_size == sent);
          CHECK(answer.end == "end");
        } else {
          CHECK(one.ReceiveResponse().body.size() == sent);
        }
      }
    }
  }
}

TEST_CASE("Many requests share a connection on both sides") {
  Chain chain;
  FrameWire client = Http2Client(chain.front);
  for (uint32_t id = 1; id < 400; id += 2) {
    client.Post(id, "body " + std::to_string(id));
  }
  size_t answered = 0;
  while (answered < 200) {
    const std::string word = client.Next();
    if (word.compare(0, 5, "DATA(") == 0 && Contains(word, ",end")) ++answered;
  }
  CHECK(chain.front.Stat("cluster.back.upstream_cx_total") == 1);
  CHECK(chain.front.Stat("cluster.back.upstream_rq_total") == 200);
  CHECK(chain.front.Stat("http.ingress.downstream_cx_total") == 1);
}

TEST_CASE("A new upstream connection is begun where one is full") {
  Harness back;
  auto up = back.Upstream("up");
  back.Route("/", "up");
  back.Manager().http2.max_concurrent_streams = 2;
  back.Start();
  Harness front;
  upstream::ClusterConfig& cluster = front.Cluster("back");
  cluster.protocol = upstream::Protocol::kHttp2;
  cluster.http2.max_concurrent_streams = 2;
  cluster.hosts.emplace_back().address = back.Address();
  front.Route("/", "back");
  front.Start();
  FrameWire client = Http2Client(front);
  std::vector<Wire> origins;
  for (uint32_t id = 1; id <= 9; id += 2) {
    client.Get(id, "/");
    origins.push_back(up.Accept());
    origins.back().ReceiveRequest();
  }
  CHECK(front.Stat("cluster.back.upstream_cx_active") == 3);
  for (Wire& origin : origins) origin.Send(MakeResponse(200, "x"));
  for (int i = 0; i < 5; ++i) client.Await("DATA(");
}

TEST_CASE("One slow stream does not hold up the others") {
  Harness h;
  auto up = h.Upstream("up");
  auto fast = h.Upstream("fast").Respond(200, "fast");
  h.Route("/fast", "fast");
  h.Route("/", "up");
  h.Start();
  FrameWire client(Connect(h.Address()));
  // Windows as they are by default: 65,535 bytes for each stream, plenty for all together.
  client.Send(wire::Preface() + wire::WindowUpdate(0, 100000000));
  client.Get(1, "/slow");
  Wire origin = up.Accept();
  origin.ReceiveRequest();
  origin.Send("HTTP/1.1 200 OK\r\ncontent-length: 50000000\r\n\r\n");
  CHECK(origin.SendUntilStuck(std::string(50000000, 'x')) < 50000000);
  for (uint32_t id = 3; id < 40; id += 2) {
    client.Get(id, "/fast");
    CHECK(client.Receive(id).body == "fast");
  }
  // What it has sent goes on once the client takes it.
  client.Send(wire::RstStream(1, 8));
  h.AwaitStat("cluster.up.upstream_cx_active", 0);
  CHECK(h.Stat("http.ingress.downstream_rq_rx_reset") == 1);
}

TEST_CASE("A reset by the client ends the upstream request and nothing else") {
  Chain chain;
  Harness& h = chain.front;
  FrameWire client = Http2Client(h);
  client.Send(wire::Headers(1, wire::Post(), false) + wire::Data(1, "part"));
  h.AwaitStat("cluster.back.upstream_rq_active", 1);
  client.Send(wire::RstStream(1, 8));
  h.AwaitStat("cluster.back.upstream_rq_active", 0);
  CHECK(h.Stat("cluster.back.upstream_rq_tx_reset") == 1);
  chain.back.AwaitStat("http.ingress.downstream_rq_rx_reset", 1);
  const Exchange exchange = h.NextExchange();
  CHECK(exchange.flags == "DR");
  CHECK(exchange.details == "http2.remote_reset");
  client.Post(3, "x");
  CHECK(client.Receive(3).body == "x");
  CHECK(h.Stat("cluster.back.upstream_cx_total") == 1);
}

TEST_CASE("An upstream that dies half-way resets the stream") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Start();
  FrameWire client = Http2Client(h);
  client.Get(1, "/");
  {
    Wire origin = up.Accept();
    origin.ReceiveRequest();
    origin.Send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart");
    client.Await("DATA(1");
  }
  CHECK(client.Await("RST_STREAM") == "RST_STREAM(1,2)");
  client.Get(3, "/");
  Wire origin = up.Accept();
  origin.ReceiveRequest();
  origin.Send(MakeResponse(200, "fine"));
  CHECK(client.Receive(3).body == "fine");
}

TEST_CASE("A malformed request ends its connection, and others go on") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Start();
  FrameWire good = Http2Client(h);
  FrameWire bad = Http2Client(h);
  bad.Send(wire::Headers(1, wire::Get("/", {{"connection", "close"}})));
  CHECK(bad.Await("GOAWAY") == "GOAWAY(1,1)");
  bad.wire().Close();
  CHECK(h.Stat("http.ingress.downstream_cx_protocol_error") == 1);
  CHECK(h.Stat("http2.rx_messaging_error") == 1);
  CHECK(up.requests().empty());
  good.Get(1, "/");
  CHECK(good.Receive(1).body == "hi");
}

TEST_CASE("Rapid resets end the connection: CVE-2023-44487") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Start();
  FrameWire client = Http2Client(h);
  std::string bytes;
  for (uint32_t id = 1; id < 2000; id += 2) {
    bytes += wire::Headers(id, wire::Get()) + wire::RstStream(id, 8);
  }
  client.wire().SendUnlessClosed(bytes);
  CHECK(Contains(client.Await("GOAWAY"), ",11)"));
  h.AwaitStat("http.ingress.downstream_rq_too_many_premature_resets", 1);
  CHECK(h.Stat("http.ingress.downstream_rq_total") < 300);
  h.AwaitStat("http.ingress.downstream_rq_active", 0);
}

TEST_CASE("Resets that the client makes us send count, too: CVE-2025-8671") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Start();
  FrameWire client = Http2Client(h);
  std::string bytes;
  for (uint32_t id = 1; id < 2000; id += 2) {
    // A window above 2^31-1: an error of the stream (RFC 9113 section 6.9.1).
    bytes += wire::Headers(id, wire::Get()) + wire::WindowUpdate(id, 1);
  }
  client.wire().SendUnlessClosed(bytes);
  CHECK(Contains(client.Await("GOAWAY"), ",11)"));
  // They are counted a block of input at a time.
  CHECK(h.Stat("http.ingress.downstream_rq_total") < 800);
}

TEST_CASE("A drained connection serves what it has, and ends") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Manager().max_requests_per_connection = 2;
  h.Manager().drain_timeout = Ms(50);
  h.Start();
  FrameWire client = Http2Client(h);
  client.Get(1, "/");
  Wire origin = up.Accept();
  origin.ReceiveRequest();
  client.Get(3, "/");
  Wire second = up.Accept();
  second.ReceiveRequest();
  origin.Send(MakeResponse(200, "one"));
  CHECK(client.Await("GOAWAY") == "GOAWAY(2147483647,0)");
  CHECK(client.Await("GOAWAY") == "GOAWAY(3,0)");
  second.Send(MakeResponse(200, "two"));
  CHECK(client.Receive(3).body == "two");
  CHECK(client.wire().ReceiveAll().empty());
  CHECK(h.Stat("http.ingress.downstream_cx_max_requests_reached") >= 1);
}

TEST_CASE("An idle connection is told before it ends") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Manager().idle_timeout = Ms(50);
  h.Manager().drain_timeout = Ms(10);
  h.Start();
  FrameWire client = Http2Client(h);
  client.Get(1, "/");
  client.Receive(1);
  CHECK(client.Await("GOAWAY") == "GOAWAY(2147483647,0)");
  CHECK(client.Await("GOAWAY") == "GOAWAY(1,0)");
  CHECK(client.wire().ReceiveAll().empty());
  CHECK(h.Stat("http.ingress.downstream_cx_idle_timeout") == 1);
}

TEST_CASE("An answer that the client's window holds up is given up") {
  Harness h;
  h.DirectResponse("/", 200, "0123456789");
  h.Manager().stream_idle_timeout = Ms(50);
  h.Start();
  FrameWire client(Connect(h.Address()));
  client.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + wire::Settings({{4, 5}}));
  client.Get(1, "/");
  CHECK(client.Await("DATA(1") == "DATA(1,01234)");
  CHECK(client.Await("RST_STREAM") == "RST_STREAM(1,2)");
  h.AwaitStat("http2.tx_flush_timeout", 1);
}

TEST_CASE("A client that gives no sign of life is closed") {
  Harness h;
  h.DirectResponse("/", 200, "x");
  h.Manager().http2.keepalive = {Ms(20), Ms(20), 0, 0};
  h.Start();
  FrameWire client = Http2Client(h);
  CHECK(client.Await("PING") == "PING");
  CHECK(client.wire().AwaitEnd() == WireEnd::kFin);
  CHECK(h.Stat("http2.keepalive_timeout") == 1);
}

TEST_CASE("Trailers pass in both directions") {
  Chain chain;
  FrameWire client = Http2Client(chain.front);
  client.Send(wire::Headers(1, wire::Post({{"te", "trailers"}}), false) + wire::Data(1, "x") +
              wire::Headers(1, {{"sum", "1"}}));
  CHECK(client.Receive(1).body == "x");
  // An upstream of HTTP/2, by hand.
  Harness h;
  auto up = h.Upstream("up");
  h.Cluster("up").protocol = upstream::Protocol::kHttp2;
  h.Route("/", "up");
  h.Start();
  FrameWire caller = Http2Client(h);
  caller.Send(wire::Headers(1, wire::Post({{"te", "trailers"}}), false) + wire::Data(1, "x") +
              wire::Headers(1, {{"sum", "1"}}));
  FrameWire origin(up.Accept());
  origin.Accept();
  CHECK(Contains(origin.Await("HEADERS(1"), "te=trailers"));
  CHECK(origin.Await("DATA(1") == "DATA(1,x)");
  CHECK(origin.Await("HEADERS(1") == "HEADERS(1,end,sum=1)");
  origin.Send(wire::Headers(1, {{":status", "200"}}, false) + wire::Data(1, "y") +
              wire::Headers(1, {{"grpc-status", "0"}}));
  const FrameMessage answer = caller.Receive(1);
  CHECK(answer.body == "y");
  CHECK(answer.trailers == "HEADERS(1,end,grpc-status=0)");
}

TEST_CASE("What an upstream refuses goes out again") {
  Harness h;
  auto up = h.Upstream("up");
  h.Cluster("up").protocol = upstream::Protocol::kHttp2;
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  client.Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  FrameWire origin(up.Accept());
  origin.Accept();
  origin.Await("HEADERS(1");
  origin.Send(wire::RstStream(1, 7));
  FrameWire second(up.Accept());
  second.Accept();
  second.Await("HEADERS(1");
  second.Send(wire::Headers(1, {{":status", "204"}}));
  CHECK(client.ReceiveResponse().status == 204);
  CHECK(h.Stat("cluster.up.upstream_rq_stale_replaced") == 1);
  CHECK(h.Stat("cluster.up.upstream_rq_rx_reset") == 1);
}

TEST_CASE("An upstream that goes away gets no further request, and finishes what it has") {
  Harness h;
  auto up = h.Upstream("up");
  h.Cluster("up").protocol = upstream::Protocol::kHttp2;
  h.Route("/", "up");
  h.Start();
  FrameWire client = Http2Client(h);
  client.Get(1, "/1");
  FrameWire origin(up.Accept());
  origin.Accept();
  origin.Await("HEADERS(1");
  client.Get(3, "/3");
  origin.Await("HEADERS(3");
  // The second one was not looked at.
  origin.Send(wire::GoAway(1, 0));
  FrameWire second(up.Accept());
  second.Accept();
  second.Await("HEADERS(1");
  second.Send(wire::Headers(1, {{":status", "203"}}));
  CHECK(Contains(client.Receive(3).head, ":status=203"));
  origin.Send(wire::Headers(1, {{":status", "204"}}));
  CHECK(Contains(client.Receive(1).head, ":status=204"));
  h.AwaitStat("cluster.up.upstream_cx_active", 1);
}

TEST_CASE("Upstream answers that break the rules are 502") {
  Harness h;
  auto up = h.Upstream("up");
  h.Cluster("up").protocol = upstream::Protocol::kHttp2;
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  for (const std::string& bytes :
       {wire::Headers(1, {{":status", "200"}, {"connection", "close"}}),
        wire::Headers(1, {{":status", "101"}}, false), wire::Data(1, "x"),
        std::string("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")}) {
    client.Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    FrameWire origin(up.Accept());
    origin.Accept();
    origin.Await("HEADERS(1");
    origin.Send(bytes);
    CHECK(client.ReceiveResponse().status == 502);
    CHECK(h.NextExchange().flags == "UPE");
  }
  CHECK(h.Stat("cluster.up.upstream_cx_protocol_error") == 4);
}

TEST_CASE("A websocket crosses from HTTP/2 to HTTP/1 and back") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Manager().http2.allow_connect = true;
  h.Manager().upgrades.push_back({"websocket", true});
  h.Start();
  FrameWire client = Http2Client(h);
  client.Send(wire::Headers(1,
                            {{":method", "CONNECT"},
                             {":protocol", "websocket"},
                             {":scheme", "http"},
                             {":path", "/chat"},
                             {":authority", "a"}},
                            false));
  Wire origin = up.Accept();
  const std::string request = origin.ReceiveUntil("\r\n\r\n");
  CHECK(Contains(request, "GET /chat HTTP/1.1\r\n"));
  CHECK(Contains(request, "connection: upgrade\r\nupgrade: websocket\r\n"));
  origin.Send(
      "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
  CHECK(Contains(client.Await("HEADERS(1"), ":status=200"));
  client.Send(wire::Data(1, "up"));
  CHECK(origin.ReceiveExactly(2) == "up");
  origin.Send("down");
  CHECK(client.Await("DATA(1") == "DATA(1,down)");
}

TEST_CASE("A preface with garbage behind it ends as HTTP/2 does") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Start();
  Wire wire = Connect(h.Address());
  wire.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n");
  const std::string bytes = wire.ReceiveAll();
  CHECK_FALSE(Contains(bytes, "HTTP/1.1"));
  // GOAWAY, with the library's words for the reason behind its code.
  CHECK(Contains(bytes, std::string_view("\7\0\0\0\0\0\0\0\0\0\0\0\0\1", 14)));
  CHECK(Contains(bytes, "SETTINGS expected"));
  CHECK(h.Stat("http.ingress.downstream_rq_total") == 0);
}

TEST_CASE("A client that says GOAWAY gets the answers it waits for, and the end") {
  Harness h;
  auto up = h.Upstream("up");
  h.Route("/", "up");
  h.Start();
  FrameWire client = Http2Client(h);
  client.Get(1, "/");
  Wire origin = up.Accept();
  origin.ReceiveUntil("\r\n\r\n");
  client.Send(wire::GoAway(0, 0));
  origin.Send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
  CHECK(client.Receive(1).body == "hi");
  CHECK(client.wire().AwaitEnd() == WireEnd::kFin);
}

}  // namespace
}  // namespace remora::harness
