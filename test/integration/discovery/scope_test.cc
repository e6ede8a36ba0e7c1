// Scoped routes: which of several tables a request gets.

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "test/integration/discovery/dynamic_world.h"

namespace remora::discovery {
namespace {

constexpr char kFromSource[] =
    "scoped_rds: {scoped_rds_config_source: {ads: {}, initial_fetch_timeout: 5s}}";

// `table`: the rest of a ScopedRouteConfiguration.
std::string Scope(const std::string& name, const std::string& key, const std::string& table) {
  return absl::StrCat("{name: ", name, ", key: {fragments: [{string_key: ", key, "}]}, ", table,
                      "}");
}
std::string Named(const std::string& table) {
  return absl::StrCat("route_configuration_name: ", table);
}
std::string Inline(const std::string& text) {
  return absl::StrCat("route_configuration: ", Routes("inline", {Says(text)}));
}

struct World {
  explicit World(const std::string& scopes)
      : port(DynamicWorld::FreePort()),
        world({.listeners = {Listener("in", port, {ScopedChain(scopes)})}, .lds = false}) {}
  // The body, or the status where there is none.
  std::string Get(const std::string& scope) {
    const harness::Message response = scope.empty()
                                          ? world.Connect(port).Get("/")
                                          : world.Connect(port).Get("/", {{"x-scope", scope}});
    return response.body.empty() ? std::to_string(response.status) : response.body;
  }

  uint16_t port;
  DynamicWorld world;
};

TEST_CASE("Scopes of the configuration, with tables of their own and of a source") {
  World w(absl::StrCat("scoped_route_configurations_list: {scoped_route_configurations: [",
                       Scope("first", "a", Inline("one")), ", ", Scope("second", "b", Named("r")),
                       "]}"));
  CHECK(w.world.Wanted(ResourceType::kRoutes) == std::vector<std::string>{"r"});
  w.world.Send(ResourceType::kRoutes, {{"r", Routes("r", {Says("two")})}});
  CHECK(w.Get("a") == "one");
  CHECK(w.Get("b") == "two");
  CHECK(w.Get("c") == "404");
  CHECK(w.Get("") == "404");
}

TEST_CASE("SRDS: scopes come, change and go") {
  World w(kFromSource);
  CHECK(w.world.Admin("/init_dump").find("target SRDS s") != std::string::npos);
  CHECK(w.world
            .Send(ResourceType::kScopedRoutes, {{"first", Scope("first", "a", Named("r"))},
                                                {"second", Scope("second", "b", Inline("two"))}})
            .empty());
  CHECK(w.world.Wanted(ResourceType::kRoutes) == std::vector<std::string>{"r"});
  CHECK_THROWS(w.world.Connect(w.port));  // its table has not come
  w.world.Send(ResourceType::kRoutes, {{"r", Routes("r", {Says("one")})}});
  CHECK(w.Get("a") == "one");
  CHECK(w.Get("b") == "two");
  CHECK(w.Get("c") == "404");
  CHECK(w.world.Stat("http.in.scoped_rds.s.all_scopes") == 2);
  CHECK(w.world.Stat("http.in.scoped_rds.s.config_reload") == 1);

  // Another key, another table, in the same answer.
  CHECK(w.world
            .Send(ResourceType::kScopedRoutes, {{"first", Scope("first", "b", Named("r"))},
                                                {"second", Scope("second", "a", Named("q"))}})
            .empty());
  CHECK(w.Get("b") == "one");
  CHECK(w.Get("a") == "404");
  w.world.Send(ResourceType::kRoutes, {{"q", Routes("q", {Says("three")})}});
  CHECK(w.Get("a") == "three");
  w.world.Send(ResourceType::kRoutes, {{"r", Routes("r", {Says("four")})}}, {}, "2");
  CHECK(w.Get("b") == "four");

  w.world.Send(ResourceType::kScopedRoutes, {}, {"second"});
  CHECK(w.Get("a") == "404");
  CHECK(w.world.Wanted(ResourceType::kRoutes) == std::vector<std::string>{"r"});
}

TEST_CASE("SRDS: what is wrong is refused by itself") {
  World w(kFromSource);
  const std::vector<std::string> errors =
      w.world.Send(ResourceType::kScopedRoutes, {{"first", Scope("first", "a", Inline("one"))},
                                                 {"second", Scope("second", "a", Inline("two"))},
                                                 {"third", Scope("third", "c", "")},
                                                 {"fourth", Scope("fourth", "d", Inline("four"))}});
  REQUIRE(errors.size() == 2);
  CHECK(errors[0] ==
        "second: scope key conflict found, first scope is 'first', second scope is 'second'");
  CHECK(errors[1].starts_with("third: "));
  CHECK(w.Get("a") == "one");
  CHECK(w.Get("d") == "four");
}

TEST_CASE("SRDS: a listener goes on without scopes that do not come") {
  World w(kFromSource);
  w.world.TimeOut(ResourceType::kScopedRoutes);
  CHECK(w.Get("a") == "404");
  w.world.Send(ResourceType::kScopedRoutes, {{"first", Scope("first", "a", Inline("one"))}});
  CHECK(w.Get("a") == "one");
}

TEST_CASE("SRDS: two connection managers share the source") {
  const uint16_t ports[] = {DynamicWorld::FreePort(), DynamicWorld::FreePort()};
  DynamicWorld world({.listeners = {Listener("l0", ports[0], {ScopedChain(kFromSource)}),
                                    Listener("l1", ports[1], {ScopedChain(kFromSource)})},
                      .lds = false});
  CHECK(world.Wanted(ResourceType::kScopedRoutes) == std::vector<std::string>{"*"});
  world.Send(ResourceType::kScopedRoutes, {{"first", Scope("first", "a", Named("r"))}});
  world.Send(ResourceType::kRoutes, {{"r", Routes("r", {Says("one")})}});
  for (const uint16_t port : ports) {
    CHECK(world.Connect(port).Get("/", {{"x-scope", "a"}}).body == "one");
  }
}

TEST_CASE("Scopes: what cannot be is refused") {
  DynamicWorld world;
  world.Send(ResourceType::kCluster, {});
  const auto refusal = [&world](const std::string& scopes) {
    const std::vector<std::string> errors =
        world.Send(ResourceType::kListener,
                   {{"l", Listener("l", DynamicWorld::FreePort(), {ScopedChain(scopes)})}});
    return errors.empty() ? std::string() : errors[0];
  };
  CHECK(refusal(absl::StrCat("scoped_route_configurations_list: {scoped_route_configurations: [",
                             Scope("first", "a", Inline("one")), ", ",
                             Scope("second", "a", Inline("two")), "]}"))
            .find("scope key conflict found, first scope is 'first', second scope is 'second'") !=
        std::string::npos);
  CHECK(refusal(absl::StrCat("scoped_route_configurations_list: {scoped_route_configurations: [",
                             Scope("first", "a", Inline("one") + ", route_configuration_name: r"),
                             "]}"))
            .find("either route_configuration_name or route_configuration") != std::string::npos);
}

}  // namespace
}  // namespace remora::discovery
