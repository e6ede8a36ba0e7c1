#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "source/stats/code_counters.h"
#include "source/stats/group.h"
#include "source/stats/store.h"

namespace remora::stats {
namespace {

struct Traffic {
  NamedCounter<"upstream_rq_total"> upstream_rq_total;
  NamedGauge<"upstream_rq_active"> upstream_rq_active;
  NamedHistogram<"upstream_rq_time", Unit::kMilliseconds> upstream_rq_time;
};

TEST_CASE("four threads count on their shards while main reads", "[stats]") {
  constexpr uint64_t kRounds = 200000;
  Store store(4);
  Scope& shared = store.AddScope("cluster.shared");
  shared.Declare<Traffic>();
  std::atomic<int> running{4};
  std::vector<std::thread> threads;
  for (size_t worker = 0; worker < 4; ++worker) {
    threads.emplace_back([&, worker] {
      Shard& shard = store.worker_shard(worker);
      const Traffic traffic = shared.Make<Traffic>(shard);
      CodeCounters codes(shared, shard, "upstream_rq_");
      for (uint64_t i = 0; i < kRounds; ++i) {
        traffic.upstream_rq_total.Inc();
        traffic.upstream_rq_active.Inc();
        traffic.upstream_rq_time.Record(i);
        codes.Record(200 + static_cast<uint32_t>(i % 50));
        traffic.upstream_rq_active.Dec();
      }
      running.fetch_sub(1);
    });
  }
  uint64_t last = 0;
  bool rising = true;
  while (running.load() > 0) {
    store.FlushIntervals();
    const Snapshot snapshot = store.TakeSnapshot();
    for (const Metric& metric : snapshot.metrics()) {
      if (metric.name != "cluster.shared.upstream_rq_total") continue;
      rising = rising && metric.value >= last;
      last = metric.value;
    }
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(rising);
  store.FlushIntervals();
  const Snapshot snapshot = store.TakeSnapshot();
  CHECK(snapshot.metrics().size() == 3 + 51);
  for (const Metric& metric : snapshot.metrics()) {
    INFO(metric.name);
    if (metric.name == "cluster.shared.upstream_rq_active") CHECK(metric.value == 0);
    if (metric.name == "cluster.shared.upstream_rq_total") CHECK(metric.value == 4 * kRounds);
    if (metric.name == "cluster.shared.upstream_rq_2xx") CHECK(metric.value == 4 * kRounds);
    if (metric.name == "cluster.shared.upstream_rq_249") CHECK(metric.value == 4 * kRounds / 50);
    if (metric.name == "cluster.shared.upstream_rq_time") {
      CHECK(metric.cumulative->Count() == 4 * kRounds);
      CHECK(metric.cumulative->sum == 4 * (kRounds * (kRounds - 1) / 2));
    }
  }
}

// Sixty stats in the proportions of a cluster: 42 counters, 14 gauges, 4 histograms.
struct Sixty {
  NamedCounter<"upstream_alpha_total"> alpha_total;
  NamedCounter<"upstream_alpha_timeout"> alpha_timeout;
  NamedCounter<"upstream_alpha_overflow"> alpha_overflow;
  NamedCounter<"upstream_alpha_retry"> alpha_retry;
  NamedCounter<"upstream_alpha_destroy"> alpha_destroy;
  NamedCounter<"upstream_alpha_completed"> alpha_completed;
  NamedGauge<"upstream_alpha_active"> alpha_active;
  NamedGauge<"upstream_alpha_pending"> alpha_pending;
  NamedCounter<"upstream_bravo_total"> bravo_total;
  NamedCounter<"upstream_bravo_timeout"> bravo_timeout;
  NamedCounter<"upstream_bravo_overflow"> bravo_overflow;
  NamedCounter<"upstream_bravo_retry"> bravo_retry;
  NamedCounter<"upstream_bravo_destroy"> bravo_destroy;
  NamedCounter<"upstream_bravo_completed"> bravo_completed;
  NamedGauge<"upstream_bravo_active"> bravo_active;
  NamedGauge<"upstream_bravo_pending"> bravo_pending;
  NamedCounter<"upstream_charlie_total"> charlie_total;
  NamedCounter<"upstream_charlie_timeout"> charlie_timeout;
  NamedCounter<"upstream_charlie_overflow"> charlie_overflow;
  NamedCounter<"upstream_charlie_retry"> charlie_retry;
  NamedCounter<"upstream_charlie_destroy"> charlie_destroy;
  NamedCounter<"upstream_charlie_completed"> charlie_completed;
  NamedGauge<"upstream_charlie_active"> charlie_active;
  NamedGauge<"upstream_charlie_pending"> charlie_pending;
  NamedCounter<"upstream_delta_total"> delta_total;
  NamedCounter<"upstream_delta_timeout"> delta_timeout;
  NamedCounter<"upstream_delta_overflow"> delta_overflow;
  NamedCounter<"upstream_delta_retry"> delta_retry;
  NamedCounter<"upstream_delta_destroy"> delta_destroy;
  NamedCounter<"upstream_delta_completed"> delta_completed;
  NamedGauge<"upstream_delta_active"> delta_active;
  NamedGauge<"upstream_delta_pending"> delta_pending;
  NamedCounter<"upstream_echo_total"> echo_total;
  NamedCounter<"upstream_echo_timeout"> echo_timeout;
  NamedCounter<"upstream_echo_overflow"> echo_overflow;
  NamedCounter<"upstream_echo_retry"> echo_retry;
  NamedCounter<"upstream_echo_destroy"> echo_destroy;
  NamedCounter<"upstream_echo_completed"> echo_completed;
  NamedGauge<"upstream_echo_active"> echo_active;
  NamedGauge<"upstream_echo_pending"> echo_pending;
  NamedCounter<"upstream_foxtrot_total"> foxtrot_total;
  NamedCounter<"upstream_foxtrot_timeout"> foxtrot_timeout;
  NamedCounter<"upstream_foxtrot_overflow"> foxtrot_overflow;
  NamedCounter<"upstream_foxtrot_retry"> foxtrot_retry;
  NamedCounter<"upstream_foxtrot_destroy"> foxtrot_destroy;
  NamedCounter<"upstream_foxtrot_completed"> foxtrot_completed;
  NamedGauge<"upstream_foxtrot_active"> foxtrot_active;
  NamedGauge<"upstream_foxtrot_pending"> foxtrot_pending;
  NamedCounter<"upstream_golf_total"> golf_total;
  NamedCounter<"upstream_golf_timeout"> golf_timeout;
  NamedCounter<"upstream_golf_overflow"> golf_overflow;
  NamedCounter<"upstream_golf_retry"> golf_retry;
  NamedCounter<"upstream_golf_destroy"> golf_destroy;
  NamedCounter<"upstream_golf_completed"> golf_completed;
  NamedGauge<"upstream_golf_active"> golf_active;
  NamedGauge<"upstream_golf_pending"> golf_pending;
  NamedHistogram<"upstream_connect_ms", Unit::kMilliseconds> connect_ms;
  NamedHistogram<"upstream_length_ms", Unit::kMilliseconds> length_ms;
  NamedHistogram<"upstream_request_ms", Unit::kMilliseconds> request_ms;
  NamedHistogram<"upstream_response_ms", Unit::kMilliseconds> response_ms;
};

TEST_CASE("10,000 clusters of 60 stats stay under 3 KiB a cluster", "[stats]") {
  constexpr size_t kClusters = 10000;
  Store store(2);
  std::vector<Scope*> scopes;
  for (size_t i = 0; i < kClusters; ++i) {
    scopes.push_back(
        &store.AddScope("cluster.service-" + std::to_string(i) + ".default.svc.cluster.local"));
    scopes.back()->Declare<Sixty>();
  }
  const size_t idle = store.MemoryUsage() / kClusters;
  CHECK(idle < 400);

  // Traffic on both workers, with a histogram each.
  for (Scope* scope : scopes) {
    for (size_t worker = 0; worker < 2; ++worker) {
      const Sixty stats = scope->Make<Sixty>(store.worker_shard(worker));
      stats.alpha_total.Inc();
      stats.request_ms.Record(3);
    }
  }
  const size_t in_use = store.MemoryUsage() / kClusters;
  CHECK(in_use < 3 * 1024);

  store.FlushIntervals();
  SnapshotFilter used;
  used.used_only = true;
  CHECK(store.TakeSnapshot(used).metrics().size() == 2 * kClusters);
  CHECK(store.TakeSnapshot().metrics().size() == 60 * kClusters);
}

}  // namespace
}  // namespace remora::stats
