#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <utility>
#include <vector>

#include "source/base/arena.h"
#include "source/http/message.h"
#include "test/config/printed_config.h"

namespace remora::config {
namespace {

constexpr char kRoutes[] =
    "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config";
constexpr char kRoute[] = ".virtual_hosts[0].routes[0]";

std::string At(const std::string& field, const std::string& message) {
  return std::string(kRoutes) + kRoute + field + ": " + message + "\n";
}

using Fields = std::vector<std::pair<std::string, std::string>>;

// Does the only route take this request?
bool Takes(const std::string& match, const Fields& fields, std::string_view path = "/") {
  Parts parts;
  parts.match = "prefix: /, " + match;
  const auto table = Routes(parts);
  REQUIRE(table != nullptr);
  base::ArenaPool pool;
  base::Arena arena(pool);
  http::RequestHead head(arena);
  head.method = "GET";
  head.authority = "a.example";
  head.path = path;
  for (const auto& [name, value] : fields) REQUIRE(head.headers.Add(name, value));
  return table->Match(head, 0).route != nullptr;
}

TEST_CASE("each condition on a header field means what its name says") {
  const auto takes = [](const std::string& condition, const std::string& value) {
    return Takes("headers: [{name: X-A, " + condition + "}]", {{"x-a", value}});
  };
  CHECK(takes("present_match: true", ""));
  CHECK_FALSE(takes("present_match: false", ""));
  CHECK(Takes("headers: [{name: x-a, present_match: false}]", {}));
  CHECK_FALSE(Takes("headers: [{name: x-a}]", {}));
  CHECK(takes("string_match: {exact: Ab}", "Ab"));
  CHECK_FALSE(takes("string_match: {exact: Ab}", "ab"));
  CHECK(takes("string_match: {exact: Ab, ignore_case: true}", "aB"));
  CHECK(takes("string_match: {prefix: ab}", "abc"));
  CHECK(takes("string_match: {suffix: bc}", "abc"));
  CHECK(takes("string_match: {contains: b}", "abc"));
  CHECK(takes("string_match: {safe_regex: {regex: a.c}}", "abc"));
  CHECK_FALSE(takes("string_match: {safe_regex: {regex: b}}", "abc"));
  CHECK(takes("range_match: {start: -1, end: 5}", "4"));
  CHECK_FALSE(takes("range_match: {start: -1, end: 5}", "5"));
  CHECK(takes("exact_match: ab", "ab"));
  CHECK(takes("prefix_match: a", "ab"));
  CHECK(takes("suffix_match: b", "ab"));
  CHECK(takes("contains_match: b", "abc"));
  CHECK(takes("safe_regex_match: {google_re2: {}, regex: a.*}", "abc"));
  CHECK_FALSE(takes("exact_match: ab, invert_match: true", "ab"));
  CHECK(takes("exact_match: ab, invert_match: true", "b"));
  CHECK(Takes("headers: [{name: x-a, exact_match: '', treat_missing_header_as_empty: true}]", {}));
}

TEST_CASE("each condition on a query parameter means what its name says") {
  const auto takes = [](const std::string& condition, std::string_view path) {
    return Takes("query_parameters: [{name: q" + condition + "}]", {}, path);
  };
  CHECK(takes("", "/?q=1"));
  CHECK_FALSE(takes("", "/?r=1"));
  CHECK(takes(", present_match: false", "/"));
  CHECK(takes(", string_match: {prefix: a}", "/?q=ab"));
  CHECK_FALSE(takes(", string_match: {exact: a}", "/?q=ab"));
}

TEST_CASE("a route needs one condition on the path and one action") {
  Parts parts;
  parts.match = "path_separated_prefix: /a/";
  CHECK(Faults(parts).find("path_separated_prefix") != std::string::npos);
  parts = Parts();
  parts.match = "headers: [{name: a, string_match: {safe_regex: {regex: x}, ignore_case: true}}]";
  CHECK(
      Faults(parts).find("match.headers[0].string_match.ignore_case: ignore_case has no effect for "
                         "safe_regex.\n") != std::string::npos);
}

TEST_CASE("routes name clusters that exist, unless that is switched off") {
  Parts parts;
  parts.action = "route: {cluster: x}";
  CHECK(Faults(parts) == At(".route.cluster", "route: unknown cluster 'x'"));
  parts.routes = "validate_clusters: true";
  CHECK(Faults(parts) == At(".route.cluster", "route: unknown cluster 'x'"));
  parts.routes = "validate_clusters: false";
  CHECK(Faults(parts) == "");
}

TEST_CASE("weighted clusters") {
  Parts parts;
  const auto faults = [&](const std::string& clusters) {
    parts.action = "route: {weighted_clusters: {clusters: " + clusters + "}}";
    return Faults(parts);
  };
  const std::string first = ".route.weighted_clusters.clusters[0]";
  CHECK(faults("[{name: c0, weight: 1}]") == "");
  CHECK(faults("[{name: x, weight: 1}]") ==
        At(first + ".name", "route: unknown weighted cluster 'x'"));
  CHECK(faults("[{name: c0}, {name: c0, weight: 1}]") ==
        At(first + ".weight", "Field 'weight' is missing"));
  CHECK(faults("[{weight: 1}]") ==
        At(first + ".name", "At least one of name or cluster_header need to be specified"));
  CHECK(faults("[{name: c0, weight: 0}]")
            .find("Sum of weights in the weighted_cluster must be greater than 0.") !=
        std::string::npos);
  CHECK(faults("[{name: c0, weight: 4294967295}, {name: c0, weight: 1}]")
            .find("exceeds 4294967295") != std::string::npos);
}

TEST_CASE("timeouts of a route") {
  Parts parts;
  parts.action = "route: {cluster: c0, timeout: -1s, idle_timeout: -1s}";
  const std::string text = "Invalid duration: Expected positive duration";
  CHECK(Faults(parts) == At(".route.timeout", text) + At(".route.idle_timeout", text));
}

TEST_CASE("problems of the route table stand at their fields") {
  Parts parts;
  parts.match = "safe_regex: {regex: 'a('}";
  CHECK(Faults(parts) == At(".match.safe_regex.regex", "missing ): a("));
  parts = Parts();
  parts.host = "routes: []";
  parts.routes = "";
  CHECK(Printed(R"(static_resources:
  listeners:
  - address: {pipe: {path: /a}}
    filter_chains:
    - filters:
      - name: h
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: a
          http_filters: [{{router}}]
          route_config: {name: r, virtual_hosts: [{name: a, domains: [a.b]}, {name: b, domains: [A.B]}]}
)")
            .find("Only unique values for domains are permitted. Duplicate entry of domain a.b in "
                  "route r") != std::string::npos);
}

TEST_CASE("the runtime value for the size of expressions reaches the route table") {
  Parts parts;
  parts.match = "safe_regex: {regex: '[a-z]{1,200}'}";
  const std::string text =
      At(".match.safe_regex.regex",
         "regex '[a-z]{1,200}' RE2 program size of 403 > max program size of 100 set for the error "
         "level threshold. Increase configured max program size if necessary.");
  const auto faults = [&](const std::string& value) {
    parts.admin = "layered_runtime: {layers: [{name: a, static_layer: " + value + "}]}";
    return Faults(parts);
  };
  CHECK(faults("{}") == text);
  CHECK(faults("{re2.max_program_size.error_level: 403}") == "");
  CHECK(faults("{re2.max_program_size.error_level: \"32768\"}") == "");
  CHECK(faults("{re2: {max_program_size: {error_level: 1000.5}}}") == "");
  CHECK(faults("{re2.max_program_size.error_level: -1}") == text);
  CHECK(faults("{re2.max_program_size.error_level: abc}") == text);
  CHECK(faults("{re2.max_program_size.error_level: true}") == text);
}

TEST_CASE("the body of a direct response") {
  char folder[] = "/tmp/remora_route_config_XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::string file = std::string(folder) + "/body";
  Parts parts;
  const auto body = [&](const std::string& source) {
    parts.action = "direct_response: {status: 200, body: " + source + "}";
    const auto table = Routes(parts);
    return table == nullptr ? Faults(parts)
                            : table->virtual_hosts()[0].routes()[0].direct_response()->body;
  };
  const std::string field = ".direct_response.body";

  CHECK(body("{inline_string: text}") == "text");
  CHECK(body("{inline_bytes: AAEC}") == std::string("\0\1\2", 3));
  CHECK(body("{inline_string: \"\"}") == "");
  REQUIRE(setenv("REMORA_ROUTE_CONFIG", "from outside", 1) == 0);
  CHECK(body("{environment_variable: REMORA_ROUTE_CONFIG}") == "from outside");
  REQUIRE(unsetenv("REMORA_ROUTE_CONFIG") == 0);
  CHECK(body("{environment_variable: REMORA_ROUTE_CONFIG}") ==
        At(field + ".environment_variable",
           "Environment variable doesn't exist: REMORA_ROUTE_CONFIG"));

  CHECK(body("{filename: " + file + "}") ==
        At(field + ".filename", "file " + file + " does not exist"));
  std::ofstream(file) << std::string(4096, 'x');
  CHECK(body("{filename: " + file + "}") == std::string(4096, 'x'));
  std::ofstream(file) << std::string(4097, 'x');
  CHECK(body("{filename: " + file + "}") ==
        At(field + ".filename", "file " + file + " size is 4097 bytes; maximum is 4096"));
  CHECK(body("{filename: /proc/self/stat}").size() > 10);
  CHECK(body("{filename: /proc/self/smaps}") ==
        At(field + ".filename", "file /proc/self/smaps is larger than 4096 bytes"));
  CHECK(body("{filename: " + std::string(folder) + "}") ==
        At(field + ".filename", "file " + std::string(folder) + " is not a regular file"));
  CHECK(body("{inline_string: " + std::string(4097, 'x') + "}") ==
        At(field + ".inline_string", "response body size is 4097 bytes; maximum is 4096"));
  parts.routes = "max_direct_response_body_size_bytes: 4097";
  CHECK(body("{filename: " + file + "}").size() == 4097);
  parts.routes = "max_direct_response_body_size_bytes: 1";
  CHECK(body("{inline_string: xy}") ==
        At(field + ".inline_string", "response body size is 2 bytes; maximum is 1"));
  // As in Envoy, 0 is no limit.
  parts.routes = "max_direct_response_body_size_bytes: 0";
  CHECK(body("{inline_string: " + std::string(100'000, 'x') + "}").size() == 100'000);
  CHECK(body("{filename: " + file + "}").size() == 4097);

  CHECK(unlink(file.c_str()) == 0);
  CHECK(rmdir(folder) == 0);
}

}  // namespace
}  // namespace remora::config
