// A worker's sink of an access log service, at a server of the gRPC library and at none.

#include "source/extensions/access_loggers/grpc/stream_sink.h"

#include <catch2/catch.hpp>

#include "envoy/service/accesslog/v3/als.pb.h"
#include "source/extensions/access_loggers/grpc/record.h"
#include "test/grpc/call_world.h"
#include "test/grpc/real_server.h"
#include "test/harness/scripted_upstream.h"

namespace remora::extensions {
namespace {

using envoy::service::accesslog::v3::StreamAccessLogsMessage;
using fakes::RealServer;

struct World : grpc::CallWorld {
  explicit World(const net::Address& server, uint64_t buffer_bytes = 0) : CallWorld(server) {
    settings.service.cluster = "svc";
    settings.buffer_bytes = buffer_bytes;
    settings.flush_interval = 50 * event::kMillisecond;
    StreamAccessLogsMessage first;
    first.mutable_identifier()->set_log_name("log");
    settings.identifier = first.SerializeAsString();
    sink = std::make_unique<StreamSink>(
        settings, access_log::ServiceSetup{dispatcher, clusters, random,
                                           store.AddScope("access_logs.grpc_access_log"),
                                           store.worker_shard(0)});
  }
  // A record whose path says which one it is.
  void Log(const std::string& path) {
    base::Arena arena(arenas);
    http::RequestHead head(arena);
    head.method = "GET";
    head.path = path;
    const http::StreamInfo info;
    formatter::Exchange exchange{info};
    exchange.request = &head;
    AppendHttpRecord(exchange, {}, sink->Begin());
    sink->End();
  }
  // Turns until the server has so many messages.
  std::vector<StreamAccessLogsMessage> Await(const RealServer& server, size_t count) {
    Until([&] { return server.messages().size() >= count; });
    std::vector<StreamAccessLogsMessage> parsed;
    for (const std::string& message : server.messages()) {
      REQUIRE(parsed.emplace_back().ParseFromString(message));
    }
    return parsed;
  }
  uint64_t Count(const std::string& name) {
    const stats::Snapshot snapshot = store.TakeSnapshot();
    for (const stats::Metric& metric : snapshot.metrics()) {
      if (metric.name == "access_logs.grpc_access_log." + name) return metric.value;
    }
    return 0;
  }
  base::ArenaPool arenas;
  GrpcLogSettings settings;
  std::unique_ptr<StreamSink> sink;
};

TEST_CASE("gRPC access log sink: the first message says who sends, each has its records") {
  RealServer server;
  World world(server.address());
  world.Log("/1");
  world.Log("/2");
  const auto messages = world.Await(server, 2);
  CHECK(messages[0].identifier().log_name() == "log");
  CHECK(messages[0].http_logs().log_entry(0).request().path() == "/1");
  CHECK_FALSE(messages[1].has_identifier());
  CHECK(messages[1].http_logs().log_entry(0).request().path() == "/2");
  CHECK(world.Count("logs_written") == 2);
  CHECK(world.Count("logs_dropped") == 0);
}

TEST_CASE("gRPC access log sink: records wait for their fellows, but not for ever") {
  RealServer server;
  World world(server.address(), 1'000'000);
  for (int i = 0; i < 300; ++i) world.Log("/" + std::to_string(i));
  CHECK(server.messages().empty());
  const auto messages = world.Await(server, 1);
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].http_logs().log_entry_size() == 300);
  CHECK(messages[0].http_logs().log_entry(299).request().path() == "/299");
}

TEST_CASE("gRPC access log sink: a full batch goes at once; tcp_logs have a field of their own") {
  RealServer server;
  World world(server.address(), 2000);
  world.settings.tcp = true;
  world.settings.flush_interval = 3600 * event::kSecond;
  const http::StreamInfo info;
  for (int i = 0; i < 1000; ++i) {
    AppendTcpRecord({info}, world.sink->Begin());
    world.sink->End();
  }
  const auto messages = world.Await(server, 2);
  CHECK(messages[1].tcp_logs().log_entry_size() > 1);
}

TEST_CASE("gRPC access log sink: nobody is there: bounded, counted, and kept for who comes") {
  harness::ScriptedUpstream nobody;
  nobody.Unlisten();
  World world(nobody.address());
  const std::string path(20'000, 'p');
  for (int i = 0; i < 250; ++i) {
    world.Log(path);
    world.dispatcher.RunOnce(false);
  }
  const uint64_t written = world.Count("logs_written");
  CHECK(world.Count("logs_dropped") + written == 250);
  CHECK(written * path.size() <= StreamSink::kMaxQueued + 2 * 21'000);
  CHECK(written > 40);
  RealServer server(nobody.address().port());
  const auto messages = world.Await(server, written - 1);
  CHECK(messages[0].has_identifier());
  CHECK(messages[0].http_logs().log_entry(0).request().path() == path);
}

TEST_CASE("gRPC access log sink: a service that goes and comes back") {
  auto server = std::make_unique<RealServer>();
  const net::Address address = server->address();
  World world(address);
  world.Log("/1");
  world.Await(*server, 1);
  server.reset();
  world.Until([&] { return world.Stat("upstream_cx_active") == 0; });
  world.Log("/2");
  server = std::make_unique<RealServer>(address.port());
  const auto messages = world.Await(*server, 1);
  CHECK(messages[0].has_identifier());
  CHECK(messages[0].http_logs().log_entry(0).request().path() == "/2");
}

TEST_CASE("gRPC access log sink: nonsense is not asked again and again") {
  harness::ScriptedUpstream nonsense;
  nonsense.RespondWith("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n", true);
  World world(nonsense.address());
  world.Log("/");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (std::chrono::steady_clock::now() < deadline) {
    world.Log("/");
    world.dispatcher.RunOnce(false);
  }
  // At 0, 0.1, 0.3, 0.7 s and half of those at the earliest.
  CHECK(world.Stat("upstream_cx_total") >= 1);
  CHECK(world.Stat("upstream_cx_total") < 10);
}

}  // namespace
}  // namespace remora::extensions
