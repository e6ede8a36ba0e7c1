#include "source/stats/store.h"

#include <catch2/catch.hpp>
#include <string>
#include <type_traits>
#include <vector>

#include "source/stats/code_counters.h"
#include "source/stats/group.h"

namespace remora::stats {
namespace {

struct Traffic {
  NamedCounter<"upstream_rq_total"> upstream_rq_total;
  NamedGauge<"upstream_rq_active"> upstream_rq_active;
  NamedHistogram<"upstream_rq_time", Unit::kMilliseconds> upstream_rq_time;
  NamedCounter<"http1.response_flood"> http1_response_flood;
};

static_assert(sizeof(Traffic) == 4 * sizeof(void*));
static_assert(std::is_trivially_copyable_v<Traffic>);
static_assert(kGroup<Traffic>.cells == 4 && kGroup<Traffic>.slots == 1);

// Every metric as `name=value`, those in use with a star.
std::vector<std::string> List(Store& store, const SnapshotFilter& filter = {}) {
  std::vector<std::string> lines;
  const Snapshot snapshot = store.TakeSnapshot(filter);
  for (const Metric& metric : snapshot.metrics()) {
    std::string line(metric.name);
    line += '=';
    if (metric.kind == Kind::kHistogram) {
      line += std::to_string(metric.used ? metric.cumulative->Count() : 0);
    } else if (metric.kind == Kind::kTextReadout) {
      line += metric.text;
    } else {
      line += std::to_string(metric.value);
    }
    if (metric.used) line += '*';
    lines.push_back(std::move(line));
  }
  return lines;
}

using Lines = std::vector<std::string>;

TEST_CASE("a group declares name, kind and place of each field, in order", "[stats]") {
  const std::span<const MetricSpec> metrics = kGroup<Traffic>.metrics;
  REQUIRE(metrics.size() == 4);
  CHECK(metrics[0].name == "upstream_rq_total");
  CHECK(metrics[0].kind == Kind::kCounter);
  CHECK(metrics[0].index == 0);
  CHECK(metrics[1].kind == Kind::kGauge);
  CHECK(metrics[1].index == 1);
  CHECK(metrics[2].kind == Kind::kHistogram);
  CHECK(metrics[2].unit == Unit::kMilliseconds);
  CHECK(metrics[2].index == 0);
  CHECK(metrics[3].name == "http1.response_flood");
  CHECK(metrics[3].index == 3);
}

TEST_CASE("handles without a store count into the sink", "[stats]") {
  Traffic traffic;
  traffic.upstream_rq_total.Inc();
  traffic.upstream_rq_active.Dec();
  traffic.upstream_rq_time.Record(5);
  TextReadout().Set("x");
  CHECK(sink_slot.bins.load() == nullptr);
}

TEST_CASE("declared metrics show with zero and have no cells", "[stats]") {
  Store store(2);
  const size_t before = store.MemoryUsage();
  store.AddScope("cluster.up").Declare<Traffic>();
  CHECK(store.MemoryUsage() - before < 500);
  CHECK(List(store) == Lines{"cluster.up.http1.response_flood=0", "cluster.up.upstream_rq_active=0",
                             "cluster.up.upstream_rq_time=0", "cluster.up.upstream_rq_total=0"});
  SnapshotFilter used;
  used.used_only = true;
  CHECK(List(store, used).empty());
}

TEST_CASE("values are summed over the shards", "[stats]") {
  Store store(2);
  Scope& scope = store.AddScope("cluster.up.");
  const Traffic first = scope.Make<Traffic>(store.worker_shard(0));
  const Traffic second = scope.Make<Traffic>(store.worker_shard(1));
  first.upstream_rq_total.Inc();
  second.upstream_rq_total.Add(41);
  first.upstream_rq_active.Add(3);
  second.upstream_rq_active.Sub(2);
  first.upstream_rq_time.Record(7);
  second.upstream_rq_time.Record(7);
  store.FlushIntervals();
  CHECK(List(store) == Lines{"cluster.up.http1.response_flood=0",
                             "cluster.up.upstream_rq_active=1*", "cluster.up.upstream_rq_time=2*",
                             "cluster.up.upstream_rq_total=42*"});
}

TEST_CASE("Make gives the same cells again", "[stats]") {
  Store store(1);
  Scope& scope = store.AddScope("cluster.up");
  scope.Make<Traffic>(store.worker_shard(0)).upstream_rq_total.Inc();
  scope.Make<Traffic>(store.worker_shard(0)).upstream_rq_total.Inc();
  CHECK(List(store)[3] == "cluster.up.upstream_rq_total=2*");
}

TEST_CASE("a gauge that was set to zero is in use", "[stats]") {
  Store store(0);
  const Gauge state = store.root().MakeGauge(store.main_shard(), "server.state");
  CHECK(List(store) == Lines{"server.state=0"});
  state.Set(0);
  CHECK(List(store) == Lines{"server.state=0*"});
}

TEST_CASE("a gauge that went up and down again is in use", "[stats]") {
  Store store(0);
  const Gauge active = store.root().MakeGauge(store.main_shard(), "server.active");
  active.Inc();
  active.Dec();
  CHECK(List(store) == Lines{"server.active=0*"});
}

TEST_CASE("a set gauge keeps 64 bits, a moved one never shows below zero", "[stats]") {
  Store store(0);
  store.root().MakeGauge(store.main_shard(), "version").Set(11179468007198554190U);
  store.root().MakeGauge(store.main_shard(), "active").Dec();
  CHECK(List(store) == Lines{"active=0*", "version=11179468007198554190*"});
}

TEST_CASE("single metrics: the same name and kind is the same metric", "[stats]") {
  Store store(1);
  const MetricId id = store.Register("a.b", Kind::kCounter);
  CHECK(store.Register("a.b", Kind::kCounter) == id);
  CHECK(store.Register("a.c", Kind::kCounter) == id + 1);
  CHECK(store.Register("a.b", Kind::kGauge) == id + 2);
  store.CounterOn(id, store.main_shard()).Inc();
  store.CounterOn(id, store.worker_shard(0)).Inc();
  store.root().MakeCounter(store.main_shard(), "a.b").Inc();
  store.HistogramOn(store.Register("h", Kind::kHistogram), store.main_shard()).Record(1);
  store.GaugeOn(id + 2, store.main_shard()).Set(9);
  CHECK(List(store) == Lines{"a.b=3*", "a.b=9*", "a.c=0", "h=0"});
}

TEST_CASE("a single metric of a declared name is the declared one", "[stats]") {
  Store store(0);
  Scope& scope = store.AddScope("cluster.up");
  const Traffic traffic = scope.Make<Traffic>(store.main_shard());
  traffic.upstream_rq_total.Inc();
  scope.MakeCounter(store.main_shard(), "upstream_rq_total").Inc();
  CHECK(List(store)[3] == "cluster.up.upstream_rq_total=2*");
  CHECK(List(store).size() == 4);
}

TEST_CASE("overlapping scopes show one metric", "[stats]") {
  Store store(0);
  Shard& shard = store.main_shard();
  store.AddScope("a").MakeCounter(shard, "b.c").Inc();
  store.AddScope("a.b").MakeCounter(shard, "c").Add(2);
  store.AddScope("a").MakeHistogram(shard, "b.h", Unit::kNone).Record(1);
  store.AddScope("a.b").MakeHistogram(shard, "h", Unit::kNone).Record(1);
  store.FlushIntervals();
  CHECK(List(store) == Lines{"a.b.c=3*", "a.b.h=2*"});
}

TEST_CASE("scope names are cleaned as Envoy does", "[stats]") {
  Store store(0);
  store.AddScope("listener.127.0.0.1:80").MakeCounter(store.main_shard(), "x");
  store.AddScope(".tcp.a://b.").MakeCounter(store.main_shard(), "x");
  CHECK(List(store) == Lines{"listener.127.0.0.1_80.x=0", "tcp.a_b.x=0"});
}

TEST_CASE("text readouts", "[stats]") {
  Store store(0);
  const TextReadout version = store.AddScope("cds").MakeTextReadout("version_text");
  CHECK(List(store) == Lines{"cds.version_text="});
  version.Set("v1");
  CHECK(List(store) == Lines{"cds.version_text=v1*"});
}

TEST_CASE("histograms show as of the last flush", "[stats]") {
  Store store(0);
  const Histogram time = store.root().MakeHistogram(store.main_shard(), "h", Unit::kMilliseconds);
  time.Record(5);
  CHECK(List(store) == Lines{"h=0"});
  store.FlushIntervals();
  time.Record(6);
  time.Record(6);
  {
    const Snapshot snapshot = store.TakeSnapshot();
    CHECK(snapshot.metrics()[0].interval->Count() == 1);
    CHECK(snapshot.metrics()[0].cumulative->Count() == 1);
  }
  store.FlushIntervals();
  {
    const Snapshot snapshot = store.TakeSnapshot();
    CHECK(snapshot.metrics()[0].interval->Count() == 2);
    CHECK(snapshot.metrics()[0].interval->sum == 12);
    CHECK(snapshot.metrics()[0].cumulative->Count() == 3);
    CHECK(snapshot.metrics()[0].cumulative->sum == 17);
  }
  store.FlushIntervals();
  CHECK(store.TakeSnapshot().metrics()[0].interval->empty());
  CHECK(store.TakeSnapshot().metrics()[0].used);
}

TEST_CASE("a snapshot does not depend on the store", "[stats]") {
  Snapshot snapshot;
  {
    Store store(0);
    store.AddScope("cluster.a_long_enough_name").MakeCounter(store.main_shard(), "x").Inc();
    store.root().MakeHistogram(store.main_shard(), "h", Unit::kNone).Record(1);
    store.FlushIntervals();
    snapshot = store.TakeSnapshot();
  }
  CHECK(snapshot.metrics()[0].name == "cluster.a_long_enough_name.x");
  CHECK(snapshot.metrics()[1].cumulative->Count() == 1);
}

TEST_CASE("filters: kind and name", "[stats]") {
  Store store(0);
  store.AddScope("cluster.up").Make<Traffic>(store.main_shard()).upstream_rq_total.Inc();
  SnapshotFilter filter;
  filter.counters = false;
  filter.histograms = false;
  CHECK(List(store, filter) == Lines{"cluster.up.upstream_rq_active=0"});
  filter = {};
  filter.name = [](std::string_view name) { return name.ends_with("_total"); };
  CHECK(List(store, filter) == Lines{"cluster.up.upstream_rq_total=1*"});
}

TEST_CASE("rejected metrics are never shown", "[stats]") {
  Matcher matcher;
  matcher.predicates = {[](std::string_view name) { return name.ends_with("_total"); },
                        [](std::string_view name) { return name.ends_with("_time"); }};
  SECTION("inclusion") {
    matcher.mode = Matcher::Mode::kInclusion;
    Store store(0, matcher);
    const Traffic traffic = store.AddScope("cluster.up").Make<Traffic>(store.main_shard());
    traffic.upstream_rq_total.Inc();
    traffic.upstream_rq_active.Inc();
    store.root().MakeTextReadout("text").Set("x");
    CHECK(List(store) == Lines{"cluster.up.upstream_rq_time=0", "cluster.up.upstream_rq_total=1*"});
  }
  SECTION("exclusion") {
    matcher.mode = Matcher::Mode::kExclusion;
    Store store(0, matcher);
    const Traffic traffic = store.AddScope("cluster.up").Make<Traffic>(store.main_shard());
    traffic.upstream_rq_total.Inc();
    traffic.upstream_rq_active.Inc();
    traffic.upstream_rq_time.Record(1);
    store.FlushIntervals();
    CHECK(List(store) ==
          Lines{"cluster.up.http1.response_flood=0", "cluster.up.upstream_rq_active=1*"});
  }
  SECTION("reject all takes no cells") {
    matcher.mode = Matcher::Mode::kRejectAll;
    Store store(1, matcher);
    Scope& scope = store.AddScope("cluster.up");
    const size_t before = store.MemoryUsage();
    const Traffic traffic = scope.Make<Traffic>(store.worker_shard(0));
    traffic.upstream_rq_total.Inc();
    traffic.upstream_rq_active.Set(4);
    traffic.upstream_rq_time.Record(1);
    CHECK(store.MemoryUsage() - before < 200);
    CHECK(List(store).empty());
  }
}

TEST_CASE("a removed scope is not shown; its cells come back zeroed after Quiesce", "[stats]") {
  Store store(1);
  Shard& shard = store.worker_shard(0);
  Scope& first = store.AddScope("cluster.a");
  first.Make<Traffic>(shard).upstream_rq_total.Add(7);
  const size_t before = store.MemoryUsage();

  const RemovalEpoch epoch = store.RemoveScope(first);
  CHECK(List(store).empty());
  store.Quiesce(epoch - 1);
  store.Quiesce(epoch);

  const Traffic next = store.AddScope("cluster.b").Make<Traffic>(shard);
  CHECK(List(store)[3] == "cluster.b.upstream_rq_total=0");
  next.upstream_rq_total.Inc();
  CHECK(List(store)[3] == "cluster.b.upstream_rq_total=1*");
  // The same cells serve again: the store did not grow but for the list of free ones.
  CHECK(store.MemoryUsage() < before + 200);
}

TEST_CASE("a scope lives as long as anybody added it", "[stats]") {
  Store store(0);
  Scope& first = store.AddScope("http.in");
  Scope& second = store.AddScope("http.in");
  CHECK(&first == &second);
  first.MakeCounter(store.main_shard(), "x").Inc();
  store.Quiesce(store.RemoveScope(first));
  CHECK(List(store) == Lines{"http.in.x=1*"});
  store.Quiesce(store.RemoveScope(second));
  CHECK(List(store).empty());
}

TEST_CASE("a prefix added again before Quiesce keeps its values", "[stats]") {
  Store store(0);
  Scope& scope = store.AddScope("cluster.a");
  scope.MakeCounter(store.main_shard(), "x").Inc();
  const RemovalEpoch first = store.RemoveScope(scope);
  CHECK(&store.AddScope("cluster.a") == &scope);
  store.Quiesce(first);
  CHECK(List(store) == Lines{"cluster.a.x=1*"});

  const RemovalEpoch second = store.RemoveScope(scope);
  store.AddScope("cluster.a");
  const RemovalEpoch third = store.RemoveScope(scope);
  store.Quiesce(second);
  CHECK(&store.AddScope("cluster.a") == &scope);
  store.Quiesce(third);
  CHECK(List(store) == Lines{"cluster.a.x=1*"});
}

TEST_CASE("what was removed later outlives an earlier Quiesce", "[stats]") {
  Store store(0);
  Scope& a = store.AddScope("a");
  Scope& b = store.AddScope("b");
  const Counter in_use = b.MakeCounter(store.main_shard(), "x");
  a.MakeCounter(store.main_shard(), "x").Inc();
  const RemovalEpoch removed_a = store.RemoveScope(a);
  store.RemoveScope(b);
  store.Quiesce(removed_a);
  in_use.Inc();
  CHECK(&store.AddScope("b") == &b);
  CHECK(List(store) == Lines{"b.x=1*"});
}

TEST_CASE("status counters come with the first response of a status", "[stats]") {
  Store store(2);
  Scope& scope = store.AddScope("cluster.up");
  CodeCounters first(scope, store.worker_shard(0), "upstream_rq_");
  CodeCounters second(scope, store.worker_shard(1), "upstream_rq_");
  CHECK(List(store).empty());
  for (int i = 0; i < 3; ++i) first.Record(200);
  second.Record(200);
  second.Record(204);
  first.Record(503);
  first.Record(0);
  first.Record(700);
  CHECK(List(store) == Lines{"cluster.up.upstream_rq_200=4*", "cluster.up.upstream_rq_204=1*",
                             "cluster.up.upstream_rq_2xx=5*", "cluster.up.upstream_rq_503=1*",
                             "cluster.up.upstream_rq_5xx=1*", "cluster.up.upstream_rq_unknown=2*"});
}

TEST_CASE("status counters hold every status", "[stats]") {
  Store store(1);
  CodeCounters counters(store.AddScope("c"), store.worker_shard(0), "rq_");
  for (int round = 0; round < 2; ++round) {
    for (uint32_t status = 100; status < 600; ++status) counters.Record(status);
  }
  const Lines lines = List(store);
  CHECK(lines.size() == 505);
  CHECK(lines[0] == "c.rq_100=2*");
  CHECK(lines[100] == "c.rq_1xx=200*");
  CHECK(lines.back() == "c.rq_5xx=200*");
}

TEST_CASE("reset counters count on from zero; the rest keeps its values", "[stats]") {
  Store store(2);
  Scope& scope = store.AddScope("cluster.up");
  const auto first = scope.Make<Traffic>(store.worker_shard(0));
  const auto second = scope.Make<Traffic>(store.worker_shard(1));
  const Counter single = store.root().MakeCounter(store.main_shard(), "single");
  first.upstream_rq_total.Add(3);
  second.upstream_rq_total.Add(4);
  first.upstream_rq_active.Add(2);
  first.upstream_rq_time.Record(5);
  single.Inc();
  store.FlushIntervals();
  store.ResetCounters();
  CHECK(List(store) == Lines{"cluster.up.http1.response_flood=0",
                             "cluster.up.upstream_rq_active=2*", "cluster.up.upstream_rq_time=1*",
                             "cluster.up.upstream_rq_total=0*", "single=0*"});
  first.upstream_rq_total.Inc();
  second.http1_response_flood.Inc();
  CHECK(List(store) == Lines{"cluster.up.http1.response_flood=1*",
                             "cluster.up.upstream_rq_active=2*", "cluster.up.upstream_rq_time=1*",
                             "cluster.up.upstream_rq_total=1*", "single=0*"});
  store.ResetCounters();
  second.upstream_rq_total.Add(5);
  CHECK(List(store)[3] == "cluster.up.upstream_rq_total=5*");
  // Its cells are gone with it: nothing is subtracted from those of a later one.
  store.Quiesce(store.RemoveScope(scope));
  store.AddScope("cluster.up").Make<Traffic>(store.worker_shard(0)).upstream_rq_total.Inc();
  CHECK(List(store)[3] == "cluster.up.upstream_rq_total=1*");
}

}  // namespace
}  // namespace remora::stats
