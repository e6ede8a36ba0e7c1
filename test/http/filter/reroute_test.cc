// Routes and per-route configuration of filters, and Reroute().

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "test/fakes/chain_world.h"

namespace remora::http {
namespace {

using fakes::ChainWorld;

route::RouteConfig Route(std::string prefix, route::FilterOverrides overrides = {}) {
  route::RouteConfig config;
  config.name = prefix;
  config.match.text = std::move(prefix);
  config.action = route::DirectResponseAction{200, ""};
  config.overrides = std::move(overrides);
  return config;
}

route::FilterOverride Override(std::string filter, std::string value, bool disabled = false) {
  route::FilterOverride config;
  config.filter_name = std::move(filter);
  if (!value.empty()) config.config = std::make_shared<const std::string>(std::move(value));
  config.disabled = disabled;
  return config;
}

std::shared_ptr<const route::RouteTable> Table(std::vector<route::RouteConfig> routes) {
  route::RouteTableConfig config;
  route::VirtualHostConfig host;
  host.name = "all";
  host.domains = {"*"};
  host.routes = std::move(routes);
  config.virtual_hosts.push_back(std::move(host));
  std::vector<route::RouteTableProblem> problems;
  auto table = route::RouteTable::Build(std::move(config), problems);
  REQUIRE(table.ok());
  return *table;
}

std::string ConfigOf(FilterContext& context) {
  const auto* config = context.RouteConfig<std::string>();
  return config == nullptr ? "none" : *config;
}

TEST_CASE("route configuration: found by the filter's name when the chain is made") {
  ChainWorld world;
  std::string seen;
  world.Add("a", {.created = [&](FilterContext& context) { seen = ConfigOf(context); }});
  world.Add("b", {});
  world.UseRoutes(Table({Route("/x", {Override("a", "for a")}), Route("/", {})}));
  world.MakeRequest("GET", "/x/y");
  world.Start();
  CHECK(seen == "for a");
  CHECK(ConfigOf(world.context("b")) == "none");
  CHECK(world.context("a").route()->name() == "/x");
}

TEST_CASE("route configuration: disables and enables filters") {
  ChainWorld world;
  world.Add("a", {});
  world.Add("b", {});
  world.UseRoutes(Table({Route("/", {Override("a", "", true), Override("b", "", false)})}));
  world.Start();
  world.Request();
  CHECK(world.Take() == "b:>head up:head(GET /) b:>end up:end");
}

TEST_CASE("reroute: the route and every filter's configuration follow the changed head") {
  ChainWorld world;
  std::string seen;
  world.Add("a", {.request_head = [](FilterContext& context, RequestHead& head) {
              CHECK(context.route()->name() == "/old");
              CHECK(ConfigOf(context) == "old");
              head.path = "/new";
              context.Reroute();
              CHECK(context.route()->name() == "/new");
              CHECK(ConfigOf(context) == "new");
              return Answer::kContinue;
            }});
  world.Add("b", {.request_head = [&](FilterContext& context, auto&) {
              seen = ConfigOf(context);
              return Answer::kContinue;
            }});
  world.UseRoutes(Table({Route("/old", {Override("a", "old"), Override("b", "b old")}),
                         Route("/new", {Override("a", "new")})}));
  world.MakeRequest("GET", "/old");
  world.Start();
  world.Request();
  CHECK(seen == "none");
  CHECK(world.info.route_name == "/new");
}

TEST_CASE("reroute: to nowhere") {
  ChainWorld world;
  world.Add("a", {.request_head = [](FilterContext& context, RequestHead& head) {
              head.path = "/none";
              context.Reroute();
              CHECK(context.route() == nullptr);
              CHECK(ConfigOf(context) == "none");
              return Answer::kContinue;
            }});
  world.UseRoutes(Table({Route("/old", {Override("a", "old")})}));
  world.MakeRequest("GET", "/old");
  world.Start();
  world.Request();
  CHECK(world.info.route_name.empty());
}

TEST_CASE("reroute: without a route table nothing changes") {
  ChainWorld world;
  world.Add("a", {.request_head = [](FilterContext& context, auto&) {
              context.Reroute();
              CHECK(context.route() == nullptr);
              return Answer::kContinue;
            }});
  world.Start();
  world.Request();
  CHECK(world.upstream.ends == 1);
}

}  // namespace
}  // namespace remora::http
