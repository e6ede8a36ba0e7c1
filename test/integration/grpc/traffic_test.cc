// gRPC as traffic: a client and a server of the gRPC library with the proxy between them.

#include <catch2/catch.hpp>
#include <thread>

#include "test/grpc/real_client.h"
#include "test/grpc/real_server.h"
#include "test/harness/harness.h"

namespace remora::harness {
namespace {

using fakes::CallResult;
using fakes::RealClient;
using fakes::RealServer;

constexpr int kOk = 0, kCancelled = 1, kDeadlineExceeded = 4, kFailedPrecondition = 9,
              kUnimplemented = 12, kUnavailable = 14;

// A proxy with the route "/test." to a cluster of HTTP/2.
struct Middle {
  explicit Middle(const net::Address& server, const std::function<void(Harness&)>& change = {}) {
    upstream::ClusterConfig& cluster = h.Cluster("svc");
    cluster.protocol = upstream::Protocol::kHttp2;
    cluster.hosts.emplace_back().address = server;
    route::ForwardAction& action = h.Forward("/test.", "svc");
    action.timeout = 0;
    if (change) change(h);
    h.Start();
  }
  Harness h;
};

TEST_CASE("gRPC through the proxy: unary calls, their answers and failures") {
  RealServer server;
  Middle middle(server.address());
  RealClient client(middle.h.Address());
  for (const size_t size : {0u, 1u, 16'384u, 65'536u, 5'000'000u}) {
    const CallResult result = client.Unary("/test.Test/Swallow", std::string(size, 'x'));
    CHECK(result.code == kOk);
    CHECK(result.answer == "1 " + std::to_string(size));
  }
  const CallResult failed = client.Unary("/test.Test/Fail", "x");
  CHECK(failed.code == kFailedPrecondition);
  CHECK(failed.text == "no: 100% \xc3\xbc\n");
}

TEST_CASE("gRPC through the proxy: streams of the client, of the server, of both") {
  RealServer server;
  Middle middle(server.address());
  RealClient client(middle.h.Address());
  {
    RealClient::Stream up(client, "/test.Test/Swallow");
    for (int i = 0; i < 1000; ++i) REQUIRE(up.Write(std::string(1000, 'u')));
    up.EndWriting();
    std::string answer;
    REQUIRE(up.Read(answer));
    CHECK(answer == "1000 1000000");
    CHECK(up.Finish().code == kOk);
  }
  {
    RealClient::Stream down(client, "/test.Test/Many");
    REQUIRE(down.Write("500 20000"));
    std::string message;
    size_t bytes = 0;
    while (down.Read(message)) bytes += message.size();
    CHECK(bytes == 500 * 20'000);
    CHECK(down.Finish().code == kOk);
  }
  RealClient::Stream both(client, "/test.Test/Echo");
  for (int i = 0; i < 200; ++i) {
    REQUIRE(both.Write(std::to_string(i)));
    std::string message;
    REQUIRE(both.Read(message));
    CHECK(message == std::to_string(i));
  }
  both.EndWriting();
  CHECK(both.Finish().code == kOk);
}

TEST_CASE("gRPC through the proxy: many calls at once on a connection") {
  RealServer server;
  Middle middle(server.address());
  RealClient client(middle.h.Address());
  std::vector<std::unique_ptr<RealClient::Stream>> streams;
  constexpr size_t kStreams = 500;
  for (size_t i = 0; i < kStreams; ++i) {
    streams.push_back(std::make_unique<RealClient::Stream>(client, "/test.Test/Echo"));
    REQUIRE(streams.back()->Write(std::to_string(i)));
  }
  for (size_t i = 0; i < kStreams; ++i) {
    std::string message;
    REQUIRE(streams[i]->Read(message));
    REQUIRE(message == std::to_string(i));
    streams[i]->EndWriting();
    REQUIRE(streams[i]->Finish().code == kOk);
  }
}

TEST_CASE("gRPC through the proxy: cancelling and deadlines reach the server") {
  RealServer server;
  Middle middle(server.address());
  RealClient client(middle.h.Address());
  RealClient::Stream stream(client, "/test.Test/Silent");
  REQUIRE(stream.Write("x"));
  server.AwaitMessages(1);
  stream.Cancel();
  CHECK(stream.Finish().code == kCancelled);
  server.AwaitCancelled(1);
  CHECK(client.Unary("/test.Test/Silent", "x", std::chrono::milliseconds(100)).code ==
        kDeadlineExceeded);
  server.AwaitCancelled(2);
}

TEST_CASE("gRPC through the proxy: its own answers are gRPC's") {
  ScriptedUpstream silent;
  Middle middle(silent.address(), [](Harness& h) {
    h.DirectResponse("/denied.", 403, "not you");
    h.Cluster("gone").protocol = upstream::Protocol::kHttp2;
    h.Forward("/gone.", "gone");
    h.Forward("/slow.", "svc").timeout = Ms(100);
  });
  RealClient client(middle.h.Address());
  const CallResult no_route = client.Unary("/other.Test/Any", "x");
  CHECK(no_route.code == kUnimplemented);
  const CallResult denied = client.Unary("/denied.Test/Any", "x");
  CHECK(denied.code == 7);
  CHECK(denied.text == "not you");
  const CallResult no_host = client.Unary("/gone.Test/Any", "x");
  CHECK(no_host.code == kUnavailable);
  CHECK(no_host.text == "no healthy upstream");
  const CallResult slow = client.Unary("/slow.Test/Any", "x");
  CHECK(slow.code == kUnavailable);
  CHECK(slow.text == "upstream request timeout");
  silent.Unlisten();
}

TEST_CASE("gRPC through the proxy: the server goes in the middle of a call") {
  auto server = std::make_unique<RealServer>();
  Middle middle(server->address());
  RealClient client(middle.h.Address());
  RealClient::Stream stream(client, "/test.Test/Echo");
  REQUIRE(stream.Write("x"));
  std::string message;
  REQUIRE(stream.Read(message));
  server.reset();
  CHECK_FALSE(stream.Read(message));
  CHECK(stream.Finish().code != kOk);
  CHECK(client.Unary("/test.Test/Swallow", "x").code == kUnavailable);
}

}  // namespace
}  // namespace remora::harness
