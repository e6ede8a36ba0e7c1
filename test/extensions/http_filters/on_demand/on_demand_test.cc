#include "source/extensions/http_filters/on_demand/on_demand.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "envoy/extensions/filters/http/on_demand/v3/on_demand.pb.h"
#include "source/upstream/cluster_table.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

struct World final : fakes::ChainWorld, upstream::ClusterFinder {
  explicit World(event::Duration timeout = 5 * event::kSecond,
                 std::optional<OnDemand::RouteConfig> on_route = std::nullopt) {
    clusters().missing().SetFinder(this);
    auto config = std::make_shared<OnDemand::Config>();
    config->source = std::make_shared<const config::ConfigSource>();
    config->timeout = timeout;
    http::FilterFactory factory;
    factory.name = "on_demand";
    factory.config = std::move(config);
    factory.create = [](const void* value, http::FilterContext& context) {
      return OnDemand::Create(*static_cast<const OnDemand::Config*>(value), context);
    };
    factory.hooks = http::Hooks::Of<OnDemandFilter>();
    AddFactory(std::move(factory));
    fakes::RouteLevels levels;
    if (on_route.has_value()) {
      route::FilterOverride override;
      override.filter_name = "on_demand";
      override.config = std::make_shared<const OnDemand::RouteConfig>(*std::move(on_route));
      levels.route = {std::move(override)};
    }
    UseRoutes(fakes::OneRoute(std::move(levels)));
    MakeRequest("POST", "/");
    Start();
  }
  void FindCluster(std::shared_ptr<const config::ConfigSource>, std::string name) override {
    asked.push_back(std::move(name));
  }
  void PutCluster() {
    upstream::ClusterConfig config;
    config.name = "up";
    auto table = std::make_shared<upstream::ClusterTable>();
    table->Put(std::make_shared<const upstream::Cluster>(std::move(config), 1,
                                                         store.AddScope("cluster.up")));
    clusters().Apply(std::move(table));
  }

  std::vector<std::string> asked;
};

TEST_CASE("on_demand: a request waits until its cluster is there") {
  World w;
  w.Request("body");
  CHECK(w.asked == std::vector<std::string>{"up"});
  CHECK(w.upstream.heads == 0);
  w.PutCluster();
  w.Turn();
  CHECK(w.upstream.heads == 1);
  CHECK(w.Take().find("up:end") != std::string::npos);
  CHECK(w.clusters().missing().empty());
}

TEST_CASE("on_demand: it goes on when there is none, and when it has waited long enough") {
  World none;
  none.Request();
  none.clusters().missing().OnAnswer("up");
  none.Turn();
  CHECK(none.upstream.heads == 1);
  World slow(event::kSecond);
  slow.Request();
  slow.Pass(event::kSecond / 2);
  CHECK(slow.upstream.heads == 0);
  slow.Pass(event::kSecond);
  CHECK(slow.upstream.heads == 1);
  CHECK(slow.clusters().missing().empty());
  // The answer comes too late to matter.
  slow.PutCluster();
  slow.Turn();
  CHECK(slow.upstream.heads == 1);
}

TEST_CASE("on_demand: a cluster that is there is not asked for") {
  World w;
  w.PutCluster();
  w.Request();
  CHECK(w.asked.empty());
  CHECK(w.upstream.heads == 1);
}

TEST_CASE("on_demand: a request that ends leaves nothing behind") {
  World w;
  w.Request();
  w.RequestReset();
  CHECK(w.clusters().missing().empty());
  w.Pass(6 * event::kSecond);
  CHECK(w.upstream.heads == 0);
}

TEST_CASE("on_demand: a route may turn it off") {
  World w(5 * event::kSecond, OnDemand::RouteConfig());
  w.Request();
  CHECK(w.asked.empty());
  CHECK(w.upstream.heads == 1);
}

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<OnDemand>();
  return registry;
}

std::string ErrorsOf(const std::string& text) {
  std::string errors;
  fakes::ParseFilter(Registry(), "x", fakes::ProtoFromText<OnDemand::Proto>(text), errors);
  return errors;
}

TEST_CASE("on_demand: only who answers for single names can be asked") {
  CHECK(ErrorsOf("") == "");
  CHECK(ErrorsOf("odcds { source { ads {} } }").find("ads_config") != std::string::npos);
  CHECK(ErrorsOf("odcds { source { path_config_source { path: '/dev/null' } } }")
            .find("odcds.source: has to be DELTA_GRPC") != std::string::npos);
}

}  // namespace
}  // namespace remora::extensions
