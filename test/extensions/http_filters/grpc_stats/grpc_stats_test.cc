// Names and counts as Envoy 1.40 has them, which was measured.

#include "source/extensions/http_filters/grpc_stats/grpc_stats.h"

#include <catch2/catch.hpp>
#include <string>

#include "envoy/extensions/filters/http/grpc_stats/v3/config.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct World : fakes::ChainWorld {
  World(const std::string& config, std::string_view path,
        const std::string& type = "application/grpc") {
    config::Registry registry;
    registry.AddHttpFilter<GrpcStats>();
    std::string errors;
    AddWithState(fakes::ParseFilter(registry, "stats",
                                    fakes::ProtoFromText<GrpcStats::Proto>(config), errors));
    CHECK(errors.empty());
    upstream::ClusterConfig cluster;
    cluster.name = "up";
    auto table = std::make_shared<upstream::ClusterTable>();
    table->Put(std::make_shared<const upstream::Cluster>(std::move(cluster), 1,
                                                         store.AddScope("cluster.up")));
    clusters().Apply(std::move(table));
    auto& head = MakeRequest("POST", path, {{"content-type", type}});
    head.framing = http::Framing::kStreamed;
    Start();
    RequestHead();
    info.cluster_name = "up";
  }
  void Answer(const Fields& trailers) {
    auto& head = MakeResponse(200, {{"content-type", "application/grpc"}});
    ResponseHead(head);
    ResponseData(std::string("\0\0\0\0\1x\0\0\0\0\0", 11));
    ResponseEnd(trailers);
    Complete();
  }
  uint64_t Of(const std::string& name) { return Stat("cluster.up.grpc." + name); }
};

constexpr char kAll[] = "stats_for_all_methods { value: true }";

TEST_CASE("grpc_stats: calls and messages of a method") {
  World world(kAll, "/a.B/C?q");
  world.RequestData(std::string("\0\0\0\0\2hi\0\0", 9));
  world.RequestData(std::string("\0\0\0", 3));
  world.RequestEnd();
  world.Answer({{"grpc-status", "0"}});
  CHECK(world.Of("a.B.C.0") == 1);
  CHECK(world.Of("a.B.C.success") == 1);
  CHECK(world.Of("a.B.C.failure") == 0);
  CHECK(world.Of("a.B.C.total") == 1);
  CHECK(world.Of("a.B.C.request_message_count") == 2);
  CHECK(world.Of("a.B.C.response_message_count") == 2);
}

TEST_CASE("grpc_stats: how a call ends") {
  World failed(kAll, "/a.B/C");
  failed.RequestEnd();
  failed.Answer({{"grpc-status", "14"}});
  CHECK(failed.Of("a.B.C.14") == 1);
  CHECK(failed.Of("a.B.C.failure") == 1);
  World odd(kAll, "/a.B/C");
  odd.RequestEnd();
  odd.Answer({{"grpc-status", "made up"}});
  CHECK(odd.Of("a.B.C.failure") == 1);
  CHECK(odd.Of("a.B.C.total") == 1);
  World silent(kAll, "/a.B/C");
  silent.RequestEnd();
  silent.Answer({});
  CHECK(silent.Of("a.B.C.total") == 0);
}

TEST_CASE("grpc_stats: methods of a list have their own, the others one") {
  const std::string list =
      "individual_method_stats_allowlist { services { name: 'a.B' method_names: 'C' } } "
      "replace_dots_in_grpc_service_name: true";
  World own(list, "/a.B/C");
  own.RequestEnd();
  own.Answer({{"grpc-status", "0"}});
  CHECK(own.Of("a.B.C.total") == 1);
  World other(list, "/a.B/D");
  other.RequestEnd();
  other.Answer({{"grpc-status", "0"}});
  CHECK(other.Of("total") == 1);
  World dots(std::string(kAll) + " replace_dots_in_grpc_service_name: true", "/a.B/C");
  dots.RequestEnd();
  dots.Answer({{"grpc-status", "0"}});
  CHECK(dots.Of("a_B.C.total") == 1);
}

TEST_CASE("grpc_stats: what is no call of a method is not counted") {
  for (const char* path : {"/a.B", "/a.B/C/D", "/", "*"}) {
    World world(kAll, path);
    world.RequestEnd();
    world.Answer({{"grpc-status", "0"}});
    const stats::Snapshot snapshot = world.store.TakeSnapshot();
    for (const stats::Metric& metric : snapshot.metrics()) {
      CHECK(metric.name.find(".grpc.") == std::string::npos);
    }
  }
  World web(kAll, "/a.B/C", "application/grpc-web");
  web.RequestEnd();
  web.Answer({{"grpc-status", "0"}});
  CHECK(web.Of("a.B.C.total") == 0);
}

TEST_CASE("grpc_stats: names that clients make up are bounded") {
  grpc::CallCounters state;
  World world(kAll, "/a.B/C");
  for (int i = 0; i < 1100; ++i) {
    state.Add(world.clusters(), "up", "grpc.s.m" + std::to_string(i) + ".", "total", 1);
  }
  CHECK(world.Of("s.m999.total") == 1);
  CHECK(world.Of("s.m1000.total") == 0);
  state.Add(world.clusters(), "up", "grpc.s.m0.", "total", 1);
  CHECK(world.Of("s.m0.total") == 2);
}

}  // namespace
}  // namespace remora::extensions
