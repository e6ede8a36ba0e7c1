#include "source/http/route/route_table.h"

#include <map>
#include <string>

#include "source/base/random.h"
#include "test/http/route/request.h"
#include "test/http/route/tables.h"

namespace remora::route {
namespace {

FilterOverride Override(std::string filter, std::string value, bool disabled = false) {
  return {std::move(filter), "type", std::make_shared<const std::string>(std::move(value)),
          disabled};
}

// "filter=value" in order; "null" when there are none.
std::string Print(const FilterOverrides* overrides) {
  if (overrides == nullptr) return "null";
  std::string text;
  for (const FilterOverride& entry : *overrides) {
    if (!text.empty()) text += " ";
    text += entry.filter_name + "=";
    if (entry.disabled) text += "off:";
    text += *static_cast<const std::string*>(entry.config.get());
  }
  return text;
}

RouteConfig Weighted(std::vector<WeightedCluster> clusters) {
  RouteConfig route = MakeRoute("w", Prefix("/"));
  route.action = ForwardAction{.weighted_clusters = std::move(clusters)};
  return route;
}

// A random number that lands on `weight_unit` of `total`.
uint64_t RandomAt(uint64_t weight_unit, uint64_t total) {
  return static_cast<uint64_t>(((static_cast<unsigned __int128>(weight_unit) << 64) + total - 1) /
                               total);
}

}  // namespace

TEST_CASE("a route exposes what the router needs") {
  RouteConfig plain = MakeRoute("plain", Prefix("/plain"));
  RouteConfig tuned = MakeRoute("tuned", IgnoreCase(Path("/Tuned")));
  tuned.action = ForwardAction{.cluster = "d",
                               .timeout = 3 * event::kSecond,
                               .idle_timeout = 0,
                               .priority = RoutePriority::kHigh};
  RouteConfig endless = MakeRoute("endless", PathRegex("/e.*"));
  endless.action = ForwardAction{.cluster = "c", .timeout = 0};
  RouteConfig direct = MakeRoute("direct", Separated("/direct"));
  direct.action = DirectResponseAction{404, "gone"};
  const auto table = MustBuild(OneHost({plain, tuned, endless, direct}));

  CHECK(table->name() == "table");
  REQUIRE(table->virtual_hosts().size() == 1);
  CHECK(table->virtual_hosts()[0].name() == "all");
  CHECK(table->virtual_hosts()[0].domains() == std::vector<std::string>{"*"});
  CHECK(table->virtual_hosts()[0].routes().size() == 4);
  CHECK(table->cluster_names() == std::vector<std::string>{"c", "d"});

  MatchResult result = table->Match(Request("x", "/plain").head(), 0);
  CHECK(result.virtual_host == &table->virtual_hosts()[0]);
  CHECK(result.route->name() == "plain");
  CHECK(result.route->path_text() == "/plain");
  CHECK(result.route->path_kind() == PathMatch::Kind::kPrefix);
  CHECK(result.route->case_sensitive());
  CHECK(result.route->timeout() == 15 * event::kSecond);
  CHECK_FALSE(result.route->forward()->idle_timeout.has_value());
  CHECK(result.route->direct_response() == nullptr);
  CHECK(result.cluster->name == "c");
  CHECK(result.cluster->cluster_index == 0);
  CHECK(result.overrides == nullptr);

  result = table->Match(Request("x", "/TUNED").head(), 0);
  CHECK(result.route->path_text() == "/tuned");
  CHECK_FALSE(result.route->case_sensitive());
  CHECK(result.route->timeout() == 3 * event::kSecond);
  CHECK(result.route->forward()->idle_timeout == event::Duration{0});
  CHECK(result.route->forward()->priority == RoutePriority::kHigh);
  CHECK(result.cluster->name == "d");
  CHECK(result.cluster->cluster_index == 1);

  result = table->Match(Request("x", "/else").head(), 0);
  CHECK(result.route->path_text() == "/e.*");
  CHECK(result.route->timeout() == 0);
  CHECK(result.cluster->cluster_index == 0);

  result = table->Match(Request("x", "/direct/x").head(), 0);
  CHECK(result.route->forward() == nullptr);
  CHECK(result.route->direct_response()->status == 404);
  CHECK(result.route->direct_response()->body == "gone");
  CHECK(result.route->timeout() == 0);
  CHECK(result.cluster == nullptr);
  CHECK(result.route->clusters_begin() == result.route->clusters_end());

  result = table->Match(Request("x", "/nothing").head(), 0);
  CHECK(result.virtual_host != nullptr);
  CHECK(result.route == nullptr);
  CHECK(result.cluster == nullptr);
}

TEST_CASE("clusters are chosen by weight") {
  const auto table =
      MustBuild(OneHost({Weighted({{"a", 10, {}}, {"b", 0, {}}, {"c", 70, {}}, {"a", 20, {}}})}));
  CHECK(table->cluster_names() == std::vector<std::string>{"a", "b", "c"});
  const Request request("x", "/");
  const auto cluster_at = [&](uint64_t unit) {
    return std::string(table->Match(request.head(), RandomAt(unit, 100)).cluster->name);
  };
  CHECK(cluster_at(0) == "a");
  CHECK(cluster_at(9) == "a");
  CHECK(cluster_at(10) == "c");
  CHECK(cluster_at(79) == "c");
  CHECK(cluster_at(80) == "a");
  CHECK(cluster_at(99) == "a");
  CHECK(table->Match(request.head(), ~uint64_t{0}).cluster->name == "a");

  base::Random random(1);
  std::map<std::string, int> counts;
  for (int i = 0; i < 10'000; ++i) {
    ++counts[std::string(table->Match(request.head(), random.Next()).cluster->name)];
  }
  CHECK(counts.count("b") == 0);
  CHECK(counts["c"] > 6'800);
  CHECK(counts["c"] < 7'200);
}

TEST_CASE("a runtime fraction and weights do not lean on each other") {
  RouteConfig route = Weighted({{"a", 50, {}}, {"b", 50, {}}});
  route.runtime_fraction = runtime::FractionSetting{"", {50, 100}};
  const auto table = MustBuild(OneHost({route}));
  const Request request("x", "/");
  base::Random random(2);
  std::map<std::string, int> counts;
  for (int i = 0; i < 10'000; ++i) {
    const MatchResult result = table->Match(request.head(), random.Next());
    ++counts[result.cluster == nullptr ? "none" : std::string(result.cluster->name)];
  }
  CHECK(counts["none"] > 4'700);
  CHECK(counts["a"] > 2'300);
  CHECK(counts["b"] > 2'300);
}

TEST_CASE("weights use the whole of 32 bits") {
  const auto table = MustBuild(OneHost({Weighted({{"a", 4'294'967'294, {}}, {"b", 1, {}}})}));
  const Request request("x", "/");
  CHECK(table->Match(request.head(), RandomAt(4'294'967'293, 4'294'967'295)).cluster->name == "a");
  CHECK(table->Match(request.head(), ~uint64_t{0}).cluster->name == "b");
}

TEST_CASE("bad cluster lists are refused") {
  CHECK(Problems(OneHost({Weighted({{"a", 0, {}}, {"b", 0, {}}})})) ==
        "virtual_hosts[0].routes[0].route.weighted_clusters: Sum of weights in the "
        "weighted_cluster must be greater than 0.\n");
  CHECK(Problems(OneHost({Weighted({{"a", 4'294'967'295, {}}, {"b", 1, {}}})})) ==
        "virtual_hosts[0].routes[0].route.weighted_clusters: The sum of weights of all weighted "
        "clusters of route w exceeds 4294967295\n");
  CHECK(Problems(OneHost({Weighted({{"", 1, {}}})})) ==
        "virtual_hosts[0].routes[0].route.weighted_clusters.clusters[0]: names no cluster\n");
  RouteConfig route = MakeRoute("r", Prefix("/"));
  route.action = ForwardAction{};
  CHECK(Problems(OneHost({route})) == "virtual_hosts[0].routes[0].route: names no cluster\n");
  route.action = ForwardAction{.cluster = "a", .weighted_clusters = {{"b", 1, {}}}};
  CHECK(Problems(OneHost({route})) ==
        "virtual_hosts[0].routes[0].route: names both cluster and weighted_clusters\n");
}

TEST_CASE("the status carries the first problem, the list all of them") {
  RouteTableConfig config =
      OneHost({MakeRoute("a", PathRegex("(")), MakeRoute("b", PathRegex(")"))});
  std::vector<RouteTableProblem> problems = {{"before", "kept"}};
  const auto table = RouteTable::Build(std::move(config), problems);
  REQUIRE_FALSE(table.ok());
  CHECK(table.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(std::string(table.status().message()) ==
        "virtual_hosts[0].routes[0].match.safe_regex.regex: missing ): (");
  REQUIRE(problems.size() == 3);
  CHECK(problems[0].path == "before");
  CHECK(problems[2].path == "virtual_hosts[0].routes[1].match.safe_regex.regex");
}

TEST_CASE("the most specific override of a filter wins as a whole") {
  RouteConfig bare = MakeRoute("bare", Path("/bare"));
  RouteConfig own = MakeRoute("own", Path("/own"));
  own.overrides = {Override("b", "route"), Override("d", "route")};
  RouteConfig weighted = Weighted({{"x", 1, {Override("b", "cluster", true)}}, {"y", 1, {}}});
  weighted.match = Path("/weighted");
  weighted.overrides = {Override("c", "route")};
  RouteTableConfig config = OneHost({bare, own, weighted});
  config.overrides = {Override("a", "table"), Override("b", "table", true)};
  config.virtual_hosts[0].overrides = {Override("a", "host"), Override("c", "host")};
  config.virtual_hosts.push_back({"other", {"other.com"}, {bare}, {}});
  const auto table = MustBuild(std::move(config));

  const auto at = [&table](std::string path, uint64_t random = 0) {
    return table->Match(Request("x", path).head(), random);
  };
  CHECK(Print(at("/bare").overrides) == "a=host b=off:table c=host");
  CHECK(Print(at("/own").overrides) == "a=host b=route c=host d=route");
  CHECK(Print(at("/weighted").overrides) == "a=host b=off:cluster c=route");
  CHECK(Print(at("/weighted", ~uint64_t{0}).overrides) == "a=host b=off:table c=route");
  CHECK(Print(at("/weighted").route->overrides()) == "a=host b=off:table c=route");
  CHECK(Print(at("/none").overrides) == "null");
  CHECK(Print(table->virtual_hosts()[0].overrides()) == "a=host b=off:table c=host");
  const MatchResult other = table->Match(Request("other.com", "/bare").head(), 0);
  CHECK(Print(other.overrides) == "a=table b=off:table");
  // Nothing is merged twice: who adds nothing shares.
  CHECK(at("/bare").overrides == table->virtual_hosts()[0].overrides());
}

}  // namespace remora::route
