// Calls to a server of the gRPC library.

#include <catch2/catch.hpp>

#include "test/grpc/call_world.h"
#include "test/grpc/real_server.h"

namespace remora::grpc {
namespace {

using event::kMillisecond;
using fakes::RealServer;

// Ends a call as its user: lets the server see it.
void Send(CallWorld& world, NotedStream& call, std::string_view text, bool last = false) {
  buffer::Buffer message = world.Text(text);
  call.stream->Send(message);
  if (last) call.stream->EndSending();
}

TEST_CASE("real gRPC server: a unary call, its metadata, its failure") {
  RealServer server;
  CallWorld world(server.address());
  NotedAnswer answer;
  buffer::Buffer message = world.Text("hello");
  UnaryCallPtr call =
      UnaryCall::Start(world.clusters, world.service, "/test.Test/Swallow", message, answer);
  world.Until([&] { return answer.count > 0; });
  CHECK(answer.text == "1 5");

  NotedStream failed(world, "/test.Test/Fail");
  world.Until([&] { return failed.closed > 0; });
  CHECK(failed.status == "FAILED_PRECONDITION: no: 100% \xc3\xbc\n");

  Service asking = world.service;
  asking.initial_metadata = {{"x-ask", "this"}};
  NotedStream fields(world, asking, "/test.Test/Fields");
  fields.stream->EndSending();
  world.Until([&] { return fields.closed > 0; });
  CHECK(fields.got == "this");
  CHECK(fields.end == "yes");
  CHECK(fields.status == "OK");
  CHECK(world.Stat("upstream_cx_total") == 1);
}

TEST_CASE("real gRPC server: messages both ways on one stream") {
  RealServer server;
  CallWorld world(server.address());
  NotedStream call(world, "/test.Test/Echo");
  for (int i = 0; i < 100; ++i) {
    Send(world, call, "message " + std::to_string(i));
    world.Until([&] { return call.messages.size() == static_cast<size_t>(i) + 1; });
    CHECK(call.messages.back() == "message " + std::to_string(i));
  }
  call.stream->EndSending();
  world.Until([&] { return call.closed > 0; });
  CHECK(call.status == "OK");
}

TEST_CASE("real gRPC server: large messages, and one that is too large") {
  RealServer server;
  CallWorld world(server.address());
  NotedStream call(world, "/test.Test/Echo");
  for (const size_t size : {65'535u, 1'000'000u, 20'000'000u}) {
    const size_t before = call.bytes;
    Send(world, call, std::string(size, 'x'));
    world.Until([&] { return call.messages.size() > 0 && call.bytes == before + size; });
  }
  Service narrow = world.service;
  narrow.max_message_bytes = 1000;
  NotedStream over(world, narrow, "/test.Test/Echo");
  Send(world, over, std::string(1001, 'x'));
  world.Until([&] { return over.closed > 0; });
  CHECK(over.status == "RESOURCE_EXHAUSTED: a message is longer than allowed");
}

TEST_CASE("real gRPC server: thousands of calls at once") {
  RealServer server;
  CallWorld world(server.address());
  constexpr size_t kCalls = 3000;
  std::vector<std::unique_ptr<NotedStream>> calls;
  for (size_t i = 0; i < kCalls; ++i) {
    calls.push_back(std::make_unique<NotedStream>(world, "/test.Test/Echo"));
    Send(world, *calls.back(), std::to_string(i), true);
  }
  for (size_t i = 0; i < kCalls; ++i) {
    world.Until([&] { return calls[i]->closed > 0; });
    REQUIRE(calls[i]->status == "OK");
    REQUIRE(calls[i]->messages == std::vector<std::string>{std::to_string(i)});
  }
  CHECK(world.Stat("upstream_rq_active") == 0);
}

TEST_CASE("real gRPC server: a deadline passes, the server hears of it") {
  RealServer server;
  CallWorld world(server.address());
  Service hasty = world.service;
  hasty.timeout = 50 * kMillisecond;
  NotedStream call(world, hasty, "/test.Test/Silent");
  world.Until([&] { return call.closed > 0; });
  // Ours or the server's: both watch it.
  CHECK(call.status.starts_with("DEADLINE_EXCEEDED"));
  for (int i = 0; i < 3; ++i) world.dispatcher.RunOnce(false);
  server.AwaitCancelled(1);
}

TEST_CASE("real gRPC server: a call is cancelled") {
  RealServer server;
  CallWorld world(server.address());
  NotedStream call(world, "/test.Test/Silent");
  Send(world, call, "x");
  world.Until([&] { return !server.messages().empty(); });
  call.stream.reset();
  for (int i = 0; i < 3; ++i) world.dispatcher.RunOnce(false);
  server.AwaitCancelled(1);
  CHECK(call.closed == 0);
}

TEST_CASE("real gRPC server: it does not read: what is sent waits, and is bounded") {
  RealServer server;
  CallWorld world(server.address(), [](upstream::ClusterConfig& config) {
    config.per_connection_buffer_limit = 64 * 1024;
  });
  NotedStream call(world, "/test.Test/Stuck");
  world.Until([&] { return server.calls() == 1; });
  size_t sent = 0;
  while (call.stream->writable()) {
    REQUIRE(sent < 64 * 1024 * 1024);
    Send(world, call, std::string(100'000, 'x'));
    sent += 100'000;
    for (int i = 0; i < 3; ++i) world.dispatcher.RunOnce(false);
  }
  CHECK(call.stream->waiting_bytes() == 0);
  Send(world, call, "more");
  CHECK(call.stream->waiting_bytes() == 9);
  call.stream.reset();
  // The reset goes out behind what the socket still has to take.
  world.Until([&] { return server.cancelled() == 1; });
}

TEST_CASE("real gRPC server: we do not read: its window closes, and opens again") {
  RealServer server;
  CallWorld world(server.address(), [](upstream::ClusterConfig& config) {
    config.http2.initial_stream_window_size = 65'535;
  });
  NotedStream call(world, "/test.Test/Many");
  call.when_message = [&call] {
    if (call.messages.size() == 1) call.stream->Pause();
  };
  Send(world, call, "100 100000", true);
  world.Until([&] { return call.messages.size() == 1; });
  for (int i = 0; i < 50; ++i) world.dispatcher.RunOnce(false);
  CHECK(call.messages.size() == 1);
  call.stream->Resume();
  world.Until([&] { return call.closed > 0; });
  CHECK(call.bytes == 100 * 100'000);
  CHECK(call.status == "OK");
}

TEST_CASE("real gRPC server: it goes, and comes back") {
  auto server = std::make_unique<RealServer>();
  const net::Address address = server->address();
  CallWorld world(address);
  NotedStream call(world, "/test.Test/Echo");
  Send(world, call, "x");
  world.Until([&] { return call.messages.size() == 1; });
  // Its end cuts the call off; its thread needs ours to go on.
  server.reset();
  world.Until([&] { return call.closed > 0; });
  CHECK(call.status.starts_with("UNAVAILABLE"));
  NotedStream refused(world, "/test.Test/Echo");
  world.Until([&] { return refused.closed > 0; });
  CHECK(refused.status.starts_with("UNAVAILABLE"));
  server = std::make_unique<RealServer>(address.port());
  NotedStream again(world, "/test.Test/Echo");
  Send(world, again, "y", true);
  world.Until([&] { return again.closed > 0; });
  CHECK(again.messages == std::vector<std::string>{"y"});
}

}  // namespace
}  // namespace remora::grpc
