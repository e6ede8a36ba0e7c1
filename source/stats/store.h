#pragma once

// All statistics of the process: the names, the shards, and what a reader needs.
//
//   Store --owns--> Shard (main, worker 0..n-1)    cells, by thread
//         --owns--> Scope ("cluster.up.")          names, and where their cells are
//         --------> Snapshot                       values summed over the shards (snapshot.h)
//
// Owner: the server; outlives every worker. Threads: main, except that Scope::Make* may be called
// by any thread (mutex). The request path touches cells only, never the Store.
// Life of a scope: AddScope counts references, RemoveScope drops one. A scope without references is
// no longer shown; its memory is reused only after Quiesce was called with an epoch at or after the
// one that RemoveScope returned, that is, when every thread has dropped its handles. Adding the
// prefix again before that revives the scope with its values, as Envoy does.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/stats/matcher.h"
#include "source/stats/scope.h"
#include "source/stats/shard.h"
#include "source/stats/snapshot.h"

namespace remora::stats {

// A position in the order of removals.
using RemovalEpoch = uint64_t;

// The dense number of a metric that was registered by its full name.
using MetricId = uint32_t;

class Store {
 public:
  explicit Store(size_t workers, Matcher matcher = {});
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  Shard& main_shard() { return *shards_.front(); }
  Shard& worker_shard(size_t worker);

  // The scope of a prefix, `cluster.up` or `cluster.up.`. What Envoy does not allow in a name (a
  // colon, `://`) becomes `_`. Every call is one reference.
  Scope& AddScope(std::string_view prefix);
  RemovalEpoch RemoveScope(Scope& scope);
  // No thread holds a handle any more of what was removed up to `passed`: its memory is reused.
  void Quiesce(RemovalEpoch passed);
  // Metrics with full names of their own; never removed.
  Scope& root() { return *root_; }

  // Single metrics by full name and kind: the same two give the same id.
  MetricId Register(std::string_view full_name, Kind kind, Unit unit = Unit::kNone);
  Counter CounterOn(MetricId id, Shard& shard);
  Gauge GaugeOn(MetricId id, Shard& shard);
  Histogram HistogramOn(MetricId id, Shard& shard);

  // Ends an interval of all histograms. Snapshots show histograms as of the last flush, as Envoy's
  // do; the server calls it every stats_flush_interval (5 s).
  void FlushIntervals();

  // Counters show 0 and count on from there. Cells belong to their threads: what they hold now is
  // subtracted from then on.
  void ResetCounters();

  // The present values, in name order.
  Snapshot TakeSnapshot(const SnapshotFilter& filter = {});

  // For Cursor: the prefixes of all scopes in use but the root's; one scope's metrics, none if it
  // has gone; one metric, if it is still there.
  std::vector<std::string> SortedPrefixes() const;
  void AddScopeTo(std::string_view prefix, uint32_t number, SnapshotBuilder& builder);
  void ReadMetric(std::string_view prefix, const MetricPlace& place, SnapshotBuilder& builder);

  // Bytes held for names, cells and histograms.
  size_t MemoryUsage();

 private:
  friend class Scope;

  uint32_t shard_count() const { return static_cast<uint32_t>(shards_.size()); }
  // Null when there is none in use.
  Scope* FindScope(std::string_view prefix);
  void* TargetOn(MetricId id, Kind kind, Shard& shard);
  // Calls `visit` with each scope that is in use, each under the mutex of its own: a worker that
  // registers something waits for one scope, not for all of them.
  template <typename Visit>
  void ForEachScope(const Visit& visit);

  std::mutex mutex_;  // over the contents of scopes and shards
  const Matcher matcher_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unique_ptr<Scope> root_;
  absl::flat_hash_map<std::string_view, std::unique_ptr<Scope>> scopes_;  // key: its own prefix
  std::vector<std::pair<RemovalEpoch, Scope*>> removed_;  // by epoch; may hold revived ones
  RemovalEpoch removals_ = 0;
  // What counters held when they were last reset, by the first cell's index; under mutex_.
  absl::flat_hash_map<std::pair<const Scope*, const GroupSpec*>, std::vector<uint64_t>> resets_;
};

}  // namespace remora::stats
