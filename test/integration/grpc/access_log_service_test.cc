// The access log service: records of a whole server, at a server of the gRPC library, and at
// services that are dead, slow or none.

#include <catch2/catch.hpp>
#include <thread>

#include "envoy/extensions/access_loggers/grpc/v3/als.pb.h"
#include "envoy/service/accesslog/v3/als.pb.h"
#include "source/extensions/access_loggers/grpc/grpc_log.h"
#include "test/fakes/extension_world.h"
#include "test/grpc/real_server.h"
#include "test/harness/frame_wire.h"
#include "test/harness/harness.h"

namespace remora::harness {
namespace {

using envoy::data::accesslog::v3::HTTPAccessLogEntry;
using envoy::service::accesslog::v3::StreamAccessLogsMessage;
using fakes::RealServer;

constexpr char kWritten[] = "access_logs.grpc_access_log.logs_written";
constexpr char kDropped[] = "access_logs.grpc_access_log.logs_dropped";

// A log to the cluster "als"; `common` and `more` are text of the two messages.
template <class Log>
std::shared_ptr<const access_log::Logger> ServiceLogOf(
    const std::string& common, const std::string& more = {},
    std::optional<access_log::Filter> filter = {}) {
  const auto proto = fakes::ProtoFromText<typename Log::Proto>(
      "common_config { log_name: 'a log' "
      "grpc_service { envoy_grpc { cluster_name: 'als' } } " +
      common + " } " + more);
  config::ErrorList errors;
  config::ConfigContext context(errors, "");
  auto service = Log::Parse(proto, context);
  REQUIRE(errors.empty());
  return std::make_shared<const access_log::Logger>(
      access_log::Logger{{},
                         formatter::Template(formatter::Format::Literal({})),
                         std::move(filter),
                         std::move(service)});
}

void AddService(Harness& h, const net::Address& address) {
  upstream::ClusterConfig& cluster = h.Cluster("als");
  cluster.protocol = upstream::Protocol::kHttp2;
  cluster.hosts.emplace_back().address = address;
}

std::vector<StreamAccessLogsMessage> Parse(const std::vector<std::string>& messages) {
  std::vector<StreamAccessLogsMessage> parsed;
  for (const std::string& message : messages) {
    REQUIRE(parsed.emplace_back().ParseFromString(message));
  }
  return parsed;
}

// All records of all messages.
std::vector<HTTPAccessLogEntry> Entries(const std::vector<StreamAccessLogsMessage>& messages) {
  std::vector<HTTPAccessLogEntry> entries;
  for (const StreamAccessLogsMessage& message : messages) {
    for (const auto& entry : message.http_logs().log_entry()) entries.push_back(entry);
  }
  return entries;
}

TEST_CASE("access log service: what a record says") {
  RealServer service;
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hello", {{"x-kind", "a"}, {"x-kind", "b"}});
  h.Route("/", "up").name = "the route";
  AddService(h, service.address());
  h.Manager().access_log.push_back(
      ServiceLogOf<extensions::HttpGrpcLog>("buffer_size_bytes { value: 0 }",
                                            "additional_request_headers_to_log: 'X-Ask' "
                                            "additional_response_headers_to_log: 'x-kind' "
                                            "additional_response_headers_to_log: 'x-none'"));
  h.Start();
  Client client = h.Connect();
  client.Post("/p?q=1", "body", {{"x-ask", "caf\xe9"}, {"user-agent", "test"}});
  client.Get("/second");
  const auto messages = Parse(service.AwaitMessages(2));
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].identifier().log_name() == "a log");
  CHECK_FALSE(messages[1].has_identifier());
  const auto entries = Entries(messages);
  REQUIRE(entries.size() == 2);
  const HTTPAccessLogEntry& entry = entries[0];
  CHECK(entry.protocol_version() == HTTPAccessLogEntry::HTTP11);
  CHECK(entry.request().request_method() == envoy::config::core::v3::POST);
  CHECK(entry.request().path() == "/p?q=1");
  CHECK(entry.request().scheme() == "http");
  CHECK(entry.request().authority() == "test.local");
  CHECK(entry.request().user_agent() == "test");
  CHECK(entry.request().request_body_bytes() == 4);
  CHECK(entry.request().request_headers().at("x-ask") == "caf!");
  CHECK(entry.request().request_id() == entry.common_properties().stream_id());
  CHECK(entry.response().response_code().value() == 200);
  CHECK(entry.response().response_body_bytes() == 5);
  CHECK(entry.response().response_code_details() == "via_upstream");
  CHECK(entry.response().response_headers().at("x-kind") == "a,b");
  CHECK(entry.response().response_headers().count("x-none") == 0);
  const auto& common = entry.common_properties();
  CHECK(common.upstream_cluster() == "up");
  CHECK(common.route_name() == "the route");
  CHECK(common.upstream_remote_address().socket_address().port_value() == up.address().port());
  CHECK(common.downstream_remote_address().socket_address().address() == "127.0.0.1");
  CHECK(common.downstream_local_address().socket_address().port_value() == h.Address().port());
  CHECK(common.access_log_type() == envoy::data::accesslog::v3::DownstreamEnd);
  CHECK(common.upstream_request_attempt_count() == 1);
  CHECK(common.start_time().seconds() > 1'600'000'000);
  CHECK(common.has_time_to_last_downstream_tx_byte());
  CHECK(common.downstream_wire_bytes_sent() > 5);
  CHECK_FALSE(common.has_response_flags());
  CHECK_FALSE(common.has_tls_properties());
  CHECK(entries[1].request().path() == "/second");
  CHECK(h.Stat(kWritten) == 2);
  CHECK(h.Stat(kDropped) == 0);
  CHECK(service.calls() == 1);
}

TEST_CASE("access log service: flags, and a log's filter") {
  RealServer service;
  Harness h;
  h.Cluster("none");
  h.Route("/none", "none");
  h.DirectResponse("/fine", 200, "");
  AddService(h, service.address());
  access_log::Filter failures;
  failures.kind = access_log::Filter::Kind::kStatusCode;
  failures.comparison = access_log::Filter::Comparison::kAtLeast;
  failures.value = 500;
  h.Manager().access_log.push_back(ServiceLogOf<extensions::HttpGrpcLog>(
      "buffer_size_bytes { value: 0 }", "", std::move(failures)));
  h.Start();
  Client client = h.Connect();
  CHECK(client.Get("/fine").status == 200);
  CHECK(client.Get("/none").status == 503);
  const auto entries = Entries(Parse(service.AwaitMessages(1)));
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].response().response_code().value() == 503);
  CHECK(entries[0].common_properties().response_flags().no_healthy_upstream());
}

TEST_CASE("access log service: records are sent together, when they are old enough") {
  RealServer service;
  Harness h;
  h.DirectResponse("/", 200, "");
  AddService(h, service.address());
  h.Manager().access_log.push_back(
      ServiceLogOf<extensions::HttpGrpcLog>("buffer_flush_interval { nanos: 300000000 }"));
  h.Start();
  Client client = h.Connect();
  for (int i = 0; i < 10; ++i) client.Get("/" + std::to_string(i));
  size_t seen = 0;
  std::vector<std::string> messages;
  for (size_t wanted = 1; seen < 10; ++wanted) {
    messages = service.AwaitMessages(wanted);
    seen = Entries(Parse(messages)).size();
  }
  CHECK(seen == 10);
  CHECK(messages.size() < 10);
}

TEST_CASE("access log service: what waits is sent when the proxy ends") {
  RealServer service;
  Harness h;
  h.DirectResponse("/", 200, "");
  AddService(h, service.address());
  h.Manager().access_log.push_back(ServiceLogOf<extensions::HttpGrpcLog>(
      "buffer_flush_interval { seconds: 1000 } buffer_size_bytes { value: 3000 }"));
  h.Start();
  Client client = h.Connect();
  client.Get("/" + std::string(3000, 'x'));
  service.AwaitMessages(1);
  client.Get("/last");
  h.Stop();
  const auto entries = Entries(Parse(service.AwaitMessages(2)));
  REQUIRE(entries.size() == 2);
  CHECK(entries[1].request().path() == "/last");
}

TEST_CASE("access log service: connections of a TCP proxy") {
  RealServer service;
  Harness h;
  auto up = h.Upstream("up");
  AddService(h, service.address());
  tcp::Config& proxy = h.TcpProxy("tcp", "up");
  proxy.access_log.push_back(
      ServiceLogOf<extensions::TcpGrpcLog>("buffer_size_bytes { value: 0 }"));
  h.Start();
  {
    Client client = h.Connect("tcp");
    client.Send("hello");
    Wire peer = up.Accept();
    peer.ReceiveExactly(5);
    peer.Send("hi");
    client.ReceiveExactly(2);
  }
  const auto messages = Parse(service.AwaitMessages(1));
  REQUIRE(messages[0].tcp_logs().log_entry_size() == 1);
  const auto& entry = messages[0].tcp_logs().log_entry(0);
  CHECK(entry.connection_properties().received_bytes() == 5);
  CHECK(entry.connection_properties().sent_bytes() == 2);
  CHECK(entry.common_properties().upstream_cluster() == "up");
  CHECK(entry.common_properties().access_log_type() ==
        envoy::data::accesslog::v3::TcpConnectionEnd);
}

// Requests whose records fill all that may wait for a service.
void SendMuch(Harness& h) {
  Client client = h.Connect();
  const std::string path = "/" + std::string(20'000, 'p');
  for (int i = 0; i < 250; ++i) REQUIRE(client.Get(path).status == 200);
}

TEST_CASE("access log service: nobody is there: what waits is bounded, the rest is counted") {
  ScriptedUpstream nobody;
  nobody.Unlisten();
  Harness h;
  h.DirectResponse("/", 200, "");
  AddService(h, nobody.address());
  h.Manager().access_log.push_back(ServiceLogOf<extensions::HttpGrpcLog>(""));
  h.Start();
  SendMuch(h);
  h.AwaitStatAbove(kDropped, 0);
  CHECK(h.Stat(kWritten) + h.Stat(kDropped) == 250);
  CHECK(h.Stat(kWritten) * 20'000 < 3 * 1024 * 1024);
  // It comes back, and gets what has waited.
  RealServer service(nobody.address().port());
  const uint64_t written = h.Stat(kWritten);
  size_t seen = 0;
  std::vector<StreamAccessLogsMessage> messages;
  for (size_t wanted = 1; seen + 1 < written; ++wanted) {
    messages = Parse(service.AwaitMessages(wanted));
    seen = Entries(messages).size();
  }
  CHECK(messages[0].has_identifier());
}

TEST_CASE("access log service: one that takes nothing") {
  ScriptedUpstream slow;
  Harness h;
  h.DirectResponse("/", 200, "");
  AddService(h, slow.address());
  h.Manager().access_log.push_back(ServiceLogOf<extensions::HttpGrpcLog>(""));
  h.Start();
  std::thread peer([&slow] {
    FrameWire wire(slow.Accept());
    wire.Accept({{4, 0}});  // no stream has a window
    wire.Await("HEADERS(1");
    // Until the proxy ends.
    while (wire.wire().AwaitBytes()) {
      wire.Next();
    }
  });
  SendMuch(h);
  h.AwaitStatAbove(kDropped, 0);
  CHECK(h.Stat(kWritten) + h.Stat(kDropped) == 250);
  h.Stop();
  peer.join();
}

TEST_CASE("access log service: one that speaks nonsense is asked again, but not all the time") {
  ScriptedUpstream nonsense;
  nonsense.RespondWith("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n", true);
  Harness h;
  h.DirectResponse("/", 200, "");
  AddService(h, nonsense.address());
  h.Manager().access_log.push_back(
      ServiceLogOf<extensions::HttpGrpcLog>("buffer_size_bytes { value: 0 }"));
  h.Start();
  Client client = h.Connect();
  for (int i = 0; i < 500; ++i) REQUIRE(client.Get("/").status == 200);
  h.AwaitStatAbove("cluster.als.upstream_cx_total", 0);
  CHECK(h.Stat(kWritten) == 500);
  // A connection for each record would be 500.
  CHECK(h.Stat("cluster.als.upstream_cx_total") < 50);
}

}  // namespace
}  // namespace remora::harness
