// The external authorization filter with a service of the gRPC library, and with services that are
// slow, dead, gone or none.

#include <catch2/catch.hpp>
#include <thread>

#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb.h"
#include "envoy/service/auth/v3/external_auth.pb.h"
#include "source/extensions/http_filters/ext_authz/ext_authz.h"
#include "test/grpc/real_server.h"
#include "test/harness/frame_wire.h"
#include "test/harness/harness.h"
#include "test/integration/served_filter.h"

namespace remora::harness {
namespace {

using envoy::service::auth::v3::CheckRequest;
using envoy::service::auth::v3::CheckResponse;
using extensions::ExtAuthz;
using fakes::ProtoFromText;
using fakes::RealServer;

const std::string kService =
    "grpc_service { envoy_grpc { cluster_name: 'authz' } timeout { seconds: 20 } } ";

void AddAuthz(Harness& h, const net::Address& service, const std::string& config = kService) {
  AddGrpcService(h, "authz", service);
  AddFilter<ExtAuthz>(h, "authz", config);
}

route::FilterOverride Override(const std::string& text) {
  return OverrideOf<ExtAuthz>("authz", text);
}

void AnswerText(RealServer& service, const std::string& text) {
  service.Answer([bytes = ProtoFromText<CheckResponse>(text).SerializeAsString()](
                     const std::string&) { return bytes; });
}

CheckRequest Asked(const RealServer& service, size_t number = 1) {
  CheckRequest request;
  REQUIRE(request.ParseFromString(service.AwaitMessages(number)[number - 1]));
  return request;
}

// A proxy in front of "up", which says hello, with a service that gives `answer`.
struct Setup {
  explicit Setup(const std::string& answer, const std::string& config = kService) {
    AnswerText(service, answer);
    up = h.Upstream("up").Respond(200, "hello", {{"x-from", "up"}});
    route = &h.Route("/", "up");
    AddAuthz(h, service.address(), config);
  }
  RealServer service;
  Harness h;
  std::optional<ScriptedUpstream> up;
  route::RouteConfig* route;
};

TEST_CASE("ext_authz: a request that is allowed goes on changed") {
  Setup s(R"(
      ok_response {
        headers { header { key: 'x-user' value: 'ann' } append { value: false } }
        headers_to_remove: 'authorization'
        query_parameters_to_set { key: 'u' value: '1' }
        response_headers_to_add { header { key: 'x-from' value: 'authz' } }
      })");
  s.h.Start();
  const Message answer =
      s.h.Connect().Get("/p?q=2", {{"authorization", "secret"}, {"x-user", "eve"}});
  CHECK(answer.status == 200);
  CHECK(answer.body == "hello");
  CHECK(answer.Count("x-from") == 2);
  const Message request = s.up->requests().at(0);
  CHECK(request.target == "/p?q=2&u=1");
  CHECK(request.Get("x-user") == "ann");
  CHECK_FALSE(request.Has("authorization"));
  const auto attributes = Asked(s.service).attributes();
  CHECK(attributes.request().http().path() == "/p?q=2");
  CHECK(attributes.request().http().headers().at("authorization") == "secret");
  CHECK(attributes.request().http().host() == "test.local");
  CHECK(attributes.source().address().socket_address().address() == "127.0.0.1");
  CHECK(attributes.destination().address().socket_address().port_value() == s.h.Address().port());
  CHECK(attributes.request().time().seconds() > 1'600'000'000);
  CHECK(s.h.Stat("http.ingress.ext_authz.ok") == 1);
  CHECK(s.h.Stat("cluster.up.ext_authz.ok") == 1);
}

TEST_CASE("ext_authz: a request that is refused gets the service's answer") {
  Setup s(R"(
      status { code: 16 }
      denied_response {
        status { code: Unauthorized }
        headers { header { key: 'WWW-Authenticate' value: 'Basic' } }
        headers { header { key: 'set-cookie' value: 'a' } }
        headers { header { key: 'set-cookie' value: 'b' } }
        body: 'who are you?'
      })",
          kService + "stat_prefix: 'gate' max_denied_response_body_bytes: 3");
  s.h.Start();
  Client client = s.h.Connect();
  const Message answer = client.Get("/");
  CHECK(answer.status == 401);
  CHECK(answer.Get("www-authenticate") == "Basic");
  CHECK(answer.Count("set-cookie") == 2);
  CHECK(answer.Get("content-length") == "3");
  CHECK(answer.body == "who");
  const Exchange exchange = s.h.NextExchange();
  CHECK(exchange.flags == "UAEX");
  CHECK(exchange.details == "ext_authz_denied");
  CHECK(s.up->requests().empty());
  CHECK(s.h.Stat("http.ingress.ext_authz.gate.denied") == 1);
  CHECK(s.h.Stat("cluster.up.ext_authz.gate.denied") == 1);
  CHECK(s.h.Stat("cluster.up.upstream_rq_401") == 1);
  // The connection lives on.
  CHECK(client.Get("/").status == 401);
}

TEST_CASE("ext_authz: the service decides with the body, and the body goes on") {
  Setup s("", kService + "with_request_body { max_request_bytes: 1000 }");
  s.h.Start();
  Client client = s.h.Connect();
  CHECK(client.Post("/", "the body").body == "hello");
  CHECK(Asked(s.service).attributes().request().http().body() == "the body");
  CHECK(s.up->requests().at(0).body == "the body");
  client.Send(MakeRequest("POST", "/", {{"transfer-encoding", "chunked"}}) +
              MakeChunked(std::string(900, 'c'), 100));
  CHECK(client.ReceiveResponse().body == "hello");
  CHECK(Asked(s.service, 2).attributes().request().http().body() == std::string(900, 'c'));
  CHECK(s.up->requests().at(1).body == std::string(900, 'c'));
  CHECK(client.Post("/", std::string(1001, 'x')).status == 413);
  CHECK(s.service.calls() == 2);
}

TEST_CASE("ext_authz: a long body of which the service sees a part") {
  Setup s("", kService +
                  "with_request_body { max_request_bytes: 1000 allow_partial_message: true "
                  "pack_as_bytes: true }");
  s.h.Start();
  const std::string body(300'000, 'b');
  CHECK(s.h.Connect().Post("/", body).body == "hello");
  CHECK(Asked(s.service).attributes().request().http().raw_body() == std::string(1000, 'b'));
  CHECK(s.up->requests().at(0).body == body);
}

TEST_CASE("ext_authz: what routes say") {
  Setup s("");
  s.route->overrides = {Override("disabled: true")};
  auto& told = s.h.Route("/told", "up");
  told.overrides = {Override("check_settings { context_extensions { key: 'a' value: '1' } }")};
  RealServer other;
  AnswerText(other, "status { code: 7 }");
  upstream::ClusterConfig& cluster = s.h.Cluster("other");
  cluster.protocol = upstream::Protocol::kHttp2;
  cluster.hosts.emplace_back().address = other.address();
  auto& elsewhere = s.h.Route("/elsewhere", "up");
  elsewhere.overrides = {
      Override("check_settings { grpc_service { envoy_grpc { cluster_name: 'other' } timeout { "
               "seconds: 20 } } }")};
  std::swap(*s.route, elsewhere);  // the catch-all last
  s.h.Start();
  Client client = s.h.Connect();
  CHECK(client.Get("/elsewhere").status == 403);
  CHECK(client.Get("/told").status == 200);
  CHECK(Asked(s.service).attributes().context_extensions().at("a") == "1");
  CHECK(client.Get("/").status == 200);
  CHECK(s.service.calls() == 1);
  CHECK(other.calls() == 1);
}

TEST_CASE("ext_authz: a changed request finds another route") {
  Setup s("ok_response { headers { header { key: 'x-to' value: 'b' } append { value: false } } }",
          kService + "clear_route_cache: true");
  const auto b = AddRouteToB(s.h, *s.route);
  s.h.Start();
  CHECK(s.h.Connect().Get("/").body == "b");
}

TEST_CASE("ext_authz: an answer that is not valid is left out, or refused") {
  const std::string answer =
      "ok_response { headers { header { key: 'x-bad' value: 'a\\nb' } append { value: false } } }";
  {
    Setup s(answer);
    s.h.Start();
    CHECK(s.h.Connect().Get("/").status == 200);
    CHECK_FALSE(s.up->requests().at(0).Has("x-bad"));
  }
  Setup s(answer, kService + "validate_mutations: true");
  s.h.Start();
  CHECK(s.h.Connect().Get("/").status == 500);
  CHECK(s.h.NextExchange().details == "ext_authz_invalid");
  CHECK(s.h.Stat("http.ingress.ext_authz.invalid") == 1);
}

TEST_CASE("ext_authz: metadata of the service, for logs and whoever follows") {
  const std::string answer =
      "dynamic_metadata { fields { key: 'user' value { string_value: 'ann' } } }";
  Setup s(answer);
  s.h.Start();
  CHECK(s.h.Connect().Get("/").status == 200);
  Setup refused(answer, kService + "enable_dynamic_metadata_ingestion { value: false }");
  refused.h.Start();
  CHECK(refused.h.Connect().Get("/").status == 200);
  CHECK(refused.h.Stat("http.ingress.ext_authz.ignored_dynamic_metadata") == 1);
}

// --- services that fail

struct Failing {
  explicit Failing(const net::Address& service, const std::string& config = kService) {
    up = h.Upstream("up").Respond(200, "hello");
    h.Route("/", "up");
    AddAuthz(h, service, config);
    h.Start();
  }
  void CheckRefused(int status = 403) {
    Client client = h.Connect();
    CHECK(client.Get("/").status == status);
    const Exchange exchange = h.NextExchange();
    CHECK(exchange.flags == "UAEX");
    CHECK(exchange.details == "ext_authz_error");
    CHECK(h.Stat("http.ingress.ext_authz.error") == 1);
    CHECK(h.Stat("cluster.up.ext_authz.error") == 1);
    CHECK(up->requests().empty());
  }
  Harness h;
  std::optional<ScriptedUpstream> up;
};

const std::string kShort =
    "grpc_service { envoy_grpc { cluster_name: 'authz' } timeout { nanos: 100000000 } } ";

TEST_CASE("ext_authz: nobody is there") {
  ScriptedUpstream nobody;
  nobody.Unlisten();
  Failing(nobody.address()).CheckRefused();
  Failing(nobody.address(), kService + "status_on_error { code: BadGateway }").CheckRefused(502);
  Failing open(nobody.address(), kService + "failure_mode_allow: true");
  CHECK(open.h.Connect().Get("/").body == "hello");
  CHECK(open.h.Stat("http.ingress.ext_authz.failure_mode_allowed") == 1);
}

TEST_CASE("ext_authz: a service that does not answer in time is given up") {
  RealServer slow;
  slow.Answer([](const std::string&) { return std::nullopt; });
  Failing(slow.address(), kShort).CheckRefused();
  slow.AwaitCancelled(1);
  // Without a timeout of its own it has 200 ms.
  Failing(slow.address(), "grpc_service { envoy_grpc { cluster_name: 'authz' } }").CheckRefused();
  slow.AwaitCancelled(2);
}

TEST_CASE("ext_authz: a service that speaks nonsense") {
  RealServer nonsense;
  nonsense.Answer([](const std::string&) { return std::string("\xff\xff\xff"); });
  Failing(nonsense.address()).CheckRefused();
  ScriptedUpstream web;
  web.RespondWith("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", true);
  Failing(web.address()).CheckRefused();
}

TEST_CASE("ext_authz: a service that has failed itself says how") {
  RealServer service;
  AnswerText(service,
             "status { code: 13 } error_response { status { code: BadGateway } body: 'db' }");
  Failing(service.address()).CheckRefused(502);
}

TEST_CASE("ext_authz: the call is reset in the middle, or its connection ends") {
  for (const bool whole_connection : {false, true}) {
    ScriptedUpstream service;
    Failing setup(service.address());
    std::thread peer([&] {
      FrameWire wire(service.Accept());
      wire.Accept();
      wire.Await("HEADERS(1");
      if (whole_connection) return;
      wire.Send(remora::wire::RstStream(1, 2));
      while (wire.wire().AwaitBytes()) wire.Next();
    });
    setup.CheckRefused();
    setup.h.Stop();
    peer.join();
  }
}

TEST_CASE("ext_authz: the client goes during the call, which is cancelled") {
  RealServer slow;
  slow.Answer([](const std::string&) { return std::nullopt; });
  Failing setup(slow.address());
  {
    Client client = setup.h.Connect();
    client.Send(MakeRequest("GET", "/"));
    slow.AwaitMessages(1);
    client.Reset();
  }
  slow.AwaitCancelled(1);
  CHECK(setup.h.Stat("http.ingress.ext_authz.error") == 0);
  CHECK(setup.up->requests().empty());
}

TEST_CASE("ext_authz: many requests at once, each with its own answer") {
  RealServer service;
  service.Answer([](const std::string& message) {
    CheckRequest request;
    CheckResponse response;
    if (!request.ParseFromString(message) ||
        request.attributes().request().http().path().find("/no") == 0) {
      response.mutable_status()->set_code(7);
    }
    return response.SerializeAsString();
  });
  Failing setup(service.address());
  std::vector<Client> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(setup.h.Connect());
    clients.back().Send(MakeRequest("GET", i % 2 == 0 ? "/yes" : "/no"));
  }
  for (size_t i = 0; i < clients.size(); ++i) {
    CHECK(clients[i].ReceiveResponse().status == (i % 2 == 0 ? 200 : 403));
  }
  CHECK(setup.h.Stat("http.ingress.ext_authz.ok") == 50);
  CHECK(setup.h.Stat("http.ingress.ext_authz.denied") == 50);
}

}  // namespace
}  // namespace remora::harness
