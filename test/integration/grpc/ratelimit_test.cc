// The global rate limit filter with a service of the gRPC library, and with services that are slow,
// dead, gone or none.

#include <catch2/catch.hpp>
#include <thread>

#include "envoy/extensions/filters/http/ratelimit/v3/rate_limit.pb.h"
#include "envoy/service/ratelimit/v3/rls.pb.h"
#include "source/extensions/http_filters/ratelimit/ratelimit.h"
#include "test/grpc/real_server.h"
#include "test/harness/frame_wire.h"
#include "test/harness/harness.h"
#include "test/integration/served_filter.h"

namespace remora::harness {
namespace {

using envoy::service::ratelimit::v3::RateLimitRequest;
using envoy::service::ratelimit::v3::RateLimitResponse;
using extensions::RateLimit;
using fakes::ProtoFromText;
using fakes::RealServer;

const std::string kService =
    "domain: 'd' rate_limit_service { grpc_service { envoy_grpc { cluster_name: 'limits' } } } ";
const std::string kPatient = kService + "timeout { seconds: 20 } ";
const std::string kCounted =
    "rate_limits { actions { request_headers { header_name: 'x-user' descriptor_key: 'user' } } } ";
const std::string kDone =
    "rate_limits { apply_on_stream_done: true hits_addend { format: '%BYTES_SENT%' } actions { "
    "generic_key { descriptor_value: 'done' } } } ";

// A proxy in front of "up", which says hello, with a service that may be anything.
struct Setup {
  Setup(const net::Address& service, const std::string& config) {
    up = h.Upstream("up").Respond(200, "hello");
    h.Route("/", "up");
    AddGrpcService(h, "limits", service);
    AddFilter<RateLimit>(h, "rl", config);
    h.Start();
  }
  Message Get(const std::string& user = "ann") { return h.Connect().Get("/", {{"x-user", user}}); }
  void CheckFailed(const std::string& what) {
    INFO(what);
    CHECK(Get().status == 500);
    const Exchange exchange = h.NextExchange();
    CHECK(exchange.flags == "RLSE");
    CHECK(exchange.details == "rate_limiter_error");
    CHECK(h.Stat("cluster.up.ratelimit.error") == 1);
    CHECK(up->requests().empty());
  }
  Harness h;
  std::optional<ScriptedUpstream> up;
};

void AnswerText(RealServer& service, const std::string& text) {
  service.Answer([bytes = ProtoFromText<RateLimitResponse>(text).SerializeAsString()](
                     const std::string&) { return bytes; });
}

RateLimitRequest Asked(const RealServer& service, size_t number = 1) {
  RateLimitRequest request;
  REQUIRE(request.ParseFromString(service.AwaitMessages(number)[number - 1]));
  return request;
}

TEST_CASE("rate limit: a request within the limit goes on, with what the service adds") {
  RealServer service;
  AnswerText(service, R"(
      overall_code: OK
      request_headers_to_add { key: 'X-Tier' value: 'gold' }
      request_headers_to_add { key: 'x-bad' value: 'a\r\nb: c' }
      request_headers_to_add { key: ':path' value: '/evil' }
      response_headers_to_add { key: 'x-told' value: '1' }
      response_headers_to_add { key: 'x told' value: '1' }
      statuses {
        code: OK current_limit { requests_per_unit: 10 unit: MINUTE name: 'a\nb' }
        limit_remaining: 9 duration_until_reset { seconds: 30 }
      })");
  Setup s(service.address(), kPatient + kCounted + "enable_x_ratelimit_headers: DRAFT_VERSION_03");
  const Message answer = s.Get();
  CHECK(answer.status == 200);
  CHECK(answer.Get("x-told") == "1");
  // Names of limits are the service's: this one is no field's value.
  CHECK_FALSE(answer.Has("x-ratelimit-limit"));
  CHECK(answer.Get("x-ratelimit-remaining") == "9");
  const Message request = s.up->requests().at(0);
  CHECK(request.target == "/");
  CHECK(request.Get("x-tier") == "gold");
  CHECK_FALSE(request.Has("x-bad"));
  const RateLimitRequest asked = Asked(service);
  CHECK(asked.domain() == "d");
  REQUIRE(asked.descriptors_size() == 1);
  CHECK(asked.descriptors(0).entries(0).key() == "user");
  CHECK(asked.descriptors(0).entries(0).value() == "ann");
  CHECK(s.h.Stat("cluster.up.ratelimit.ok") == 1);
}

TEST_CASE("rate limit: a request over the limit is answered") {
  RealServer service;
  AnswerText(service, R"(
      overall_code: OVER_LIMIT
      raw_body: '{}'
      response_headers_to_add { key: 'content-type' value: 'application/json' })");
  Setup s(service.address(), kPatient + kCounted + "stat_prefix: 'gate'");
  Client client = s.h.Connect();
  const Message answer = client.Post("/", "body");
  CHECK(answer.status == 200);  // without a user it is not counted
  const Message refused = client.Get("/", {{"x-user", "ann"}});
  CHECK(refused.status == 429);
  CHECK(refused.Get("x-envoy-ratelimited") == "true");
  CHECK(refused.Count("content-type") == 1);
  CHECK(refused.Get("content-type") == "application/json");
  CHECK(refused.body == "{}");
  s.h.NextExchange();
  const Exchange exchange = s.h.NextExchange();
  CHECK(exchange.flags == "RL");
  CHECK(exchange.details == "request_rate_limited");
  CHECK(s.h.Stat("cluster.up.ratelimit.gate.over_limit") == 1);
  CHECK(s.h.Stat("cluster.up.upstream_rq_429") == 1);
  // The connection lives on.
  CHECK(client.Get("/", {{"x-user", "ann"}}).status == 429);
}

TEST_CASE("rate limit: what a request was is told when it has ended") {
  RealServer service;
  AnswerText(service, "overall_code: OVER_LIMIT");
  Setup s(service.address(), kPatient + kDone);
  CHECK(s.Get().body == "hello");
  const RateLimitRequest asked = Asked(service);
  CHECK(asked.descriptors(0).entries(0).value() == "done");
  CHECK(asked.descriptors(0).hits_addend().value() == 5);
  // Nobody waits for such an answer, and it says nothing.
  CHECK(s.Get().body == "hello");
  service.AwaitMessages(2);
  CHECK_FALSE(s.h.HasStat("cluster.up.ratelimit.over_limit"));
}

TEST_CASE("rate limit: calls that are under way when the proxy ends are cancelled") {
  RealServer silent;
  silent.Answer([](const std::string&) { return std::nullopt; });
  Setup s(silent.address(), kPatient + kDone);
  CHECK(s.Get().body == "hello");
  silent.AwaitMessages(1);
  s.h.Stop();
  silent.AwaitCancelled(1);
}

// --- services that fail

const std::string kDeny = kCounted + "failure_mode_deny: true ";

TEST_CASE("rate limit: nobody is there") {
  ScriptedUpstream nobody;
  nobody.Unlisten();
  Setup(nobody.address(), kPatient + kDeny).CheckFailed("nobody");
  Setup open(nobody.address(), kPatient + kCounted);
  CHECK(open.Get().body == "hello");
  CHECK(open.h.Stat("cluster.up.ratelimit.failure_mode_allowed") == 1);
}

TEST_CASE("rate limit: a service that does not answer in time is given up") {
  RealServer slow;
  slow.Answer([](const std::string&) { return std::nullopt; });
  // Without a timeout of its own it has 20 ms.
  Setup(slow.address(), kService + kDeny).CheckFailed("slow");
  slow.AwaitCancelled(1);
}

TEST_CASE("rate limit: a service that speaks nonsense") {
  RealServer nonsense;
  nonsense.Answer([](const std::string&) { return std::string("\xff\xff\xff"); });
  Setup(nonsense.address(), kPatient + kDeny).CheckFailed("no message");
  ScriptedUpstream web;
  web.RespondWith("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", true);
  Setup(web.address(), kPatient + kDeny).CheckFailed("no HTTP/2");
}

TEST_CASE("rate limit: the call is reset in the middle, or its connection ends") {
  for (const bool whole_connection : {false, true}) {
    ScriptedUpstream service;
    Setup setup(service.address(), kPatient + kDeny);
    std::thread peer([&] {
      FrameWire wire(service.Accept());
      wire.Accept();
      wire.Await("HEADERS(1");
      if (whole_connection) return;
      wire.Send(remora::wire::RstStream(1, 2));
      while (wire.wire().AwaitBytes()) wire.Next();
    });
    setup.CheckFailed(whole_connection ? "connection" : "call");
    setup.h.Stop();
    peer.join();
  }
}

TEST_CASE("rate limit: the client goes during the call, which is cancelled") {
  RealServer slow;
  slow.Answer([](const std::string&) { return std::nullopt; });
  Setup setup(slow.address(), kPatient + kDeny);
  {
    Client client = setup.h.Connect();
    client.Send(MakeRequest("GET", "/", {{"x-user", "ann"}}));
    slow.AwaitMessages(1);
    client.Reset();
  }
  slow.AwaitCancelled(1);
  CHECK_FALSE(setup.h.HasStat("cluster.up.ratelimit.error"));
  CHECK(setup.up->requests().empty());
}

TEST_CASE("rate limit: many requests at once, each with its own answer") {
  RealServer service;
  service.Answer([](const std::string& message) {
    RateLimitRequest request;
    RateLimitResponse response;
    if (!request.ParseFromString(message) || request.descriptors(0).entries(0).value() == "many") {
      response.set_overall_code(RateLimitResponse::OVER_LIMIT);
    }
    return response.SerializeAsString();
  });
  Setup setup(service.address(), kPatient + kDeny);
  std::vector<Client> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(setup.h.Connect());
    clients.back().Send(MakeRequest("GET", "/", {{"x-user", i % 2 == 0 ? "few" : "many"}}));
  }
  for (size_t i = 0; i < clients.size(); ++i) {
    CHECK(clients[i].ReceiveResponse().status == (i % 2 == 0 ? 200 : 429));
  }
  CHECK(setup.h.Stat("cluster.up.ratelimit.ok") == 50);
  CHECK(setup.h.Stat("cluster.up.ratelimit.over_limit") == 50);
}

}  // namespace
}  // namespace remora::harness
