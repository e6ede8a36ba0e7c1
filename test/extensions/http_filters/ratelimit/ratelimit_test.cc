// The filter where no service answers, and its configuration; with a service it is tested in
// test/integration/grpc.

#include "source/extensions/http_filters/ratelimit/ratelimit.h"

#include <catch2/catch.hpp>

#include "envoy/extensions/filters/http/ratelimit/v3/rate_limit.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

const std::string kService =
    "domain: 'd' rate_limit_service { grpc_service { envoy_grpc { cluster_name: 'limits' } } } ";
// All requests are counted, whatever their route says.
const std::string kAll =
    kService + "rate_limits { actions { generic_key { descriptor_value: 'a' } } } ";

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<RateLimit>();
  return registry;
}

std::string Errors(const std::string& text) {
  std::string errors;
  fakes::ParseFilter(Registry(), "rl", fakes::ProtoFromText<RateLimit::Proto>(text), errors);
  return errors;
}

// One request to a filter whose service's cluster is not there; that of the route is.
struct World : fakes::ChainWorld {
  explicit World(const std::string& config, const Fields& fields = {},
                 fakes::RouteLevels levels = {}) {
    std::string errors;
    AddWithState(fakes::ParseFilter(Registry(), "rl",
                                    fakes::ProtoFromText<RateLimit::Proto>(config), errors));
    CHECK(errors.empty());
    UseRoutes(fakes::OneRoute(std::move(levels)));
    upstream::ClusterConfig cluster;
    cluster.name = "up";
    auto table = std::make_shared<upstream::ClusterTable>();
    table->Put(std::make_shared<const upstream::Cluster>(std::move(cluster), 1,
                                                         store.AddScope("cluster.up")));
    clusters().Apply(std::move(table));
    MakeRequest("GET", "/", fields);
    upstream.with_fields = downstream.with_fields = true;
    Start();
  }
  ~World() { clusters().Clear(); }
  std::string Outcome() {
    Request();
    Turn();
    Turn();
    return Take();
  }
  std::string Counts() {
    std::string text;
    for (const char* name : {"ok", "over_limit", "error", "failure_mode_allowed"}) {
      text += std::to_string(Stat("cluster.up.ratelimit." + std::string(name))) + " ";
    }
    return text;
  }
};

const std::string kPassed = "up:head(GET /) up:end";

TEST_CASE("rate limit: without a service requests pass, or do not") {
  World open(kAll);
  open.Request();
  CHECK(open.Take() == "codec:pause(filter)");
  open.Turn();
  open.Turn();
  CHECK(open.Take().find(kPassed) != std::string::npos);
  CHECK(open.Counts() == "0 0 1 1 ");
  World closed(kAll + "failure_mode_deny: true");
  CHECK(closed.Outcome().find("down:head(500 content-length=0)") != std::string::npos);
  CHECK(closed.upstream.heads == 0);
  CHECK(closed.Counts() == "0 0 1 0 ");
  CHECK(closed.info.flags.ToString() == "RLSE");
  CHECK(closed.info.response_code_details == "rate_limiter_error");
  World status(kAll + "failure_mode_deny: true status_on_error { code: ServiceUnavailable }");
  CHECK(status.Outcome().find("down:head(503") != std::string::npos);
  World share(kAll +
              "failure_mode_deny: true failure_mode_deny_percent { default_value { numerator: 0 } "
              "}");
  CHECK(share.Outcome().find(kPassed) != std::string::npos);
  World all(kAll + "failure_mode_deny_percent { default_value { numerator: 100 } }");
  CHECK(all.Outcome().find("down:head(500") != std::string::npos);
}

TEST_CASE("rate limit: which requests the service is not asked about") {
  CHECK(World(kService).Outcome() == kPassed);
  CHECK(World(kAll + "filter_enabled { default_value { numerator: 0 } }").Outcome() == kPassed);
  CHECK(World(kAll + "request_type: 'internal'").Outcome() == kPassed);
  CHECK(World(kAll + "request_type: 'external'").Outcome() != kPassed);
  const Fields internal = {{"x-envoy-internal", "true"}};
  CHECK(World(kAll + "request_type: 'internal'", internal).Counts() == "0 0 0 0 ");
  World inside(kAll + "request_type: 'internal'", internal);
  inside.Outcome();
  CHECK(inside.Counts() == "0 0 1 1 ");
  World outside(kAll + "request_type: 'external'", internal);
  outside.Outcome();
  CHECK(outside.Counts() == "0 0 0 0 ");
  const std::string absent =
      "rate_limits { actions { request_headers { header_name: 'x-a' descriptor_key: 'a' } } }";
  CHECK(World(kService + absent).Outcome() == kPassed);
  CHECK(World(kService + absent, {{"x-a", "1"}}).Outcome() != kPassed);
}

TEST_CASE("rate limit: the runtime has its say") {
  World world(kAll);
  world.runtime.Set(std::make_shared<const runtime::Snapshot>(std::vector<runtime::Snapshot::Layer>{
      {"static", {{"ratelimit.http_filter_enabled", {"0", 0.0, {}, {}}}}}}));
  CHECK(world.Outcome() == kPassed);
}

TEST_CASE("rate limit: a request without a cluster is none of the filter's") {
  World world(kAll);
  world.clusters().Apply(std::make_shared<upstream::ClusterTable>());
  CHECK(world.Outcome() == kPassed);
}

TEST_CASE("rate limit: the client goes while the service is asked") {
  World world(kAll);
  world.Request();
  world.RequestReset();
  world.Turn();
  world.Turn();
  CHECK(world.upstream.heads == 0);
  CHECK(world.Counts() == "0 0 0 0 ");
}

TEST_CASE("rate limit: what is counted at the end holds nobody") {
  World world(kService +
              "rate_limits { apply_on_stream_done: true actions { generic_key { descriptor_value: "
              "'a' } } }");
  world.Request();
  CHECK(world.Take() == kPassed);
  world.Response(200);
  world.Complete();
  world.Turn();
  world.Turn();
  CHECK(world.Counts() == "0 0 0 0 ");
}

TEST_CASE("rate limit: what is wrong is named") {
  const std::string key = "actions { generic_key { descriptor_value: 'a' } } ";
  CHECK(Errors("domain: 'd'") ==
        "filter.rate_limit_service.grpc_service: envoy_grpc is required\n");
  CHECK(Errors(kService + "rate_limits { stage { value: 1 } " + key + "}") ==
        "filter.rate_limits[0]: 'stage' field and 'disable_key' field are not supported\n");
  CHECK(Errors(kService + "rate_limits { hits_addend {} " + key + "}") ==
        "filter.rate_limits[0].hits_addend: hits_addend must contain either a format or a "
        "number\n");
  CHECK(Errors(kService + "rate_limits { hits_addend { format: '%PROTOCOL%%PROTOCOL%' } " + key +
               "}") ==
        "filter.rate_limits[0].hits_addend.format: hits_addend format must contain exactly one "
        "substitution\n");
  CHECK(Errors(kService + "response_headers_to_add { header { key: ':status' value: '1' } }") ==
        "filter.response_headers_to_add[0].header.key: :-prefixed or host headers may not be "
        "modified\n");
  std::string errors;
  fakes::ParseOverride(
      Registry(), "rl",
      fakes::ProtoFromText<RateLimit::RouteProto>("rate_limits { disable_key: 'x' " + key + "}"),
      errors);
  CHECK(errors ==
        "route.rate_limits[0]: 'stage' field and 'disable_key' field are not supported\n");
}

}  // namespace
}  // namespace remora::extensions
