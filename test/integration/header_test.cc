// What the connection manager and the router do to heads; the values are Envoy's.

#include <catch2/catch.hpp>

#include <set>

#include "test/harness/harness.h"

namespace remora::harness {
namespace {

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (text[i] == '-')) return false;
    if (!dash && std::string_view("0123456789abcdef").find(text[i]) == std::string_view::npos) {
      return false;
    }
  }
  return text[14] == '4' && std::string_view("89ab").find(text[19]) != std::string_view::npos;
}

TEST_CASE("x-forwarded-for gets the peer at the edge only") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  const bool edge = GENERATE(false, true);
  h.Manager().use_remote_address = edge;
  h.Start();
  Client client = h.Connect("main", "127.0.0.2");
  client.Get("/");
  client.Get("/", {{"x-forwarded-for", "10.0.0.1, 10.0.0.2"}, {"x-forwarded-proto", "https"}});
  const std::vector<Message> requests = up.requests();
  if (edge) {
    REQUIRE(requests[0].Get("x-forwarded-for") == "127.0.0.2");
    REQUIRE(requests[1].Get("x-forwarded-for") == "10.0.0.1, 10.0.0.2,127.0.0.2");
    REQUIRE(requests[1].Get("x-forwarded-proto") == "http");
    REQUIRE(requests[1].Get("x-envoy-external-address") == "127.0.0.2");
  } else {
    REQUIRE_FALSE(requests[0].Has("x-forwarded-for"));
    REQUIRE(requests[1].Get("x-forwarded-for") == "10.0.0.1, 10.0.0.2");
    REQUIRE(requests[1].Get("x-forwarded-proto") == "https");
    REQUIRE_FALSE(requests[1].Has("x-envoy-external-address"));
  }
  REQUIRE(requests[0].Get("x-forwarded-proto") == "http");
}

TEST_CASE("x-request-id is made when there is none, and replaced at the edge") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  const bool edge = GENERATE(false, true);
  const bool preserve = GENERATE(false, true);
  h.Manager().use_remote_address = edge;
  h.Manager().preserve_external_request_id = preserve;
  h.Manager().always_set_request_id_in_response = true;
  h.Start();
  Client client = h.Connect();
  const Message first = client.Get("/");
  const Message second = client.Get("/", {{"x-request-id", "mine"}});
  const std::vector<Message> requests = up.requests();
  REQUIRE(IsUuid(requests[0].Get("x-request-id")));
  REQUIRE(first.Get("x-request-id") == requests[0].Get("x-request-id"));
  REQUIRE(second.Get("x-request-id") == requests[1].Get("x-request-id"));
  REQUIRE((requests[1].Get("x-request-id") == "mine") == (!edge || preserve));
}

TEST_CASE("Request ids of several workers are all different") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Workers(3);
  h.Start();
  for (int i = 0; i < 30; ++i) h.Connect().Get("/");
  std::set<std::string> ids;
  for (const Message& request : up.requests()) ids.emplace(request.Get("x-request-id"));
  REQUIRE(ids.size() == 30);
}

TEST_CASE("Responses carry date and server") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi", {{"server", "origin"}, {"date", "yesterday"}});
  h.Route("/up", "up");
  h.DirectResponse("/", 200, "local");
  h.Start();
  Client client = h.Connect();
  const Message passed_on = client.Get("/up");
  REQUIRE(passed_on.Get("server") == "envoy");
  REQUIRE(passed_on.Count("server") == 1);
  REQUIRE(passed_on.Get("date") == "yesterday");
  REQUIRE(passed_on.Has("x-envoy-upstream-service-time"));
  const Message local = client.Get("/");
  REQUIRE(local.Get("server") == "envoy");
  REQUIRE(local.Get("date").size() == 29);
  REQUIRE(local.Get("date").substr(26) == "GMT");
  REQUIRE_FALSE(local.Has("x-envoy-upstream-service-time"));
}

TEST_CASE("The server header follows its transformation") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi", {{"server", "origin"}});
  auto bare = h.Upstream("bare").Respond(200, "hi");
  h.Route("/bare", "bare");
  h.Route("/", "up");
  h.Manager().server_name = "remora";
  SECTION("overwrite") {
    h.Start();
    REQUIRE(h.Connect().Get("/").Get("server") == "remora");
  }
  SECTION("append if absent") {
    h.Manager().server_header = connection_manager::ServerHeader::kAppendIfAbsent;
    h.Start();
    REQUIRE(h.Connect().Get("/").Get("server") == "origin");
    REQUIRE(h.Connect().Get("/bare").Get("server") == "remora");
  }
  SECTION("pass through") {
    h.Manager().server_header = connection_manager::ServerHeader::kPassThrough;
    h.Start();
    REQUIRE(h.Connect().Get("/").Get("server") == "origin");
    REQUIRE_FALSE(h.Connect().Get("/bare").Has("server"));
  }
}

TEST_CASE("x-envoy headers that steer a router are not taken from strangers") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Start();
  h.Connect().Get("/", {{"x-envoy-internal", "true"},
                        {"x-envoy-max-retries", "9"},
                        {"x-envoy-upstream-rq-timeout-ms", "1"},
                        {"x-envoy-retry-on", "5xx"},
                        {"x-envoy-expected-rq-timeout-ms", "1"}});
  const Message request = up.requests()[0];
  REQUIRE_FALSE(request.Has("x-envoy-internal"));
  REQUIRE_FALSE(request.Has("x-envoy-max-retries"));
  REQUIRE_FALSE(request.Has("x-envoy-upstream-rq-timeout-ms"));
  REQUIRE_FALSE(request.Has("x-envoy-retry-on"));
  REQUIRE(request.Get("x-envoy-expected-rq-timeout-ms") == "15000");
}

TEST_CASE("gRPC requests get local replies as gRPC statuses") {
  Harness h;
  h.Cluster("up");
  h.Route("/", "up");
  h.Start();
  const Message response =
      h.Connect().Post("/pkg.Service/Method", "x", {{"content-type", "application/grpc"}});
  REQUIRE(response.status == 200);
  REQUIRE(response.Get("content-type") == "application/grpc");
  REQUIRE(response.Get("grpc-status") == "14");
  REQUIRE(response.Get("grpc-message") == "no healthy upstream");
  REQUIRE(response.body.empty());
}

}  // namespace
}  // namespace remora::harness
