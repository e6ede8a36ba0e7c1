// Header changes, rewrites, redirects and clusters of routes: configuration in, what becomes of a
// request out.

#include <catch2/catch.hpp>

#include "source/base/arena.h"
#include "source/http/formatter/template.h"
#include "source/http/message.h"
#include "source/http/route/header_changes.h"
#include "source/http/route/rewrite.h"
#include "test/config/printed_config.h"

namespace remora::config {
namespace {

constexpr char kRoute[] =
    "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config"
    ".virtual_hosts[0].routes[0]";

// A table that `parts` describe, and one request to it.
struct Exchange {
  explicit Exchange(const Parts& parts, std::string_view path = "/p?q",
                    const std::vector<std::pair<std::string, std::string>>& fields = {})
      : table(Routes(parts)), arena(pool), head(arena) {
    INFO(Faults(parts));
    REQUIRE(table != nullptr);
    head.method = "GET";
    head.scheme = "http";
    head.authority = "a.example:80";
    head.path = path;
    for (const auto& [name, value] : fields) REQUIRE(head.headers.Add(name, value));
    match = table->Match(head, 0);
    REQUIRE(match.route != nullptr);
  }

  // The fields after the plan of that direction.
  std::string Fields(const route::HeaderPlan* plan) {
    const http::StreamInfo info;
    if (plan != nullptr) plan->Apply(head.headers, {.info = info, .request = &head});
    std::string text;
    head.headers.ForEach([&](const http::HeaderEntry& entry) {
      text += (text.empty() ? "" : "; ") + std::string(entry.name()) + ": " +
              std::string(entry.value());
    });
    return text;
  }
  std::string Path() const {
    return match.route->rewrites()
        ->path()
        .Apply(head.path, match.route->MatchedSize(head.path))
        .value_or("as it is");
  }
  std::string Host() const { return match.route->rewrites()->Host(head).value_or("as it is"); }
  std::string Location() const {
    return std::to_string(match.route->redirect()->status()) + " " +
           match.route->redirect()->Location(head, match.route->MatchedSize(head.path));
  }

  std::shared_ptr<const route::RouteTable> table;
  base::ArenaPool pool;
  base::Arena arena;
  http::RequestHead head;
  route::MatchResult match;
};

std::string Adds(const std::string& option) {
  Parts parts;
  parts.route = "request_headers_to_add: [" + option + "]";
  Exchange exchange(parts, "/", {{"x-a", "old"}});
  return exchange.Fields(exchange.match.request_headers());
}

TEST_CASE("each option of an added header field") {
  CHECK(Adds("{header: {key: X-A, value: new}}") == "x-a: old; x-a: new");
  CHECK(Adds("{header: {key: x-a, value: new}, append_action: ADD_IF_ABSENT}") == "x-a: old");
  CHECK(Adds("{header: {key: x-b, value: new}, append_action: ADD_IF_ABSENT}") ==
        "x-a: old; x-b: new");
  CHECK(Adds("{header: {key: x-a, value: new}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}") ==
        "x-a: new");
  CHECK(Adds("{header: {key: x-b, value: new}, append_action: OVERWRITE_IF_EXISTS}") == "x-a: old");
  CHECK(Adds("{header: {key: x-a, value: new}, append: false}") == "x-a: new");
  CHECK(Adds("{header: {key: x-a, value: new}, append: true}") == "x-a: old; x-a: new");
  CHECK(Adds("{header: {key: x-a, value: ''}, append: false, keep_empty_value: true}") == "x-a: ");
  CHECK(Adds("{header: {key: x-b, value: '%REQ(x-a)%'}}") == "x-a: old; x-b: old");
  CHECK(Adds("{header: {key: x-b, raw_value: JVJFUSh4KSU=}}") == "x-a: old; x-b: %REQ(x)%");
}

TEST_CASE("the four fields on the four levels") {
  const auto level = [](const std::string& name) {
    return "request_headers_to_add: [{header: {key: x-q, value: " + name +
           "}}]\nrequest_headers_to_remove: [x-q-" + name +
           "]\nresponse_headers_to_add: [{header: {key: x-s, value: " + name +
           "}}]\nresponse_headers_to_remove: [x-s-" + name + "]";
  };
  Parts parts;
  parts.routes = level("table");
  parts.host = level("host");
  parts.route = level("route");
  parts.action =
      "route: {weighted_clusters: {clusters: [{name: c0, weight: 1, request_headers_to_add: "
      "[{header: {key: x-q, value: cluster}}], request_headers_to_remove: [x-q-cluster], "
      "response_headers_to_add: [{header: {key: x-s, value: cluster}}], "
      "response_headers_to_remove: [x-s-cluster]}]}}";
  std::vector<std::pair<std::string, std::string>> fields;
  for (const char* name : {"table", "host", "route", "cluster"}) {
    fields.push_back({std::string("x-q-") + name, "1"});
    fields.push_back({std::string("x-s-") + name, "1"});
  }
  const std::string others = "x-s-table: 1; x-s-host: 1; x-s-route: 1; x-s-cluster: 1; ";
  Exchange request(parts, "/", fields);
  CHECK(request.Fields(request.match.request_headers()) ==
        others + "x-q: cluster; x-q: route; x-q: host; x-q: table");
  parts.routes += "\nmost_specific_header_mutations_wins: true";
  Exchange response(parts, "/", {{"x-s-route", "1"}, {"x-s-cluster", "1"}});
  CHECK(response.Fields(response.match.response_headers()) ==
        "x-s: cluster; x-s: table; x-s: host; x-s: route");
}

TEST_CASE("what is wrong with a header change is said at its field") {
  Parts parts;
  const auto faults = [&](const std::string& line) {
    parts.route = line;
    return Faults(parts);
  };
  CHECK(faults("request_headers_to_add: [{header: {key: Host, value: x}}]") ==
        std::string(kRoute) +
            ".request_headers_to_add[0].header.key: :-prefixed or host headers "
            "may not be modified\n");
  CHECK(faults("response_headers_to_remove: [':status']") ==
        std::string(kRoute) +
            ".response_headers_to_remove[0]: :-prefixed or host headers may not be removed\n");
  CHECK(faults("request_headers_to_add: [{header: {key: x, value: v}, append: true, "
               "append_action: ADD_IF_ABSENT}]") ==
        std::string(kRoute) +
            ".request_headers_to_add[0].append: Both append and append_action "
            "are set and it's not allowed\n");
  CHECK(faults("request_headers_to_add: [{header: {key: x, value: '%NOPE%'}}]")
            .find(".request_headers_to_add[0].header.value: ") != std::string::npos);
  parts.route = "request_headers_to_remove: [Connection]";
  CHECK(Faults(parts) == "");
  CHECK(Warnings(parts).find("request_headers_to_remove[0]: 'connection' is decided by each "
                             "connection: accepted without effect") != std::string::npos);
}

TEST_CASE("rewrites of path and Host") {
  Parts parts;
  const auto exchange = [&](const std::string& rewrite, std::string_view path = "/p/x?q") {
    parts.match = "prefix: /p";
    parts.action = "route: {cluster: c0, " + rewrite + "}";
    return Exchange(parts, path, {{"x-host", "h.example"}});
  };
  CHECK(exchange("prefix_rewrite: /n").Path() == "/n/x?q");
  CHECK(exchange("regex_rewrite: {pattern: {regex: '/(p)'}, substitution: '/<\\1>'}").Path() ==
        "/<p>/x?q");
  CHECK(exchange("host_rewrite_literal: l.example").Host() == "l.example");
  CHECK(exchange("host_rewrite_header: X-Host").Host() == "h.example");
  CHECK(exchange("host_rewrite_path_regex: {pattern: {regex: '^/p/(.*)'}, substitution: "
                 "'\\1.example'}")
            .Host() == "x.example");
  CHECK(exchange("auto_host_rewrite: true").match.route->rewrites()->endpoint_hostname());
  CHECK(exchange("auto_host_rewrite: false").match.route->rewrites() == nullptr);
  CHECK(exchange("host_rewrite_literal: l, append_x_forwarded_host: true")
            .match.route->rewrites()
            ->append_x_forwarded_host());
  CHECK(Faults(parts) == "");
  parts.action = "route: {cluster: c0, append_x_forwarded_host: true}";
  CHECK(Warnings(parts).find("does not rewrite the Host: accepted without effect") !=
        std::string::npos);
  parts.action = "route: {cluster: c0, regex_rewrite: {pattern: {regex: '('}, substitution: x}}";
  CHECK(Faults(parts) == std::string(kRoute) + ".route.regex_rewrite: missing ): (\n");
  parts.action =
      "route: {cluster: c0, prefix_rewrite: /, "
      "regex_rewrite: {pattern: {regex: x}, substitution: x}}";
  CHECK(Faults(parts).find("Specify only one of prefix_rewrite, regex_rewrite") !=
        std::string::npos);
}

TEST_CASE("each field of a redirect") {
  Parts parts;
  const auto location = [&](const std::string& redirect) {
    parts.match = "prefix: /p";
    parts.action = "redirect: {" + redirect + "}";
    return Exchange(parts, "/p?q", {{"x-forwarded-proto", "http"}}).Location();
  };
  CHECK(location("") == "301 http://a.example:80/p?q");
  CHECK(location("https_redirect: true") == "301 https://a.example/p?q");
  CHECK(location("scheme_redirect: FTP") == "301 ftp://a.example/p?q");
  CHECK(location("host_redirect: b") == "301 http://b/p?q");
  CHECK(location("port_redirect: 81") == "301 http://a.example:81/p?q");
  CHECK(location("path_redirect: /n") == "301 http://a.example:80/n?q");
  CHECK(location("prefix_rewrite: /n") == "301 http://a.example:80/n?q");
  CHECK(location("regex_rewrite: {pattern: {regex: p}, substitution: r}, strip_query: true") ==
        "301 http://a.example:80/r");
  CHECK(location("response_code: FOUND") == "302 http://a.example:80/p?q");
  CHECK(location("response_code: SEE_OTHER").substr(0, 3) == "303");
  CHECK(location("response_code: TEMPORARY_REDIRECT").substr(0, 3) == "307");
  CHECK(location("response_code: PERMANENT_REDIRECT").substr(0, 3) == "308");
  parts.action = "redirect: {port_redirect: 65536}";
  CHECK(Faults(parts) ==
        std::string(kRoute) + ".redirect.port_redirect: this is no port: it is above 65535\n");

  parts = Parts();
  parts.host = "require_tls: ALL";
  CHECK(Exchange(parts, "/p", {{"x-forwarded-proto", "http"}}).Location() ==
        "301 https://a.example:80/p");
  parts.host = "require_tls: EXTERNAL_ONLY";
  CHECK(Exchange(parts, "/p", {{"x-envoy-internal", "true"}}).match.route->redirect() == nullptr);
}

TEST_CASE("clusters that requests name or choose") {
  Parts parts;
  const auto cluster = [&](const std::string& action,
                           const std::vector<std::pair<std::string, std::string>>& fields) {
    parts.action = "route: {" + action + "}";
    const Exchange exchange(parts, "/", fields);
    return std::string(exchange.match.cluster->NameFor(exchange.head));
  };
  CHECK(cluster("cluster_header: X-C", {{"x-c", "named"}}) == "named");
  const std::string weights =
      "weighted_clusters: {header_name: x-n, runtime_key_prefix: w, clusters: [{name: c0, weight: "
      "1}, {cluster_header: x-c, weight: 1, host_rewrite_literal: l}]}";
  CHECK(cluster(weights, {{"x-n", "0"}, {"x-c", "named"}}) == "c0");
  CHECK(cluster(weights, {{"x-n", "1"}, {"x-c", "named"}}) == "named");
  CHECK(Exchange(parts, "/", {{"x-n", "1"}}).match.cluster->host_rewrite == "l");
  CHECK(cluster("cluster_not_found_response_code: NOT_FOUND, cluster: c0", {}) == "c0");
  const auto status = [&](const std::string& code) {
    parts.action = "route: {cluster: c0, cluster_not_found_response_code: " + code + "}";
    return Exchange(parts).match.route->forward()->cluster_not_found_status;
  };
  CHECK(status("SERVICE_UNAVAILABLE") == 503);
  CHECK(status("NOT_FOUND") == 404);
  CHECK(status("INTERNAL_SERVER_ERROR") == 500);
  parts.action =
      "route: {weighted_clusters: {clusters: [{name: c0, cluster_header: x, weight: 1}]}}";
  CHECK(Faults(parts) == std::string(kRoute) +
                             ".route.weighted_clusters.clusters[0].cluster_header: Only one of "
                             "name or cluster_header can be specified\n");
}

TEST_CASE("metadata, and a direct response made by a format") {
  Parts parts;
  parts.host = "metadata: {filter_metadata: {h: {a: 1}}}";
  parts.route = "metadata: {filter_metadata: {r: {a: {b: [x]}}}}";
  parts.action =
      "direct_response: {status: 200, body: {inline_string: b}, body_format: {text_format_source: "
      "{inline_string: '%REQ(x)%-%LOCAL_REPLY_BODY%'}, content_type: a/b}}";
  Exchange exchange(parts, "/", {{"x", "1"}});
  CHECK(exchange.match.virtual_host->metadata()->at("h").fields.at("a").number == 1);
  std::string json;
  exchange.match.route->metadata()->at("r").AppendJson(json);
  CHECK(json == "{\"a\":{\"b\":[\"x\"]}}");
  const route::DirectResponseAction* direct = exchange.match.route->direct_response();
  const http::StreamInfo info;
  std::string body;
  direct->body_format->AppendTo(
      body, {.info = info, .request = &exchange.head, .local_reply_body = direct->body});
  CHECK(body == "1-b");
  CHECK(direct->content_type == "a/b");
  parts.action =
      "direct_response: {status: 200, body_format: {text_format_source: "
      "{inline_string: '%NOPE%'}}}";
  CHECK(Faults(parts).find(".direct_response.body_format") != std::string::npos);
}

TEST_CASE("further conditions of a route") {
  Parts parts;
  const auto takes = [&](const std::string& match, uint64_t random,
                         const std::vector<std::pair<std::string, std::string>>& fields,
                         std::string_view method = "GET") {
    parts.match = match;
    const auto table = Routes(parts);
    REQUIRE(table != nullptr);
    base::ArenaPool pool;
    base::Arena arena(pool);
    http::RequestHead head(arena);
    head.method = method;
    head.method_id = http::ParseMethod(method);
    head.authority = "a.example:443";
    if (method != "CONNECT") head.path = "/p;x";
    for (const auto& [name, value] : fields) REQUIRE(head.headers.Add(name, value));
    return table->Match(head, random).route != nullptr;
  };
  CHECK(takes("prefix: /, grpc: {}", 0, {{"content-type", "application/grpc+proto"}}));
  CHECK_FALSE(takes("prefix: /, grpc: {}", 0, {{"content-type", "application/json"}}));
  const std::string share =
      "prefix: /, runtime_fraction: {default_value: {numerator: 5, "
      "denominator: TEN_THOUSAND}, runtime_key: k}";
  CHECK(takes(share, 10'004, {}));
  CHECK_FALSE(takes(share, 10'005, {}));
  CHECK(takes("connect_matcher: {}", 0, {}, "CONNECT"));
  CHECK_FALSE(takes("connect_matcher: {}", 0, {}));
  CHECK_FALSE(takes("prefix: /", 0, {}, "CONNECT"));
  CHECK_FALSE(takes("path: /p", 0, {}));
  parts.routes = "ignore_path_parameters_in_path_matching: true";
  CHECK(takes("path: /p", 0, {}));
  parts.host = "";
  parts.routes = "ignore_port_in_host_matching: true";
  CHECK(takes("prefix: /", 0, {}));
}

}  // namespace
}  // namespace remora::config
