#pragma once

// The values of all metrics at one moment, as a plain sorted value: what the renderers print.
// Made by Store::TakeSnapshot on the main thread; independent of the Store afterwards.
// Names lie in one block of text, because 10,000 clusters have 600,000 of them.
// Owner: who asked for it. Thread: main. A plain value that does not change when the counters do;
// nothing fails.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/stats/handles.h"
#include "source/stats/histogram.h"

namespace remora::stats {

// Where a metric stands, for Cursor.
struct MetricPlace {
  static constexpr uint32_t kRoot = UINT32_MAX;
  static constexpr uint16_t kSingle = 0x8000;  // in `group`: a metric with a name of its own

  uint32_t scope = kRoot;  // the Cursor's number
  uint16_t group = 0;
  uint16_t metric = 0;
};

struct Metric {
  std::string_view name;  // full, in the snapshot's text
  Kind kind = Kind::kCounter;
  Unit unit = Unit::kNone;
  // A counter ever incremented, a gauge or text ever set, a histogram with a flushed value.
  bool used = false;
  MetricPlace place;
  uint64_t value = 0;     // counter, gauge
  std::string_view text;  // text readout
  // Histograms that are used; null otherwise.
  const HistogramValue* interval = nullptr;
  const HistogramValue* cumulative = nullptr;
};

// What to leave out when a snapshot is taken.
struct SnapshotFilter {
  bool used_only = false;
  bool counters = true;
  bool gauges = true;
  bool histograms = true;
  bool text_readouts = true;
  std::function<bool(std::string_view)> name;  // empty: every name

  bool Wants(Kind kind) const;
};

class Snapshot {
 public:
  // Sorted by name; equal names by kind.
  const std::vector<Metric>& metrics() const { return metrics_; }

 private:
  friend class SnapshotBuilder;

  std::vector<std::unique_ptr<std::string>> text_;  // blocks that never outgrow their capacity
  std::vector<std::unique_ptr<HistogramValue>> histograms_;
  std::vector<Metric> metrics_;
};

// Collects the metrics of all scopes into a Snapshot. Used by the Store.
class SnapshotBuilder {
 public:
  explicit SnapshotBuilder(const SnapshotFilter& filter) : filter_(filter) {}

  const SnapshotFilter& filter() const { return filter_; }
  // Copies what `metric` refers to; its name is `prefix` + `name`.
  void Add(std::string_view prefix, std::string_view name, const Metric& metric);
  // From now on only names from `from` up to before `to` (empty: to the end).
  void SetWindow(std::string_view from, std::string_view to) { from_ = from, to_ = to; }
  size_t size() const { return snapshot_.metrics_.size(); }
  // Sorts, and adds up metrics of the same name and kind (two scopes may overlap) if asked to.
  Snapshot Build(bool merge = true);

 private:
  std::string_view Keep(std::string_view text);
  const HistogramValue* Keep(HistogramValue value);
  void Merge(Metric& into, const Metric& from);

  const SnapshotFilter& filter_;
  std::string name_;  // the name at hand
  std::string from_;
  std::string to_;
  Snapshot snapshot_;
};

}  // namespace remora::stats
