#pragma once

// The statistics under one name prefix (`cluster.up.`): groups declared as structs (group.h) and,
// as the exception, single metrics whose names are known only at run time.
//
// Owned by the Store, shared by all who add the same prefix. Declare and Make* may be called from
// any thread at any time (they take the Store's mutex: call them when an owner is built, not per
// request). Cells exist only on shards that asked for them, so a cluster that sees no traffic costs
// its name and nothing per worker.
// Nothing fails: a metric that the operator's matcher rejects gets a handle to a sink.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/stats/group.h"
#include "source/stats/handles.h"
#include "source/stats/shard.h"

namespace remora::stats {

class SnapshotBuilder;
class Store;
struct MetricPlace;
struct Metric;

class Scope {
 public:
  // Use Store::AddScope. `prefix` ends with a dot, or is empty.
  Scope(Store& store, std::string_view prefix);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  std::string_view prefix() const { return prefix_; }
  // The scope of full names.
  Scope& root() const;

  // Makes the names of `Group` known, with the value 0, without any cell. Again: no effect.
  template <typename Group>
  void Declare() {
    DeclareGroup(kGroup<Group>);
  }

  // The handles of `Group` on a shard; declares it where needed. The same cells every time.
  template <typename Group>
  Group Make(Shard& shard) {
    void* targets[detail::kFieldCount<Group>];
    MakeGroup(kGroup<Group>, shard, targets);
    void* const* next = targets;
    return detail::Initialise<Group>(detail::MadeFields{&next});
  }

  // Single metrics, by the name after the prefix. The same name and kind is the same metric, also
  // if a struct declares it.
  Counter MakeCounter(Shard& shard, std::string_view name);
  Gauge MakeGauge(Shard& shard, std::string_view name);
  Histogram MakeHistogram(Shard& shard, std::string_view name, Unit unit);
  // Main thread only, as its handle is.
  TextReadout MakeTextReadout(std::string_view name);

 private:
  friend class Store;

  // What one shard holds of one group: its cells and its histogram slots.
  struct Block {
    Cell* cells = nullptr;
    std::unique_ptr<HistogramSlot[]> slots;
  };
  // What the main thread remembers of a histogram between flushes.
  struct History {
    HistogramValue cumulative;
    HistogramValue interval;
  };
  struct Group {
    explicit Group(const GroupSpec* of) : spec(of) {}

    const GroupSpec* spec;
    std::unique_ptr<bool[]> rejected;    // per metric; null when the matcher takes them all
    std::unique_ptr<Block[]> blocks;     // per shard; null until the first Make
    std::unique_ptr<History[]> history;  // per slot; null until the first flush with a value
  };
  // A metric with a name of its own is a group of one. It does not move: `metric` points to `name`.
  struct Single {
    std::string name;
    MetricSpec metric;
    GroupSpec spec;
    Group group{&spec};
    TextCell text;
  };

  void DeclareGroup(const GroupSpec& spec);
  void MakeGroup(const GroupSpec& spec, Shard& shard, void** targets);
  void* MakeSingle(std::string_view name, Kind kind, Unit unit, Shard& shard);

  // All below need the Store's mutex.
  Group& FindOrAddGroup(const GroupSpec& spec);
  size_t FindOrAddSingle(std::string_view name, Kind kind, Unit unit);
  void ApplyMatcher(Group& group) const;
  Block& BlockOn(Group& group, Shard& shard);
  // Where the handle of a metric points: a Cell or a HistogramSlot.
  void* TargetOf(Group& group, size_t metric, Shard& shard);
  void FillTargets(Group& group, Shard& shard, void** targets);
  template <typename Visit>
  void ForEachGroup(const Visit& visit);

  void FreeCells();
  void FlushIntervals();
  void ResetCounters();
  void FlushHistogram(Group& group, uint16_t slot);
  // `number`: for MetricPlace.
  void AddTo(SnapshotBuilder& snapshot, uint32_t number = 0);
  void AddMetricTo(SnapshotBuilder& snapshot, const MetricPlace& place);
  void AddOne(SnapshotBuilder& snapshot, const Group& group, const TextCell* text,
              const MetricPlace& place) const;
  void Read(const Group& group, const MetricSpec& spec, const TextCell* text, Metric& metric) const;
  size_t MemoryUsage();

  Store& store_;
  const std::string prefix_;
  uint32_t references_ = 0;  // of AddScope; main thread only
  uint64_t removed_at_ = 0;  // the removal epoch once references_ is 0; main thread only
  std::vector<Group> groups_;
  std::vector<std::unique_ptr<Single>> singles_;
};

}  // namespace remora::stats
