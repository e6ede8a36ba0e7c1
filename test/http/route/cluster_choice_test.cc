// Which cluster a request goes to: named by a header field, weighted by the runtime, chosen by a
// number in the request.

#include <string>

#include "source/runtime/runtime.h"
#include "test/http/route/request.h"
#include "test/http/route/tables.h"

namespace remora::route {
namespace {

runtime::Snapshot Values(const std::vector<std::pair<std::string, double>>& values) {
  runtime::Snapshot::Layer layer;
  for (const auto& [key, number] : values) {
    layer.values[key] = {std::to_string(static_cast<int64_t>(number)), number, {}, {}};
  }
  return runtime::Snapshot({layer});
}

std::string ClusterOf(const RouteTable& table, const Request& request, uint64_t random = 0,
                      const runtime::Snapshot* runtime = nullptr) {
  const MatchResult match = table.Match(request.head(), random, runtime);
  return match.cluster == nullptr ? "none" : std::string(match.cluster->NameFor(request.head()));
}

RouteTableConfig To(ForwardAction action) {
  RouteConfig route = MakeRoute("r", Prefix("/"));
  route.action = std::move(action);
  return OneHost({route});
}

ForwardAction Weighted(std::vector<std::pair<std::string, uint32_t>> clusters) {
  ForwardAction action;
  for (auto& [name, weight] : clusters) {
    action.weighted_clusters.push_back({.name = std::move(name), .weight = weight});
  }
  return action;
}

TEST_CASE("a field of the request names the cluster") {
  const auto table = MustBuild(To({.cluster_header = "X-Cluster"}));
  CHECK(ClusterOf(*table, Request("a", "/", {{"x-cluster", "one"}, {"x-cluster", "two"}})) ==
        "one");
  CHECK(ClusterOf(*table, Request("a", "/")) == "");
  CHECK(table->cluster_names().empty());
  CHECK(ClusterOf(*MustBuild(To({.cluster_header = ":authority"})), Request("a:1", "/")) == "a:1");
  CHECK(ClusterOf(*MustBuild(To({.cluster_header = "Host"})), Request("a", "/")) == "a");
  CHECK(ClusterOf(*MustBuild(To({.cluster_header = ":method"})), Request("a", "/")) == "GET");
}

TEST_CASE("a weighted cluster may be named by a field") {
  ForwardAction action;
  action.weighted_clusters.push_back({.weight = 1, .cluster_header = "x-cluster"});
  action.weighted_clusters.push_back({.name = "fixed", .weight = 1});
  const auto table = MustBuild(To(action));
  const Request request("a", "/", {{"x-cluster", "named"}});
  CHECK(ClusterOf(*table, request, 0) == "named");
  CHECK(ClusterOf(*table, request, ~uint64_t{0}) == "fixed");
  CHECK(table->cluster_names() == std::vector<std::string>{"fixed"});

  action.weighted_clusters[0].name = "both";
  CHECK(Problems(To(action)).find("Only one of name or cluster_header") != std::string::npos);
}

TEST_CASE("a number in the request chooses by its remainder, as Envoy does") {
  ForwardAction action = Weighted({{"a", 30}, {"b", 70}});
  action.random_value_header = "x-rand";
  const auto table = MustBuild(To(action));
  const auto cluster = [&](const char* number, uint64_t random = 0) {
    return ClusterOf(*table, Request("a", "/", {{"x-rand", number}}), random);
  };
  CHECK(cluster("0") == "a");
  CHECK(cluster("29") == "a");
  CHECK(cluster("30") == "b");
  CHECK(cluster("99") == "b");
  CHECK(cluster("129") == "a");
  CHECK(cluster("18446744073709551615") == "a");  // 15 behind the last hundred
  for (const char* no_number : {"", "x", "-1", "1.5", "18446744073709551616"}) {
    CHECK(cluster(no_number, 0) == "a");
    CHECK(cluster(no_number, ~uint64_t{0}) == "b");
  }
}

TEST_CASE("weights from the runtime take the place of configured ones") {
  ForwardAction action = Weighted({{"a", 50}, {"b", 50}});
  action.runtime_key_prefix = "weights";
  action.random_value_header = "x-rand";
  const auto table = MustBuild(To(action));
  const auto cluster = [&](const char* number, const runtime::Snapshot& values) {
    return ClusterOf(*table, Request("a", "/", {{"x-rand", number}}), 0, &values);
  };
  const runtime::Snapshot none;
  CHECK(cluster("49", none) == "a");
  CHECK(cluster("50", none) == "b");
  const runtime::Snapshot mostly_b = Values({{"weights.a", 10}, {"weights.b", 30}});
  CHECK(cluster("9", mostly_b) == "a");
  CHECK(cluster("10", mostly_b) == "b");
  CHECK(cluster("39", mostly_b) == "b");
  CHECK(cluster("40", mostly_b) == "a");
  CHECK(cluster("0", Values({{"weights.a", 0}})) == "b");
  // All of them off: there has to be one.
  CHECK(cluster("1", Values({{"weights.a", 0}, {"weights.b", 0}})) == "a");
  // Larger than a weight may be.
  CHECK(cluster("7", Values({{"weights.a", 1e18}, {"weights.b", 1e18}})) == "a");
}

TEST_CASE("weights and random number are independent of runtime fractions") {
  RouteConfig half = MakeRoute("half", Prefix("/"));
  half.runtime_fraction = runtime::FractionSetting{"share", {50, 100}};
  half.action = Weighted({{"a", 1}, {"b", 1}});
  const auto table = MustBuild(OneHost({half, MakeRoute("rest", Prefix("/"))}));
  const Request request("a", "/");
  const uint64_t high = uint64_t{1} << 63;
  CHECK(RouteOf(*table, request.head(), 200) == "half");
  CHECK(ClusterOf(*table, request, 200) == "a");
  CHECK(ClusterOf(*table, request, high - high % 100) == "a");
  CHECK(ClusterOf(*table, request, high - high % 100 + 200) == "b");
  CHECK(RouteOf(*table, request.head(), 250) == "rest");

  const runtime::Snapshot all = Values({{"share", 100}});
  CHECK(table->Match(request.head(), 299, &all).route->name() == "half");
  const runtime::Snapshot nothing = Values({{"share", 0}});
  CHECK(table->Match(request.head(), 200, &nothing).route->name() == "rest");
}

TEST_CASE("only a route for CONNECT takes a request without a path") {
  RouteConfig guarded = MakeRoute("guarded", {PathMatch::Kind::kConnect});
  guarded.headers.emplace_back().name = "x-a";
  const auto config = [&](size_t fill) {
    std::vector<RouteConfig> routes;
    for (size_t i = 0; i < fill; ++i) {
      routes.push_back(MakeRoute("other", Prefix("/other/" + std::to_string(i))));
    }
    routes.push_back(MakeRoute("empty", Prefix("")));
    routes.back().headers.emplace_back().name = "x-empty";
    routes.push_back(guarded);
    routes.push_back(MakeRoute("connect", {PathMatch::Kind::kConnect}));
    routes.push_back(MakeRoute("all", Prefix("/")));
    return OneHost(std::move(routes));
  };
  for (const size_t fill : {size_t{0}, size_t{20}}) {
    const auto table = MustBuild(config(fill));
    const auto route = [&](const char* path, const char* method, const Fields& fields = {}) {
      return RouteOf(*table, Request("a:443", path, fields, method).head());
    };
    CHECK(route("", "CONNECT") == "connect");
    CHECK(route("", "CONNECT", {{"x-a", "1"}}) == "guarded");
    CHECK(route("", "CONNECT", {{"x-empty", "1"}}) == "connect");
    CHECK(route("/", "CONNECT") == "connect");
    CHECK(route("/", "GET") == "all");
    CHECK(route("", "GET", {{"x-empty", "1"}}) == "no route");
  }
}

}  // namespace
}  // namespace remora::route
