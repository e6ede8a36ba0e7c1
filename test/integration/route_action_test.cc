// What routes do to messages on their way: header changes, rewrites, redirects, clusters named by
// requests. The values are Envoy's.

#include <catch2/catch.hpp>

#include "source/http/formatter/template.h"
#include "test/harness/harness.h"

namespace remora::harness {
namespace {

using Action = route::HeaderAddition::Action;

// The values of all fields of that name, in order.
std::string All(const Message& message, std::string_view name) {
  std::string values;
  for (const Field& field : message.fields) {
    if (field.name == name) values += (values.empty() ? "" : "|") + field.value;
  }
  return values;
}

TEST_CASE("header changes reach the upstream and the client") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi", {{"x-up", "1"}, {"x-resp", "up"}});
  route::RouteConfig& route = h.Route("/", "up");
  route.header_changes.request = {.add = {{"x-a", "%REQ(:path)% %REQ(x-in)%"},
                                          {"X-In", "set", Action::kOverwriteIfExistsOrAdd},
                                          {"x-none", "%REQ(nothing)%"},
                                          {"user-agent", "remora", Action::kAddIfAbsent}},
                                  .remove = {"x-gone"}};
  route.header_changes.response = {
      .add = {{"x-r", "%RESP(x-resp)% %RESPONSE_CODE%"}, {"content-type", "text/a"}},
      .remove = {"x-up"}};
  h.Start();
  Client client = h.Connect();
  for (int i = 0; i < 2; ++i) {
    const Message response =
        client.Get("/p?q", {{"x-in", "1"}, {"x-gone", "2"}, {"x-a", "client"}});
    const Message request = up.requests().back();
    CHECK(All(request, "x-a") == "client|/p?q 1");
    CHECK(All(request, "x-in") == "set");
    CHECK(All(request, "user-agent") == "remora");
    CHECK_FALSE(request.Has("x-gone"));
    CHECK_FALSE(request.Has("x-none"));
    CHECK(All(response, "x-r") == "up 200");
    CHECK(All(response, "content-type") == "text/a");
    CHECK_FALSE(response.Has("x-up"));
    CHECK(response.body == "hi");
  }
}

TEST_CASE("responses of the proxy itself are changed too") {
  Harness h;
  h.Cluster("empty");
  h.Route("/none", "empty").header_changes.response.add = {{"x-r", "%RESPONSE_FLAGS%"}};
  route::RouteConfig& json = h.DirectResponse("/json", 200, "{}");
  json.header_changes.response.add = {{"content-type", "application/json"}};
  h.DirectResponse("/bare", 404, "").header_changes.response.add = {{"content-type", "text/x"}};
  h.Start();
  Client client = h.Connect();
  const Message none = client.Get("/none");
  CHECK(none.status == 503);
  CHECK(All(none, "x-r") == "UH");
  CHECK(All(none, "content-type") == "text/plain");
  const Message direct = client.Get("/json");
  CHECK(All(direct, "content-type") == "application/json");
  CHECK(direct.body == "{}");
  CHECK_FALSE(client.Get("/bare").Has("content-type"));
}

TEST_CASE("the request goes out with another path and Host") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "");
  route::ForwardAction& action = h.Forward("/old", "up");
  action.prefix_rewrite = "/new";
  action.host_rewrite_kind = route::ForwardAction::HostRewrite::kLiteral;
  action.host_rewrite = "lit.example";
  action.append_x_forwarded_host = true;
  h.Start();
  Client client = h.Connect();
  client.Get("/old/x?y");
  client.Get("/old", {{"x-forwarded-host", "first"}});
  client.Get("/old", {{"x-forwarded-host", "first,test.local"}});
  const std::vector<Message> requests = up.requests();
  CHECK(requests[0].target == "/new/x?y");
  CHECK(All(requests[0], "host") == "lit.example");
  CHECK(All(requests[0], "x-envoy-original-path") == "/old/x?y");
  CHECK(All(requests[0], "x-envoy-original-host") == "test.local");
  CHECK(All(requests[0], "x-forwarded-host") == "test.local");
  CHECK(All(requests[1], "x-forwarded-host") == "first,test.local");
  CHECK(All(requests[2], "x-forwarded-host") == "first,test.local");
}

TEST_CASE("auto_host_rewrite takes the host name of the endpoint that is chosen") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "");
  h.Upstream("bare").Respond(200, "");
  h.Cluster("up").hosts[0].hostname = "endpoint.example";
  using Kind = route::ForwardAction::HostRewrite;
  h.Forward("/", "up").host_rewrite_kind = Kind::kEndpointHostname;
  h.Start();
  Client client = h.Connect();
  client.Get("/");
  CHECK(All(up.requests()[0], "host") == "endpoint.example");
  CHECK(All(up.requests()[0], "x-envoy-original-host") == "test.local");
}

TEST_CASE("a weighted cluster's Host gives way to the route's, and is no rewrite of its own") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "");
  using Kind = route::ForwardAction::HostRewrite;
  for (const char* prefix : {"/both", "/cluster"}) {
    route::ForwardAction& action = h.Forward(prefix, "");
    action.weighted_clusters.push_back(
        {.name = "up", .weight = 1, .host_rewrite = "cluster.example"});
    if (std::string_view(prefix) != "/both") continue;
    action.host_rewrite_kind = Kind::kLiteral;
    action.host_rewrite = "route.example";
  }
  h.Start();
  Client client = h.Connect();
  client.Get("/both");
  client.Get("/cluster");
  CHECK(All(up.requests()[0], "host") == "route.example");
  CHECK(All(up.requests()[0], "x-envoy-original-host") == "cluster.example");
  CHECK(All(up.requests()[1], "host") == "cluster.example");
  CHECK_FALSE(up.requests()[1].Has("x-envoy-original-host"));
}

TEST_CASE("redirects") {
  Harness h;
  h.Route("/old", "").action = route::RedirectAction{.scheme = "https",
                                                     .host = "h.example",
                                                     .port = 8443,
                                                     .prefix_rewrite = "/new",
                                                     .status = 308};
  h.DirectResponse("/moved", 302, "");
  h.DirectResponse("/created", 201, "made");
  h.DirectResponse("/same", 304, "");
  h.DirectResponse("/ok", 200, "");
  h.Start();
  Client client = h.Connect();
  const Message redirect = client.Get("/old/x?y=1");
  CHECK(redirect.status == 308);
  CHECK(redirect.Get("location") == "https://h.example:8443/new/x?y=1");
  CHECK(redirect.body.empty());
  const Exchange exchange = h.NextExchange();
  CHECK(exchange.details == "direct_response");
  CHECK(client.Get("/moved?q").Get("location") == "http://test.local/moved?q");
  CHECK(client.Get("/created").Get("location") == "http://test.local/created");
  CHECK_FALSE(client.Get("/same").Has("location"));
  CHECK_FALSE(client.Get("/ok").Has("location"));
  CHECK(h.Stat("http.ingress.rq_direct_response") == 5);
}

TEST_CASE("the body of a direct response may be made of the request") {
  Harness h;
  auto format = formatter::Format::Parse("<%LOCAL_REPLY_BODY% %REQ(:path)%>", {});
  REQUIRE(format.ok());
  route::DirectResponseAction action{403, "original"};
  action.body_format = std::make_shared<const formatter::Template>(*std::move(format));
  action.content_type = "text/html";
  route::RouteConfig& route = h.Route("/", "");
  route.action = action;
  route.header_changes.response.add = {{"content-type", "of/route"}};
  h.Start();
  const Message response = h.Connect().Get("/p?q");
  CHECK(response.status == 403);
  CHECK(response.body == "<original /p?q>");
  CHECK(All(response, "content-type") == "text/html");
}

TEST_CASE("formats know the metadata of route and virtual host") {
  Harness h;
  http::MetadataValue name;
  name.kind = http::MetadataValue::Kind::kString;
  name.text = "checkout";
  http::Metadata metadata;
  metadata["app"].kind = http::MetadataValue::Kind::kStruct;
  metadata["app"].fields["name"] = name;
  route::RouteConfig& route = h.DirectResponse("/", 200, "");
  route.name = "r1";
  route.metadata = std::make_shared<const http::Metadata>(std::move(metadata));
  route.header_changes.response.add = {{"x-app", "%METADATA(ROUTE:app:name)% of %ROUTE_NAME%"}};
  h.Start();
  CHECK(All(h.Connect().Get("/"), "x-app") == "checkout of r1");
}

TEST_CASE("a cluster named by the request, and the answer when there is none of that name") {
  Harness h;
  h.Upstream("up").Respond(200, "");
  h.Route("/field", "").action =
      route::ForwardAction{.cluster_header = "x-cluster", .cluster_not_found_status = 404};
  h.Route("/", "").action = route::ForwardAction{.cluster_header = "x-cluster"};
  h.Start();
  Client client = h.Connect();
  CHECK(client.Get("/field", {{"x-cluster", "up"}}).status == 200);
  CHECK(h.NextExchange().flags == "-");
  CHECK(client.Get("/field", {{"x-cluster", "other"}}).status == 404);
  CHECK(h.NextExchange().flags == "NC");
  CHECK(client.Get("/field").status == 404);
  CHECK(client.Get("/").status == 503);
  CHECK(h.Stat("http.ingress.no_cluster") == 3);
}

}  // namespace
}  // namespace remora::harness
