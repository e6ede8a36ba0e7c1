// /explain, side by side with what connections and requests meet.

#include <algorithm>
#include <catch2/catch.hpp>

#include "test/harness/harness.h"
#include "test/integration/parsed_listeners.h"

namespace remora::harness {
namespace {

void CheckHas(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("explain: filter chains by server name, and those that lost") {
  Harness h;
  const std::string yaml =
      "static_resources: {listeners: [{name: main, address: {socket_address: {address: 127.0.0.1, "
      "port_value: 0}}, listener_filters: [" +
      ListenerFilter("tls_inspector", "TlsInspector") +
      "], filter_chains: [{name: a, filter_chain_match: {server_names: [a.example]}, filters: [" +
      Says("a") +
      "]}, {name: wild, filter_chain_match: {server_names: [\"*.example\"]}, filters: [" +
      Says("wild") + "]}, {filter_chain_match: {transport_protocol: raw_buffer}, filters: [" +
      Says("plain") + "]}]}]}";
  h.Listener() = *ListenersOf(yaml)[0];
  h.DirectResponse("/", 200, "never");
  h.Start();
  const std::string a = h.Admin("/explain?sni=a.example").body;
  CheckHas(a, "filter chain: filter_chains[0] 'a'\n");
  CheckHas(a, "  not filter_chains[1] 'wild': server_names\n");
  CheckHas(a, "  not filter_chains[2]: server_names\n");
  CheckHas(a, "outcome: the connection is served by the network filter says\n");
  CheckHas(h.Admin("/explain?sni=b.example").body, "filter chain: filter_chains[1] 'wild'\n");
  CheckHas(h.Admin("/explain").body, "filter chain: filter_chains[2]\n");
  CheckHas(
      h.Admin("/explain?sni=other").body,
      "outcome: no filter chain takes it: the connection is closed (filter_chain_not_found)\n");
}

TEST_CASE("explain: the host that it names is the one that the next request gets") {
  Harness h;
  std::vector<ScriptedUpstream> upstreams;
  for (int i = 0; i < 3; ++i) upstreams.push_back(h.Upstream("up").Respond(200, "hi"));
  h.Route("/", "up");
  h.Start();
  for (int i = 0; i < 7; ++i) {
    const std::string page = h.Admin("/explain").body;
    CHECK(h.Admin("/explain").body == page);
    CHECK(h.Connect().Get("/").status == 200);
    CheckHas(page, "outcome: forwarded to " + h.NextExchange().upstream_host + " of cluster up\n");
  }
}

TEST_CASE("explain: a request that is answered before it is routed, redirected, or rewritten") {
  Harness h;
  h.Upstream("up").Respond(200, "hi");
  h.Manager().normalize_path = true;
  h.Manager().escaped_slashes = connection_manager::EscapedSlashes::kReject;
  route::RouteConfig& redirect = h.Route("/old", "up");
  redirect.action = route::RedirectAction{.path = "/new", .status = 308};
  h.Forward("/cut/", "up").prefix_rewrite = "/";
  h.Route("/", "up").headers.emplace_back().name = "x-user";
  h.Start();
  const std::string refused = h.Admin("/explain?path=/a%252fb").body;
  CheckHas(refused, "  status: 400\n");
  CheckHas(refused, "  response code details: path_normalization_failed\n");
  CHECK(h.Connect().Get("/a%2fb").status == 400);
  const std::string old = h.Admin("/explain?host=h.example&path=/x/../old").body;
  CheckHas(old, "request: GET http://h.example/old\n");
  CheckHas(old, "outcome: redirected to http://h.example/new\n  status: 308\n");
  const std::string cut = h.Admin("/explain?host=h&path=/cut/x?q").body;
  CheckHas(cut, "  path becomes: /x?q\n");
  CheckHas(cut, "not routes[2] prefix /: header x-user\n");
  CheckHas(h.Admin("/explain?path=/z").body, "  not routes[2] prefix /: header x-user\n");
  CheckHas(h.Admin("/explain?path=/z&header=X-User:me").body, "outcome: forwarded to ");
}

TEST_CASE("explain: weights by chance, hosts out of use, open breakers") {
  Harness h;
  h.Upstream("blue").Respond(200, "b");
  upstream::HostConfig& out = h.Cluster("green").hosts.emplace_back();
  out.address = *net::Address::Ip("127.0.0.1", 1);
  out.health = upstream::HealthStatus::kUnhealthy;
  h.Cluster("green").balancing.panic_threshold_percent = 0;
  h.Cluster("blue").limits[0].max_requests = 0;
  route::ForwardAction& split = h.Forward("/", "");
  split.weighted_clusters = {{.name = "blue", .weight = 1}, {.name = "green", .weight = 3}};
  h.Start();
  const std::string blue = h.Admin("/explain?random=0").body;
  CheckHas(blue, "cluster: blue\n  weighted: weight 1 of 4\n");
  CheckHas(blue, "  not green: weight 3 of 4\n");
  CheckHas(blue, "circuit breaker: max_requests is reached");
  const std::string green = h.Admin("/explain?random=18446744073709551615").body;
  CheckHas(green, "cluster: green\n");
  CheckHas(green, "host: none\n");
  CheckHas(green, "  not 127.0.0.1:1: takes no part: unhealthy\n");
  CheckHas(green,
           "outcome: no host of the cluster may be used\n  status: 503\n"
           "  response flags: UH\n  response code details: no_healthy_upstream\n");
}

TEST_CASE("explain: an upgrade is allowed or not before there is a route") {
  Harness h;
  h.Upstream("up");
  h.Forward("/ws", "up").upgrades = {{"websocket"}};
  h.Route("/plain", "up");
  h.Start();
  const auto outcome = [&h](const std::string& path) {
    return h.Admin("/explain?path=" + path + "&header=upgrade:websocket").body;
  };
  CheckHas(outcome("/ws"), "outcome: forwarded to ");
  for (const char* path : {"/plain", "/nowhere"}) {
    CheckHas(outcome(path), "outcome: the upgrade is not allowed\n  status: 403\n");
    CHECK(h.Connect().Get(path, {{"connection", "upgrade"}, {"upgrade", "websocket"}}).status ==
          403);
  }
  // No codec takes this one for an upgrade.
  CheckHas(h.Admin("/explain?path=/plain&header=upgrade:h2c").body, "outcome: forwarded to ");
}

TEST_CASE("explain: listener filters count where they look at the connection") {
  Harness h;
  const std::string off = ", filter_disabled: {any_match: true}}";
  std::string inspector = ListenerFilter("tls_inspector", "TlsInspector");
  inspector.replace(inspector.size() - 1, 1, off);
  const auto listener = [](const std::string& name, const std::string& filters,
                           const std::string& match) {
    return "{name: " + name +
           ", address: {socket_address: {address: 127.0.0.1, port_value: 0}}, listener_filters: [" +
           filters + "], filter_chains: [{filter_chain_match: " + match + ", filters: [" +
           Says("a") + "]}]}";
  };
  const auto listeners =
      ListenersOf("static_resources: {listeners: [" +
                  listener("main", inspector, "{server_names: [a.example]}") + ", " +
                  listener("http", ListenerFilter("http_inspector", "HttpInspector"),
                           "{application_protocols: [\"http/1.1\"]}") +
                  "]}");
  for (const auto& parsed : listeners) h.Listener(parsed->name) = *parsed;
  h.DirectResponse("/", 200, "never");
  h.Start();
  const std::string disabled = h.Admin("/explain?listener=main&sni=a.example").body;
  CheckHas(disabled, "  note: without a tls_inspector the server name is not seen here\n");
  CheckHas(disabled, "filter chain: none\n");
  CheckHas(h.Admin("/explain?listener=http").body, "filter chain: filter_chains[0]\n");
}

TEST_CASE("explain: a TCP proxy") {
  Harness h;
  h.Upstream("up");
  h.TcpProxy("tcp", "up");
  h.DirectResponse("/", 200, "never");
  h.Start();
  const std::string page = h.Admin("/explain?listener=tcp").body;
  CheckHas(page, "cluster: up\n  tcp proxy: tcp\n");
  CheckHas(page, " of cluster up\n");
  CheckHas(h.Admin("/explain?listener=" + std::to_string(h.Address("tcp").port())).body,
           "listener: tcp\n");
}

}  // namespace remora::harness
