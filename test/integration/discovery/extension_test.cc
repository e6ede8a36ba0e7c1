// HTTP filters whose configuration comes from a source.

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "test/integration/discovery/dynamic_world.h"

namespace remora::discovery {
namespace {

using harness::ScriptedUpstream;
using harness::Wire;

constexpr char kMutation[] =
    "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation";
constexpr char kFault[] = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault";
constexpr char kRouter[] = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";

// Sets x-version in responses.
std::string Mutation(const std::string& value) {
  return absl::StrCat(
      "{\"@type\": ", kMutation,
      ", mutations: {response_mutations: [{append: {header: {key: x-version, value: "
      "\"",
      value, "\"}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}}]}}");
}

std::string Abort(int status) {
  return absl::StrCat("{\"@type\": ", kFault, ", abort: {http_status: ", status,
                      ", percentage: {numerator: 100}}}");
}

std::string Router() { return absl::StrCat("{\"@type\": ", kRouter, "}"); }

std::string Extension(const std::string& config, const std::string& name = "x") {
  return absl::StrCat("{name: ", name, ", typed_config: ", config, "}");
}

std::string Filter(const std::string& types, const std::string& more = "",
                   const std::string& name = "x") {
  return absl::StrCat("{name: ", name, ", config_discovery: {config_source: ", kAds,
                      ", type_urls: [", types, "]", more.empty() ? "" : ", ", more, "}}");
}

// Where the filter stands.
enum class Place { kBeforeRouter, kLast };

struct World {
  explicit World(const std::string& filter, const std::string& route = Says("hi"),
                 Place place = Place::kBeforeRouter)
      : port(DynamicWorld::FreePort()), world(MakeSetup(filter, route, place)) {
    world.Send(ResourceType::kCluster, {});
  }
  DynamicWorld::Setup MakeSetup(const std::string& filter, const std::string& route,
                                Place place) const {
    const std::string routes = Routes("r", {route});
    DynamicWorld::Setup setup;
    setup.clusters = {StaticCluster("up", {Host(upstream)})};
    setup.listeners = {Listener(
        "l", port,
        {place == Place::kLast ? ChainEndingWith(routes, filter) : Chain(routes, "", filter)})};
    return setup;
  }
  std::vector<std::string> Send(const std::string& config, const std::string& version = "1") {
    return world.Send(ResourceType::kExtension, {{"x", Extension(config)}}, {}, version);
  }
  std::string Version() { return std::string(world.Connect(port).Get("/").Get("x-version")); }

  ScriptedUpstream upstream;
  uint16_t port;
  DynamicWorld world;
};

constexpr char kStats[] = "extension_config_discovery.http_filter.x.";

TEST_CASE("a listener warms until its filter's configuration is there, and serves the newest") {
  World w(Filter(kMutation));
  CHECK(w.world.Wanted(ResourceType::kExtension) == std::vector<std::string>{"x"});
  CHECK(w.world.Admin("/init_dump").find("target FilterConfigSubscription init x") !=
        std::string::npos);
  CHECK_THROWS(w.world.Connect(w.port));  // it does not listen yet
  CHECK(w.Send(Mutation("one")).empty());
  CHECK(w.Version() == "one");
  harness::Client kept = w.world.Connect(w.port);
  CHECK(kept.Get("/").Get("x-version") == "one");
  CHECK(w.Send(Mutation("two"), "2").empty());
  // The next request on the same connection.
  CHECK(kept.Get("/").Get("x-version") == "two");
  CHECK(w.world.Stat(absl::StrCat(kStats, "config_reload")) == 2);
  CHECK(w.world.Stat(absl::StrCat(kStats, "config_fail")) == 0);
  const std::string dump = w.world.Admin("/config_dump?resource=ecds_filters");
  CHECK(dump.find("\"version_info\": \"2\"") != std::string::npos);
  CHECK(dump.find("\"two\"") != std::string::npos);
  CHECK(w.world.Admin("/config_journal").find("extension configuration") != std::string::npos);
}

TEST_CASE("a stream keeps its configuration") {
  World w(Filter(kMutation), To("up"));
  w.Send(Mutation("old"));
  harness::Client client = w.world.Connect(w.port);
  client.Send(harness::MakeRequest("GET", "/"));
  Wire upstream = w.upstream.Accept();
  upstream.ReceiveRequest();
  for (int i = 0; i < 3; ++i) CHECK(w.Send(Mutation(absl::StrCat("new", i))).empty());
  upstream.Send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
  CHECK(client.ReceiveResponse().Get("x-version") == "old");
}

TEST_CASE("a request that a filter holds is not touched by another configuration") {
  World w(Filter(kFault));
  w.Send(absl::StrCat("{\"@type\": ", kFault,
                      ", delay: {fixed_delay: 0.5s, percentage: {numerator: 100}}}"));
  harness::Client client = w.world.Connect(w.port);
  client.Send(harness::MakeRequest("GET", "/"));
  w.world.AwaitStat("http.in.fault.active_faults", 1);
  CHECK(w.Send(Abort(418)).empty());
  CHECK(w.world.Status(w.port) == 418);
  CHECK(client.ReceiveResponse().body == "hi");
  CHECK(client.Get("/").status == 418);
  CHECK(w.world.Stat("http.in.fault.delays_injected") == 1);
  CHECK(w.world.Stat("http.in.fault.aborts_injected") == 2);
}

TEST_CASE("without a configuration and a default every request is answered with 500") {
  World w(Filter(kMutation));
  w.world.TimeOut(ResourceType::kExtension);
  CHECK(w.world.Status(w.port) == 500);
  CHECK(w.world.Body(w.port).empty());
  CHECK(w.world.Stat(absl::StrCat(kStats, "config_fail")) == 1);
  CHECK(w.Send(Mutation("late")).empty());
  CHECK(w.Version() == "late");
  // Taken away.
  w.world.Send(ResourceType::kExtension, {}, {"x"});
  CHECK(w.world.Status(w.port) == 500);
}

TEST_CASE("the default serves when nothing comes, and when it is taken away") {
  World w(Filter(kMutation, absl::StrCat("default_config: ", Mutation("default"))));
  CHECK_THROWS(w.world.Connect(w.port));
  w.world.TimeOut(ResourceType::kExtension);
  CHECK(w.Version() == "default");
  w.Send(Mutation("one"));
  CHECK(w.Version() == "one");
  w.world.Send(ResourceType::kExtension, {}, {"x"});
  CHECK(w.Version() == "default");
}

TEST_CASE("a default that is applied without warming serves at once") {
  World w(Filter(kMutation, absl::StrCat("default_config: ", Mutation("default"),
                                         ", apply_default_config_without_warming: true")));
  CHECK(w.Version() == "default");
  w.Send(Mutation("one"));
  CHECK(w.Version() == "one");
}

TEST_CASE("what is wrong is refused, the last good one stays, and nobody waits for a better one") {
  World w(Filter(kMutation));
  const auto errors = w.Send(Abort(418));
  REQUIRE(errors.size() == 1);
  CHECK(errors[0] ==
        "x: typed_config: Error: filter config has type URL "
        "envoy.extensions.filters.http.fault.v3.HTTPFault but expect "
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation.");
  CHECK(w.world.Status(w.port) == 500);
  CHECK(w.Send(Mutation("good")).empty());
  CHECK(w.Send(Abort(418)).size() == 1);
  CHECK(w.Version() == "good");
  CHECK(w.world.Stat(absl::StrCat(kStats, "config_fail")) == 2);
  CHECK(w.world.Admin("/config_dump?resource=ecds_filters").find("NACKED") != std::string::npos);
}

TEST_CASE("the terminal filter may come from a source too, and has to be one") {
  World w(Filter(absl::StrCat(kMutation, ", ", kRouter)), To("up"), Place::kLast);
  w.upstream.Respond(200, "hi");
  const auto errors = w.Send(Mutation("one"));
  REQUIRE(errors.size() == 1);
  CHECK(errors[0] ==
        "x: typed_config: Error: non-terminal filter named x of type "
        "envoy.filters.http.header_mutation is the last filter in a http filter chain.");
  CHECK(w.world.Status(w.port) == 500);
  CHECK(w.Send(Router()).empty());
  CHECK(w.world.Body(w.port) == "hi");
  CHECK(w.upstream.requests().size() == 1);
  // The good one stays.
  CHECK(w.Send(Mutation("two"), "2").size() == 1);
  CHECK(w.world.Body(w.port) == "hi");
}

TEST_CASE("a terminal filter has to be the last") {
  World w(Filter(absl::StrCat(kMutation, ", ", kRouter)));
  const auto errors = w.Send(Router());
  REQUIRE(errors.size() == 1);
  CHECK(errors[0] ==
        "x: typed_config: Error: terminal filter named x of type envoy.filters.http.router must be "
        "the last filter in a http filter chain.");
}

TEST_CASE("listeners that share a configuration have one subscription and go each for themselves") {
  DynamicWorld world;
  world.Send(ResourceType::kCluster, {});
  const uint16_t first = DynamicWorld::FreePort();
  const uint16_t second = DynamicWorld::FreePort();
  const std::string chain = Chain(Routes("r", {Says("hi")}), "", Filter(kMutation));
  world.Send(ResourceType::kListener, {{"a", Listener("a", first, {chain})}});
  CHECK(world.Wanted(ResourceType::kExtension) == std::vector<std::string>{"x"});
  world.Send(ResourceType::kExtension, {{"x", Extension(Mutation("one"))}});
  CHECK(world.Connect(first).Get("/").Get("x-version") == "one");
  // The second has at once what the first has.
  world.Send(ResourceType::kListener,
             {{"a", Listener("a", first, {chain})}, {"b", Listener("b", second, {chain})}});
  CHECK(world.Wanted(ResourceType::kExtension) == std::vector<std::string>{"x"});
  CHECK(world.Connect(second).Get("/").Get("x-version") == "one");
  // Another version of a listener whose chain does not change keeps its configuration.
  harness::Client kept = world.Connect(first);
  CHECK(kept.Get("/").Get("x-version") == "one");
  const std::string more = Chain(Routes("r2", {Says("hi")}),
                                 "filter_chain_match: {source_type: "
                                 "EXTERNAL}");
  world.Send(ResourceType::kListener, {{"a", Listener("a", first, {chain, more})}}, {}, "2");
  world.Send(ResourceType::kExtension, {{"x", Extension(Mutation("two"))}}, {}, "2");
  CHECK(kept.Get("/").Get("x-version") == "two");
  CHECK(world.Connect(second).Get("/").Get("x-version") == "two");
  // One leaves, and the other still has the subscription.
  world.Send(ResourceType::kListener, {}, {"b"}, "3");
  CHECK(world.Stat("listener_manager.listener_removed") == 1);
  world.AwaitStat("listener_manager.total_listeners_draining", 0);
  CHECK_THROWS(world.Connect(second));
  CHECK(world.Wanted(ResourceType::kExtension) == std::vector<std::string>{"x"});
  world.Send(ResourceType::kExtension, {{"x", Extension(Mutation("three"))}}, {}, "3");
  CHECK(kept.Get("/").Get("x-version") == "three");
  // The last takes it along.
  kept.Close();
  world.Send(ResourceType::kListener, {}, {"a"}, "4");
  world.AwaitStat("listener_manager.total_listeners_draining", 0);
  CHECK(world.Wanted(ResourceType::kExtension).empty());
}

}  // namespace
}  // namespace remora::discovery
