#include "tools/gen/skeleton/skeleton.h"

#include <catch2/catch.hpp>
#include <string>

#include "test/fakes/extension_world.h"
#include "tools/gen/skeleton/skeleton.pb.h"

namespace my_filters {
namespace {

using remora::fakes::ChainWorld;
using remora::fakes::ProtoFromText;
using Proto = ::my_filters::v1::Skeleton;
using RouteProto = ::my_filters::v1::SkeletonPerRoute;

remora::config::Registry Registry() {
  remora::config::Registry registry;
  AddSkeleton(registry);
  return registry;
}

// A chain of the filter alone, with what a route says of it.
struct World : ChainWorld {
  explicit World(const std::string& per_route) {
    std::string errors;
    AddWithState(remora::fakes::ParseFilter(Registry(), "it",
                                            ProtoFromText<Proto>("value: 'hello'"), errors));
    UseRoutes(remora::fakes::OneRoute(
        {.route = {remora::fakes::ParseOverride(Registry(), "it",
                                                ProtoFromText<RouteProto>(per_route), errors)}}));
    CHECK(errors.empty());
    MakeRequest("GET", "/");
    downstream.with_fields = true;
    Start();
    Request();
    Take();
  }
};

TEST_CASE("skeleton: every answer tells, and is counted") {
  World world("");
  world.Response(200, "body");
  CHECK(world.Take() == "down:head(200 x-skeleton=hello) down:data(body) down:end");
  CHECK(world.Stat("http.test.skeleton.told") == 1);
}

TEST_CASE("skeleton: a route may switch it off") {
  World world("disabled: true");
  world.Response(200, "body");
  CHECK(world.Take() == "down:head(200) down:data(body) down:end");
  CHECK(world.Stat("http.test.skeleton.told") == 0);
}

TEST_CASE("skeleton: what cannot be is refused when it is loaded") {
  std::string errors;
  remora::fakes::ParseFilter(Registry(), "it", ProtoFromText<Proto>("value: 'a\\n'"), errors);
  CHECK(errors.find("value: a header field cannot hold control characters") != std::string::npos);
}

}  // namespace
}  // namespace my_filters
