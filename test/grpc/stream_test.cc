// Calls to servers that a test plays frame by frame: dead, slow, wrong.

#include <catch2/catch.hpp>
#include <thread>

#include "test/grpc/call_world.h"
#include "test/harness/frame_wire.h"
#include "test/harness/scripted_upstream.h"

namespace remora::grpc {
namespace {

using harness::FrameWire;
using harness::ScriptedUpstream;

// A server whose first connection is `script`'s.
class Scripted {
 public:
  explicit Scripted(std::function<void(FrameWire&)> script)
      : thread_([this, script = std::move(script)] {
          FrameWire wire(server.Accept());
          wire.Accept();
          script(wire);
        }) {}
  ~Scripted() { thread_.join(); }
  ScriptedUpstream server;

 private:
  std::thread thread_;
};

wire::Fields Head(wire::Fields more = {}) {
  wire::Fields fields = {{":status", "200"}, {"content-type", "application/grpc"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

std::string Message(std::string_view text) {
  return std::string{0, 0, 0, 0, static_cast<char>(text.size())} + std::string(text);
}

// How a call ends whose request is answered with these bytes; messages in front.
std::string Answered(const std::string& bytes) {
  Scripted peer([&bytes](FrameWire& wire) {
    wire.Await("HEADERS(1");
    wire.Send(bytes);
    // Until the client goes.
    wire.wire().AwaitBytes();
  });
  CallWorld world(peer.server.address());
  NotedStream call(world, "/test.Test/Any");
  world.Until([&] { return call.closed > 0; });
  CHECK(call.closed == 1);
  std::string result;
  for (const std::string& message : call.messages) result += "[" + message + "] ";
  return result + call.status;
}

TEST_CASE("gRPC call: all that a response may be") {
  const std::pair<std::string, std::string> rows[] = {
      // Trailers-only.
      {wire::Headers(1, Head({{"grpc-status", "5"}, {"grpc-message", "no%20such"}})),
       "NOT_FOUND: no such"},
      {wire::Headers(1, Head()), "UNKNOWN: the response has no trailers"},
      {wire::Headers(1, Head(), false) + wire::Data(1, Message("hi")) +
           wire::Headers(1, {{"grpc-status", "0"}}),
       "[hi] OK"},
      {wire::Headers(1, Head(), false) + wire::Data(1, Message("a") + Message("b")) +
           wire::Headers(1, {{"grpc-status", "8"}, {"grpc-message", "full"}}),
       "[a] [b] RESOURCE_EXHAUSTED: full"},
      {wire::Headers(1, Head(), false) + wire::Data(1, Message("a"), true),
       "[a] UNKNOWN: the response has no trailers"},
      {wire::Headers(1, Head(), false) + wire::Data(1, Message("abc").substr(0, 6)) +
           wire::Headers(1, {{"grpc-status", "0"}}),
       "INTERNAL: the response ends within a message"},
      // What is none of gRPC.
      {wire::Headers(1, {{":status", "503"}}), "UNAVAILABLE: HTTP status 503"},
      {wire::Headers(1, {{":status", "404"}, {"content-type", "text/html"}}, false) +
           wire::Data(1, "<html>", true),
       "UNIMPLEMENTED: HTTP status 404"},
      {wire::Headers(1, {{":status", "200"}, {"content-type", "text/html"}}, false) +
           wire::Data(1, "<html>", true),
       "UNKNOWN: the response is none of gRPC by its content-type"},
      {wire::Headers(1, Head(), false) + wire::Data(1, "<html>"),
       "INTERNAL: the response is no sequence of gRPC messages"},
      {wire::Headers(1, Head(), false) + wire::Data(1, std::string("\1\0\0\0\1x", 6)),
       "INTERNAL: a message is compressed, which was not asked for"},
      {wire::Headers(1, Head(), false) + wire::Data(1, std::string("\0\xff\0\0\0", 5)),
       "RESOURCE_EXHAUSTED: a message is longer than allowed"},
      // Resets.
      {wire::RstStream(1, 7),
       "UNAVAILABLE: upstream connect error or disconnect/reset before headers. reset reason: "
       "remote refused stream reset: http2.remote_refuse"},
      {wire::Headers(1, Head(), false) + wire::RstStream(1, 2),
       "INTERNAL: remote reset: http2.remote_reset"},
  };
  for (const auto& [bytes, expected] : rows) CHECK(Answered(bytes) == expected);
}

TEST_CASE("gRPC call: garbage in place of HTTP/2") {
  Scripted peer([](FrameWire& wire) {
    wire.Send("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    wire.wire().AwaitBytes();
  });
  CallWorld world(peer.server.address());
  NotedStream call(world, "/test.Test/Any");
  world.Until([&] { return call.closed > 0; });
  CHECK(call.status.starts_with("INTERNAL: "));
}

TEST_CASE("gRPC call: the request as it is sent") {
  std::string head;
  std::string data;
  Scripted peer([&](FrameWire& wire) {
    head = wire.Await("HEADERS(1");
    data = wire.Await("DATA(1");
    wire.Send(wire::Headers(1, Head({{"grpc-status", "0"}})));
    wire.wire().AwaitBytes();
  });
  {
    CallWorld world(peer.server.address());
    Service service = world.service;
    service.timeout = 7 * event::kSecond;
    service.authority = "name";
    service.initial_metadata = {{"x-token", "t"}};
    NotedStream call(world, service, "/test.Test/Any");
    buffer::Buffer message = world.Text("hi");
    call.stream->Send(message);
    call.stream->EndSending();
    world.Until([&] { return call.closed > 0; });
  }
  CHECK(head ==
        "HEADERS(1,:method=POST,:scheme=http,:authority=name,:path=/test.Test/Any,te=trailers,"
        "content-type=application/grpc,grpc-timeout=7000m,x-token=t,x-envoy-internal=true,"
        "x-envoy-expected-rq-timeout-ms=7000,"
        "x-forwarded-for=127.0.0.1)");
  CHECK(data == "DATA(1,end," + Message("hi") + ")");
}

TEST_CASE("gRPC call: nobody listens, and there is no such cluster") {
  ScriptedUpstream server;
  server.Unlisten();
  CallWorld world(server.address());
  NotedStream refused(world, "/test.Test/Any");
  NotedStream nowhere(world, {.cluster = "other"}, "/test.Test/Any");
  CHECK(refused.closed + nowhere.closed == 0);  // never from inside Open
  world.Until([&] { return refused.closed + nowhere.closed == 2; });
  CHECK(refused.status.starts_with("UNAVAILABLE: upstream connect error"));
  CHECK(nowhere.status == "UNAVAILABLE: there is no such cluster");
  CHECK(world.Stat("upstream_rq_503") == 1);
}

TEST_CASE("gRPC call: more calls than the cluster allows") {
  ScriptedUpstream server;
  CallWorld world(server.address(), [](upstream::ClusterConfig& config) {
    config.limits[0].max_pending_requests = 1;
  });
  NotedStream first(world, "/test.Test/Any");
  NotedStream second(world, "/test.Test/Any");
  world.Until([&] { return second.closed > 0; });
  CHECK(second.status.starts_with("UNAVAILABLE: upstream connect error"));
  CHECK(world.Stat("upstream_rq_pending_overflow") == 1);
  CHECK(first.closed == 0);
}

TEST_CASE("gRPC call: the connection is lost half-way") {
  Scripted peer([](FrameWire& wire) {
    wire.Await("HEADERS(1");
    wire.Send(wire::Headers(1, Head(), false) + wire::Data(1, Message("a")));
    wire.Sync();
    wire.wire().Reset();
  });
  CallWorld world(peer.server.address());
  NotedStream call(world, "/test.Test/Any");
  world.Until([&] { return call.closed > 0; });
  CHECK(call.messages == std::vector<std::string>{"a"});
  CHECK(call.status.starts_with("UNAVAILABLE: connection termination"));
}

TEST_CASE("gRPC call: the deadline passes at a server that does nothing") {
  std::string reset;
  {
    Scripted peer([&reset](FrameWire& wire) { reset = wire.Await("RST_STREAM"); });
    CallWorld world(peer.server.address());
    Service hasty = world.service;
    hasty.timeout = 30 * event::kMillisecond;
    NotedStream call(world, hasty, "/test.Test/Any");
    world.Until([&] { return call.closed > 0; });
    CHECK(call.status == "DEADLINE_EXCEEDED: the deadline has passed");
    CHECK(world.Stat("upstream_rq_timeout") == 1);
    for (int i = 0; i < 3; ++i) world.dispatcher.RunOnce(false);
  }
  CHECK(reset == "RST_STREAM(1,8)");
}

TEST_CASE("gRPC call: letting go within a callback cancels and is silent") {
  std::string reset;
  Scripted peer([&reset](FrameWire& wire) {
    wire.Await("HEADERS(1");
    wire.Send(wire::Headers(1, Head(), false) + wire::Data(1, Message("a") + Message("b")));
    reset = wire.Await("RST_STREAM");
  });
  CallWorld world(peer.server.address());
  NotedStream call(world, "/test.Test/Any");
  call.when_message = [&call] { call.stream.reset(); };
  world.Until([&] { return !call.messages.empty(); });
  for (int i = 0; i < 3; ++i) world.dispatcher.RunOnce(false);
  CHECK(call.messages == std::vector<std::string>{"a"});
  CHECK(call.closed == 0);
  // The frame is on its way; the peer's thread reads it.
  world.Until([&] { return world.Stat("upstream_rq_tx_reset") == 1; });
}

TEST_CASE("gRPC call: a pause within a callback keeps what is behind, the end too") {
  Scripted peer([](FrameWire& wire) {
    wire.Await("HEADERS(1");
    wire.Send(wire::Headers(1, Head(), false) + wire::Data(1, Message("a") + Message("b")) +
              wire::Headers(1, {{"grpc-status", "0"}}));
    wire.wire().AwaitBytes();
  });
  CallWorld world(peer.server.address());
  NotedStream call(world, "/test.Test/Any");
  call.when_message = [&call] { call.stream->Pause(); };
  world.Until([&] { return call.messages.size() == 1; });
  for (int i = 0; i < 5; ++i) world.dispatcher.RunOnce(false);
  CHECK(call.messages.size() == 1);
  call.stream->Resume();
  CHECK(call.messages.size() == 1);  // not from inside Resume
  world.Until([&] { return call.messages.size() == 2; });
  for (int i = 0; i < 5; ++i) world.dispatcher.RunOnce(false);
  CHECK(call.closed == 0);
  call.stream->Resume();
  world.Until([&] { return call.closed > 0; });
  CHECK(call.status == "OK");
}

TEST_CASE("gRPC unary call: exactly one message belongs to OK") {
  const std::pair<std::string, std::string> rows[] = {
      {Message("a"), "a"},
      {"", "INTERNAL: the response has no message"},
      {Message("a") + Message("b"), "INTERNAL: the response has more than one message"},
  };
  for (const auto& [body, expected] : rows) {
    Scripted peer([&body = body](FrameWire& wire) {
      wire.Await("HEADERS(1");
      wire.Send(wire::Headers(1, Head(), false) + wire::Data(1, body) +
                wire::Headers(1, {{"grpc-status", "0"}}));
      wire.wire().AwaitBytes();
    });
    CallWorld world(peer.server.address());
    NotedAnswer answer;
    buffer::Buffer message = world.Text("ask");
    const UnaryCallPtr call =
        UnaryCall::Start(world.clusters, world.service, "/test.Test/Any", message, answer);
    world.Until([&] { return answer.count > 0; });
    CHECK(answer.text == expected);
  }
}

}  // namespace
}  // namespace remora::grpc
