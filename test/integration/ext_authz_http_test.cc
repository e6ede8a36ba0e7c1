// The external authorization filter with a service over HTTP, also with one that is slow, dead,
// gone or lies.

#include <catch2/catch.hpp>

#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb.h"
#include "source/extensions/http_filters/ext_authz/ext_authz.h"
#include "test/harness/harness.h"
#include "test/integration/served_filter.h"

namespace remora::harness {
namespace {

using extensions::ExtAuthz;

std::string Service(const std::string& more = "", const std::string& timeout = "seconds: 20") {
  return "http_service { server_uri { uri: 'http://authz.example/' cluster: 'authz' timeout { " +
         timeout + " } } " + more + " } ";
}

// A proxy in front of "up", which says hello, with a service in the hands of the test.
struct Setup {
  explicit Setup(const std::string& config = Service(), bool by_hand = false) {
    up = h.Upstream("up").Respond(200, "hello");
    route = &h.Route("/", "up");
    service = h.Upstream("authz");
    if (!by_hand) service->Respond(200, "");
    AddFilter<ExtAuthz>(h, "authz", config);
  }
  void CheckFailed(int status = 403) {
    Client client = h.Connect();
    CHECK(client.Get("/").status == status);
    const Exchange exchange = h.NextExchange();
    CHECK(exchange.flags == "UAEX");
    CHECK(exchange.details == "ext_authz_error");
    CHECK(h.Stat("http.ingress.ext_authz.error") == 1);
    CHECK(up->requests().empty());
  }
  Harness h;
  std::optional<ScriptedUpstream> up;
  std::optional<ScriptedUpstream> service;
  route::RouteConfig* route;
};

TEST_CASE("ext_authz over HTTP: a request that is allowed goes on changed") {
  Setup s(
      Service("path_prefix: '/authz' authorization_request { headers_to_add { key: 'x-way' "
              "value: '%REQ(:method)%' } } authorization_response { allowed_upstream_headers { "
              "patterns { exact: 'x-user' } } allowed_client_headers_on_success { patterns { "
              "exact: 'x-told' } } }"));
  s.service->Respond(
      200, "ignored",
      {{"X-User", "ann"}, {"x-told", "yes"}, {"x-envoy-auth-headers-to-remove", "authorization"}});
  s.h.Start();
  const Message answer = s.h.Connect().Get(
      "/p?q=1", {{"authorization", "secret"}, {"x-user", "eve"}, {"x-other", "1"}});
  CHECK(answer.body == "hello");
  CHECK(answer.Get("x-told") == "yes");
  const Message asked = s.service->requests().at(0);
  CHECK(asked.method == "GET");
  CHECK(asked.target == "/authz/p?q=1");
  CHECK(asked.Get("host") == "test.local");
  CHECK(asked.Get("authorization") == "secret");
  CHECK(asked.Get("content-length") == "0");
  CHECK(asked.Get("x-way") == "GET");
  CHECK_FALSE(asked.Has("x-other"));
  CHECK_FALSE(asked.Has("x-forwarded-for"));
  const Message request = s.up->requests().at(0);
  CHECK(request.Get("x-user") == "ann");
  CHECK(request.Count("x-user") == 1);
  CHECK_FALSE(request.Has("authorization"));
  CHECK(s.h.Stat("http.ingress.ext_authz.ok") == 1);
  CHECK(s.h.Stat("cluster.up.ext_authz.ok") == 1);
}

TEST_CASE("ext_authz over HTTP: a request that is refused gets the service's answer") {
  Setup s;
  s.service->Respond(401, "who are you?",
                     {{"www-authenticate", "Basic"}, {"set-cookie", "a"}, {"set-cookie", "b"}});
  s.h.Start();
  Client client = s.h.Connect();
  const Message answer = client.Get("/");
  CHECK(answer.status == 401);
  CHECK(answer.body == "who are you?");
  CHECK(answer.Get("www-authenticate") == "Basic");
  CHECK(answer.Count("set-cookie") == 2);
  const Exchange exchange = s.h.NextExchange();
  CHECK(exchange.flags == "UAEX");
  CHECK(exchange.details == "ext_authz_denied");
  CHECK(s.up->requests().empty());
  CHECK(s.h.Stat("cluster.up.ext_authz.denied") == 1);
  CHECK(s.h.Stat("cluster.up.upstream_rq_401") == 1);
  // The connection lives on.
  CHECK(client.Get("/").status == 401);
}

TEST_CASE("ext_authz over HTTP: the service sees the body, and the upstream too") {
  Setup s(Service() + "with_request_body { max_request_bytes: 4 allow_partial_message: true }");
  s.h.Start();
  Client client = s.h.Connect();
  CHECK(client.Post("/", "abc").body == "hello");
  CHECK(s.service->requests().at(0).body == "abc");
  CHECK(s.service->requests().at(0).Get("x-envoy-auth-partial-body") == "false");
  CHECK(s.up->requests().at(0).body == "abc");
  const std::string body(300'000, 'b');
  CHECK(client.Post("/", body).body == "hello");
  CHECK(s.service->requests().at(1).body == "bbbb");
  CHECK(s.service->requests().at(1).Get("x-envoy-auth-partial-body") == "true");
  CHECK(s.up->requests().at(1).body == body);
}

TEST_CASE("ext_authz over HTTP: a service of the route, or none") {
  Setup s;
  auto other = s.h.Upstream("other").Respond(403, "no");
  const auto override = [](const std::string& text) { return OverrideOf<ExtAuthz>("authz", text); };
  auto& free = s.h.Route("/free", "up");
  free.overrides = {override("disabled: true")};
  auto& elsewhere = s.h.Route("/elsewhere", "up");
  elsewhere.overrides = {
      override("check_settings { http_service { server_uri { uri: 'http://o/' cluster: 'other' "
               "timeout { seconds: 20 } } } }")};
  std::swap(*s.route, elsewhere);  // the catch-all last
  s.h.Start();
  Client client = s.h.Connect();
  CHECK(client.Get("/elsewhere").status == 403);
  CHECK(client.Get("/free").status == 200);
  CHECK(client.Get("/").status == 200);
  CHECK(s.service->requests().size() == 1);
  CHECK(other.requests().size() == 1);
}

TEST_CASE("ext_authz over HTTP: a changed request finds another route") {
  Setup s(Service("authorization_response { allowed_upstream_headers { patterns { exact: 'x-to' } "
                  "} }") +
          "clear_route_cache: true");
  s.service->Respond(200, "", {{"x-to", "b"}});
  const auto b = AddRouteToB(s.h, *s.route);
  s.h.Start();
  CHECK(s.h.Connect().Get("/").body == "b");
}

// --- services that fail

TEST_CASE("ext_authz over HTTP: the service is down, or says so") {
  Setup gone;
  gone.service->Unlisten();
  gone.h.Start();
  gone.CheckFailed();
  Setup failed(Service() + "status_on_error { code: BadGateway }");
  failed.service->Respond(503, "down");
  failed.h.Start();
  failed.CheckFailed(502);
  Setup open(Service() + "failure_mode_allow: true failure_mode_allow_header_add: true");
  open.service->Respond(500, "");
  open.h.Start();
  CHECK(open.h.Connect().Get("/").body == "hello");
  CHECK(open.up->requests().at(0).Get("x-envoy-auth-failure-mode-allowed") == "true");
  CHECK(open.h.Stat("http.ingress.ext_authz.failure_mode_allowed") == 1);
}

TEST_CASE("ext_authz over HTTP: there is no such cluster") {
  Setup s(
      "http_service { server_uri { uri: 'http://a/' cluster: 'none' timeout { seconds: 1 } } }");
  s.h.Start();
  s.CheckFailed();
}

TEST_CASE("ext_authz over HTTP: a service that does not answer, or not to the end") {
  for (const std::string answer :
       {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        "HTTP/1.1 403 Forbidden\r\ncontent-length: 9\r\n\r\nhalf"}) {
    Setup s(Service("", "nanos: 100000000"), /*by_hand=*/true);
    s.h.Start();
    Client client = s.h.Connect();
    client.Send(MakeRequest("GET", "/"));
    Wire wire = s.service->Accept();
    wire.ReceiveRequest();
    wire.Send(answer);
    CHECK(client.ReceiveResponse().status == 403);
    CHECK(s.h.NextExchange().details == "ext_authz_error");
    CHECK(s.up->requests().empty());
    // The call was given up.
    wire.AwaitEnd();
  }
}

TEST_CASE("ext_authz over HTTP: answers that are none, or too long") {
  const std::string endless =
      "HTTP/1.1 403 Forbidden\r\ncontent-length: 2000000\r\n\r\n" + std::string(2'000'000, 'x');
  for (const std::string& answer :
       {std::string("not HTTP at all\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n", 27),
        std::string("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
        endless}) {
    Setup s;
    s.service->RespondWith(answer, true);
    s.h.Start();
    s.CheckFailed();
  }
}

TEST_CASE("ext_authz over HTTP: what the service writes cannot break the request") {
  Setup s(
      Service("authorization_response { allowed_upstream_headers { patterns { safe_regex { "
              "regex: '.*' } } } }"));
  s.service->RespondWith(
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nhost: other.example\r\nconnection: x-a\r\n"
      "x-a: 1\r\nupgrade: h2c\r\n\r\n5\r\nabcde\r\n0\r\n\r\n");
  s.h.Start();
  CHECK(s.h.Connect().Post("/", "the body").body == "hello");
  const Message request = s.up->requests().at(0);
  CHECK(request.body == "the body");
  CHECK(request.Get("content-length") == "8");
  CHECK_FALSE(request.Has("transfer-encoding"));
  CHECK_FALSE(request.Has("upgrade"));
  // A response has no such field: the codec drops it.
  CHECK(request.Get("host") == "test.local");
}

TEST_CASE("ext_authz over HTTP: the client goes during the call, which is cancelled") {
  Setup s(Service(), /*by_hand=*/true);
  s.h.Start();
  Client client = s.h.Connect();
  client.Send(MakeRequest("GET", "/"));
  Wire wire = s.service->Accept();
  wire.ReceiveRequest();
  client.Reset();
  wire.AwaitEnd();
  CHECK(s.h.Stat("http.ingress.ext_authz.error") == 0);
  CHECK(s.up->requests().empty());
}

}  // namespace
}  // namespace remora::harness
