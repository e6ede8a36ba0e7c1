#include <catch2/catch.hpp>

#include "test/admin/admin_world.h"

namespace remora::admin {
namespace {

class StatsWorld final {
 public:
  StatsWorld() {
    stats::Scope& root = world.store.root();
    stats::Shard& main = world.store.main_shard();
    root.MakeGauge(main, "server.state").Set(0);
    root.MakeGauge(main, "server.live").Set(1);
    root.MakeCounter(main, "cluster.up.upstream_cx_total").Inc();
    root.MakeCounter(main, "cluster.up.unused");
    root.MakeTextReadout("cds.version_text").Set("a\"<\nb");
    root.MakeHistogram(main, "cluster.up.upstream_rq_time", stats::Unit::kMilliseconds).Record(7);
    world.store.FlushIntervals();
  }
  std::string Body(std::string_view target) { return world.Body(target); }
  Answer Get(std::string_view target) { return world.Get(target); }

  AdminWorld world;
};

TEST_CASE("Stats come as text") {
  StatsWorld stats;
  const Answer answer = stats.Get("/stats?histogram_buckets=cumulative");
  CHECK(answer.status == 200);
  CHECK(answer.type == "text/plain; charset=UTF-8");
  CHECK_THAT(answer.body,
             Catch::Matchers::StartsWith("cds.version_text: \"a\"<\nb\"\n"
                                         "cluster.up.unused: 0\n"
                                         "cluster.up.upstream_cx_total: 1\n"
                                         "server.live: 1\n"
                                         "server.state: 0\n"
                                         "cluster.up.upstream_rq_time: B0.5(0,0) B1(0,0)"));
}

TEST_CASE("Gauges that are read are brought up to date before they are shown") {
  AdminWorld world;
  stats::Gauge uptime = world.store.root().MakeGauge(world.store.main_shard(), "server.uptime");
  world.environment.refresh_stats = [&uptime] { uptime.Set(42); };
  CHECK(world.Body("/stats") == "server.uptime: 42\n");
  world.environment.refresh_stats = nullptr;
  CHECK(world.Body("/stats") == "server.uptime: 42\n");
}

TEST_CASE("Only statistics are refreshed, and only for those who ask rightly") {
  AdminWorld world;
  world.Get("/stats?type=foo");
  world.Get("/clusters");
  CHECK(world.refreshes == 0);
  world.Get("/stats");
  world.Get("/stats/prometheus");
  CHECK(world.refreshes == 2);
}

TEST_CASE("Stats are filtered by name, use and type") {
  StatsWorld stats;
  CHECK(stats.Body("/stats?usedonly&filter=^(server\\.state|cluster)&type=Gauges") ==
        "server.state: 0\n");
  CHECK(stats.Body("/stats?usedonly&type=Counters") == "cluster.up.upstream_cx_total: 1\n");
  CHECK(stats.Body("//stats?filter=%5Ecluster.up.un") == "cluster.up.unused: 0\n");
  CHECK(stats.Body("/stats?filter=server.liv+e$") == "server.live: 1\n");
  CHECK(stats.Body("/stats?filter=nope").empty());
  CHECK(stats.world.Post("/stats", "filter=server.live").body == "server.live: 1\n");
}

TEST_CASE("Stats come as JSON, escaped") {
  StatsWorld stats;
  const Answer answer = stats.Get("/stats?format=json&filter=version|live");
  CHECK(answer.type == "application/json");
  CHECK(answer.body == R"({"stats":[{"name":"cds.version_text","value":"a\"<\nb"},)"
                       R"({"name":"server.live","value":1}]})");
}

TEST_CASE("Stats come in the Prometheus format, from two paths") {
  StatsWorld stats;
  const std::string expected =
      "# TYPE envoy_cluster_upstream_cx_total counter\n"
      "envoy_cluster_upstream_cx_total{envoy_cluster_name=\"up\"} 1\n";
  const auto target = GENERATE(as<std::string>(), "/stats/prometheus?filter=cx_total",
                               "/stats?format=prometheus&filter=cx_total",
                               "/stats/prometheus?format=json&filter=cx_total",
                               "/stats//prometheus?filter=cx_total");
  const Answer answer = stats.Get(target);
  CHECK(answer.status == 200);
  CHECK(answer.type == "text/plain; charset=UTF-8");
  CHECK(answer.body == expected);
}

TEST_CASE("What cannot be asked of stats is answered with 400") {
  StatsWorld stats;
  const auto [target, body] = GENERATE(table<std::string, std::string>({
      {"/stats?filter=(", "Invalid re2 regex: missing ): ("},
      {"/stats?type=foo", "invalid &type= param"},
      {"/stats?format=foo", "usage: /stats?format=(json|prometheus|text)\n\n"},
      {"/stats?histogram_buckets=x",
       "usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary)\n"},
      {"/stats?hidden=x", "usage: /stats?hidden=(include|only|exclude)\n\n"},
      {"/stats/prometheus?histogram_buckets=disjoint",
       "unsupported prometheus histogram bucket mode"},
  }));
  const Answer answer = stats.Get(target);
  CHECK(answer.status == 400);
  CHECK(answer.type == "text/plain; charset=UTF-8");
  CHECK(answer.body == body);
}

TEST_CASE("A filter is inverted when asked to") {
  StatsWorld stats;
  CHECK(stats.Body("/stats?filter=^(cluster|cds|server.live)&invert_filter") ==
        "server.state: 0\n");
  CHECK(stats.Body("/stats/prometheus?filter=^(cluster|cds|server.live)&invert_filter") ==
        "# TYPE envoy_server_state gauge\nenvoy_server_state{} 0\n");
}

TEST_CASE("Counters are reset, gauges and histograms are not") {
  StatsWorld stats;
  CHECK(stats.Get("/reset_counters").status == 405);
  CHECK(stats.world.Post("/reset_counters").body == "OK\n");
  CHECK(stats.Body("/stats?type=Counters&usedonly") == "cluster.up.upstream_cx_total: 0\n");
  CHECK(stats.Body("/stats?filter=server.live") == "server.live: 1\n");
}

}  // namespace
}  // namespace remora::admin
