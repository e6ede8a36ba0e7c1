// What Envoy 1.40 answers was measured; the tests say the same.

#include "source/extensions/http_filters/health_check/health_check.h"

#include <catch2/catch.hpp>
#include <string>

#include "envoy/extensions/filters/http/health_check/v3/health_check.pb.h"
#include "source/config/core_config.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using fakes::ChainWorld;
using fakes::ProtoFromText;

const std::string kHere = "pass_through_mode { value: false } ";
const std::string kPass = "pass_through_mode { value: true } ";
const std::string kPath = "headers { name: ':path' string_match { exact: '/hc' } } ";

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<HealthCheck>();
  return registry;
}

http::FilterFactory Filter(const std::string& text) {
  config::ErrorList list;
  config::ErrorList warnings;
  const config::Registry registry = Registry();
  config::Translation around{registry, list, warnings};
  around.service_cluster = "svc";
  config::ConfigContext context(list, "filter", &around);
  google::protobuf::Any any;
  any.PackFrom(ProtoFromText<HealthCheck::Proto>(text));
  http::FilterFactory factory;
  registry.http_filters()[0].parse(any, context, factory);
  CHECK(list.ToString().empty());
  factory.name = "hc";
  return factory;
}

std::string Errors(const std::string& text) {
  std::string errors;
  fakes::ParseFilter(Registry(), "hc", ProtoFromText<HealthCheck::Proto>(text), errors);
  return errors;
}

// One request through a filter; several worlds may share the filter and so what it keeps.
struct World : ChainWorld {
  explicit World(const http::FilterFactory& factory, std::string_view path = "/hc",
                 bool fail_all = false) {
    process.health_check_failed = fail_all;
    AddWithState(factory);
    MakeRequest("GET", path);
    downstream.with_fields = true;
    Start();
  }
  // The words of the journal after a whole request without a body.
  std::string Go() {
    Request();
    return Take();
  }
  void AddCluster(const std::string& name, const std::vector<upstream::HealthStatus>& health) {
    upstream::ClusterConfig config;
    config.name = name;
    for (const upstream::HealthStatus status : health) {
      upstream::HostConfig host;
      host.address = *net::Address::Ip("127.0.0.1", 1);
      host.health = status;
      config.hosts.push_back(std::move(host));
    }
    table_.Put(std::make_shared<const upstream::Cluster>(std::move(config), 1,
                                                         store.AddScope("cluster." + name)));
    clusters().Apply(std::make_shared<const upstream::ClusterTable>(table_));
  }
  uint64_t Count(const std::string& name) { return Stat("http.test.health_check." + name); }

 private:
  upstream::ClusterTable table_;
};

const std::string kOk =
    "up:complete down:head(200 content-length=0 x-envoy-upstream-healthchecked-cluster=svc) "
    "down:end";

TEST_CASE("health check: answered here") {
  World world(Filter(kHere + kPath));
  CHECK(world.Go() == kOk);
  CHECK(world.info.health_check);
  CHECK(world.info.flags.empty());
  CHECK(world.info.response_code_details == "health_check_ok");
  CHECK(world.Count("request_total") == 1);
  CHECK(world.Count("ok") == 1);
  CHECK(world.Count("failed") == 0);
}

TEST_CASE("health check: other requests pass") {
  World world(Filter(kHere + kPath), "/other");
  CHECK(world.Go() == "up:head(GET /other) up:end");
  world.Response(200);
  CHECK(world.Take() == "down:head(200) down:end");
  CHECK_FALSE(world.info.health_check);
  CHECK(world.Count("request_total") == 0);
  // Without conditions every request is one.
  CHECK(World(Filter(kHere), "/other").Go() == kOk);
}

TEST_CASE("health check: a body is read first") {
  World world(Filter(kHere + kPath));
  const_cast<http::RequestHead*>(world.context("up").request_head())->framing =
      http::Framing::kStreamed;
  world.RequestHead();
  world.RequestData("abc");
  CHECK(world.Take().empty());
  world.RequestEnd();
  CHECK(world.Take() == kOk);
}

TEST_CASE("health check: the process is told to fail them") {
  const http::FilterFactory here = Filter(kHere + kPath);
  for (const http::FilterFactory& filter : {here, Filter(kPass + kPath)}) {
    World world(filter, "/hc", true);
    CHECK(world.Go() ==
          "up:complete down:head(503 content-length=0 x-envoy-upstream-healthchecked-cluster=svc) "
          "down:end");
    CHECK(world.info.flags.ToString() == "LH");
    CHECK(world.info.response_code_details == "health_check_failed");
    CHECK(world.Count("failed") == 1);
  }
  World other(here, "/other", true);
  CHECK(other.Go() == "up:head(GET /other) up:end");
  other.Response(200);
  CHECK(other.Take() == "down:head(200 x-envoy-immediate-health-check-fail=true) down:end");
}

TEST_CASE("health check: passed on") {
  World world(Filter(kPass + kPath));
  CHECK(world.Go() == "up:head(GET /hc) up:end");
  world.Response(404);
  CHECK(world.Take() == "down:head(404 x-envoy-upstream-healthchecked-cluster=svc) down:end");
  CHECK(world.info.health_check);
  CHECK(world.Count("request_total") == 0);
}

TEST_CASE("health check: an answer is given again for a while") {
  const http::FilterFactory filter = Filter(kPass + kPath + "cache_time { seconds: 2 }");
  World first(filter);
  CHECK(first.Go() == "up:head(GET /hc) up:end");
  first.context("up").response_sink().OnHead(first.MakeResponse(503, {{"x-envoy-degraded", ""}}));
  World second(filter);
  CHECK(second.Go() ==
        "up:complete down:head(503 content-length=0 x-envoy-degraded= "
        "x-envoy-upstream-healthchecked-cluster=svc) down:end");
  CHECK(second.info.flags.ToString() == "LH");
  CHECK(second.info.response_code_details == "health_check_cached");
  CHECK(second.Count("cached_response") == 1);
  CHECK(second.Count("degraded") == 1);
  CHECK(second.Count("failed") == 1);
  // Giving it again does not make it younger.
  World third(filter);
  third.Pass(1'999 * event::kMillisecond);
  CHECK(third.Go().find("down:head(503") != std::string::npos);
  World late(filter);
  late.Pass(2 * event::kSecond);
  CHECK(late.Go() == "up:head(GET /hc) up:end");
}

TEST_CASE("health check: clusters that have to be healthy") {
  using upstream::HealthStatus;
  const auto answer = [](const std::string& percentages, std::string* counted = nullptr) {
    World world(Filter(kHere + kPath + percentages));
    world.AddCluster("half", {HealthStatus::kHealthy, HealthStatus::kUnhealthy});
    world.AddCluster("degraded", {HealthStatus::kDegraded, HealthStatus::kUnknown});
    world.AddCluster("empty", {});
    world.Request();
    if (counted != nullptr) {
      for (const char* name : {"not_found", "empty", "unhealthy"}) {
        if (world.Count("failed_cluster_" + std::string(name)) == 1) *counted = name;
      }
    }
    return std::to_string(world.downstream.last_head->status) + " " +
           std::string(world.info.response_code_details);
  };
  const auto least = [](const std::string& cluster, const std::string& percent) {
    return "cluster_min_healthy_percentages { key: '" + cluster + "' value { value: " + percent +
           " } } ";
  };
  const std::string healthy = "200 health_check_ok_cluster_healthy";
  std::string counted;
  CHECK(answer(least("half", "50")) == healthy);
  CHECK(answer(least("half", "50.9")) == healthy);
  CHECK(answer(least("half", "51"), &counted) == "503 health_check_failed_cluster_unhealthy");
  CHECK(counted == "unhealthy");
  CHECK(answer(least("degraded", "100")) == healthy);
  CHECK(answer(least("degraded", "100") + least("half", "60")) ==
        "503 health_check_failed_cluster_unhealthy");
  CHECK(answer(least("empty", "0")) == healthy);
  CHECK(answer(least("empty", "1"), &counted) == "503 health_check_failed_cluster_empty");
  CHECK(counted == "empty");
  CHECK(answer(least("none", "0"), &counted) == "503 health_check_failed_no_cluster_found");
  CHECK(counted == "not_found");
}

TEST_CASE("health check: what is wrong is named") {
  CHECK(Errors(kHere + "cache_time { seconds: 1 }") ==
        "filter.cache_time: cache_time_ms must not be set when path_through_mode is disabled\n");
}

}  // namespace
}  // namespace remora::extensions
