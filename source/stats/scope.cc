#include "source/stats/scope.h"

#include <algorithm>
#include <array>
#include <mutex>

#include "source/base/check.h"
#include "source/stats/store.h"

namespace remora::stats {

Scope::Scope(Store& store, std::string_view prefix) : store_(store), prefix_(prefix) {}

Scope& Scope::root() const { return store_.root(); }

Scope::~Scope() = default;

void Scope::DeclareGroup(const GroupSpec& spec) {
  const std::lock_guard lock(store_.mutex_);
  FindOrAddGroup(spec);
}

void Scope::MakeGroup(const GroupSpec& spec, Shard& shard, void** targets) {
  const std::lock_guard lock(store_.mutex_);
  FillTargets(FindOrAddGroup(spec), shard, targets);
}

Counter Scope::MakeCounter(Shard& shard, std::string_view name) {
  return Counter(static_cast<Cell*>(MakeSingle(name, Kind::kCounter, Unit::kNone, shard)));
}

Gauge Scope::MakeGauge(Shard& shard, std::string_view name) {
  return Gauge(static_cast<Cell*>(MakeSingle(name, Kind::kGauge, Unit::kNone, shard)));
}

Histogram Scope::MakeHistogram(Shard& shard, std::string_view name, Unit unit) {
  return Histogram(static_cast<HistogramSlot*>(MakeSingle(name, Kind::kHistogram, unit, shard)));
}

TextReadout Scope::MakeTextReadout(std::string_view name) {
  const std::lock_guard lock(store_.mutex_);
  Single& single = *singles_[FindOrAddSingle(name, Kind::kTextReadout, Unit::kNone)];
  return single.group.rejected == nullptr ? TextReadout(&single.text) : TextReadout();
}

void* Scope::MakeSingle(std::string_view name, Kind kind, Unit unit, Shard& shard) {
  const std::lock_guard lock(store_.mutex_);
  for (Group& group : groups_) {
    const std::span<const MetricSpec> metrics = group.spec->metrics;
    const auto declared = std::find_if(metrics.begin(), metrics.end(), [&](const MetricSpec& m) {
      return m.kind == kind && m.name == name;
    });
    if (declared == metrics.end()) continue;
    return TargetOf(group, static_cast<size_t>(declared - metrics.begin()), shard);
  }
  return TargetOf(singles_[FindOrAddSingle(name, kind, unit)]->group, 0, shard);
}

Scope::Group& Scope::FindOrAddGroup(const GroupSpec& spec) {
  for (Group& group : groups_) {
    if (group.spec == &spec) return group;
  }
  // A few groups are the rule, and a scope per cluster: no room kept for more.
  groups_.reserve(groups_.size() + 1);
  groups_.emplace_back(&spec);
  ApplyMatcher(groups_.back());
  return groups_.back();
}

size_t Scope::FindOrAddSingle(std::string_view name, Kind kind, Unit unit) {
  const auto known =
      std::find_if(singles_.begin(), singles_.end(), [&](const std::unique_ptr<Single>& single) {
        return single->metric.kind == kind && single->metric.name == name;
      });
  if (known != singles_.end()) return static_cast<size_t>(known - singles_.begin());
  auto single = std::make_unique<Single>();
  single->name = name;
  single->metric = {single->name, kind, unit, 0};
  single->spec = detail::DescribeGroup({&single->metric, 1});
  ApplyMatcher(single->group);
  singles_.push_back(std::move(single));
  return singles_.size() - 1;
}

void Scope::ApplyMatcher(Group& group) const {
  if (store_.matcher_.mode == Matcher::Mode::kAcceptAll) return;
  const std::span<const MetricSpec> metrics = group.spec->metrics;
  for (size_t i = 0; i < metrics.size(); ++i) {
    if (store_.matcher_.Accepts(prefix_ + std::string(metrics[i].name))) continue;
    if (group.rejected == nullptr) group.rejected = std::make_unique<bool[]>(metrics.size());
    group.rejected[i] = true;
  }
}

Scope::Block& Scope::BlockOn(Group& group, Shard& shard) {
  if (group.blocks == nullptr) group.blocks = std::make_unique<Block[]>(store_.shard_count());
  Block& block = group.blocks[shard.index()];
  const GroupSpec& spec = *group.spec;
  if (block.cells == nullptr && spec.cells > 0) block.cells = shard.Allocate(spec.cells);
  if (block.slots == nullptr && spec.slots > 0) {
    block.slots = std::make_unique<HistogramSlot[]>(spec.slots);
  }
  return block;
}

void* Scope::TargetOf(Group& group, size_t metric, Shard& shard) {
  const MetricSpec& spec = group.spec->metrics[metric];
  const bool rejected = group.rejected != nullptr && group.rejected[metric];
  if (spec.kind == Kind::kHistogram) {
    return rejected ? &sink_slot : &BlockOn(group, shard).slots[spec.index];
  }
  return rejected ? shard.sink() : &BlockOn(group, shard).cells[spec.index];
}

void Scope::FillTargets(Group& group, Shard& shard, void** targets) {
  for (size_t i = 0; i < group.spec->metrics.size(); ++i) targets[i] = TargetOf(group, i, shard);
}

template <typename Visit>
void Scope::ForEachGroup(const Visit& visit) {
  for (Group& group : groups_) visit(group, nullptr);
  for (const std::unique_ptr<Single>& single : singles_) visit(single->group, &single->text);
}

void Scope::FreeCells() {
  ForEachGroup([this](Group& group, const TextCell*) {
    if (group.blocks == nullptr) return;
    store_.resets_.erase({this, group.spec});
    for (uint32_t i = 0; i < store_.shard_count(); ++i) {
      Cell* cells = group.blocks[i].cells;
      if (cells != nullptr) store_.shards_[i]->Free(cells, group.spec->cells);
    }
  });
}

void Scope::FlushIntervals() {
  ForEachGroup([this](Group& group, const TextCell*) {
    if (group.blocks == nullptr) return;
    for (uint16_t slot = 0; slot < group.spec->slots; ++slot) FlushHistogram(group, slot);
  });
}

void Scope::ResetCounters() {
  ForEachGroup([this](Group& group, const TextCell*) {
    if (group.blocks == nullptr || group.spec->cells == 0) return;
    std::vector<uint64_t> held(group.spec->cells);
    bool any = false;
    for (const MetricSpec& metric : group.spec->metrics) {
      if (metric.kind != Kind::kCounter) continue;
      for (uint32_t i = 0; i < store_.shard_count(); ++i) {
        const Cell* cells = group.blocks[i].cells;
        if (cells == nullptr) continue;
        held[metric.index] += cells[metric.index].load(std::memory_order_relaxed);
      }
      any = any || held[metric.index] != 0;
    }
    if (any) store_.resets_[{this, group.spec}] = std::move(held);
  });
}

void Scope::FlushHistogram(Group& group, uint16_t slot) {
  const auto bins_of = [&](uint32_t shard) -> const HistogramBins* {
    if (group.blocks[shard].slots == nullptr) return nullptr;
    return group.blocks[shard].slots[slot].bins.load(std::memory_order_acquire);
  };
  // Most were never recorded into: they do not pay for the array below.
  uint32_t shard = 0;
  while (shard < store_.shard_count() && bins_of(shard) == nullptr) ++shard;
  if (shard == store_.shard_count()) return;
  std::array<uint64_t, kHistogramBins> counts{};
  uint64_t sum = 0;
  bool small = true;  // they have nothing but the values below kSmallBins
  for (; shard < store_.shard_count(); ++shard) {
    const HistogramBins* bins = bins_of(shard);
    if (bins == nullptr) continue;
    small = small && bins->MemoryUsage() == sizeof(HistogramBins);
    bins->AddTo(counts, sum);
  }
  // Thousands of clusters have durations of a millisecond at most, which need no long search. A
  // larger value that comes in between is seen the next time.
  const std::span<const uint64_t> seen =
      std::span(counts).first(small ? kSmallBins : counts.size());
  if (group.history == nullptr) group.history = std::make_unique<History[]>(group.spec->slots);
  History& history = group.history[slot];
  HistogramValue before = std::move(history.cumulative);
  history.cumulative = HistogramValue::FromCounts(seen, sum);
  before.SubtractFrom(counts, sum);
  history.interval = HistogramValue::FromCounts(seen, sum);
}

void Scope::AddOne(SnapshotBuilder& snapshot, const Group& group, const TextCell* text,
                   const MetricPlace& place) const {
  if (group.rejected != nullptr && group.rejected[place.metric]) return;
  const MetricSpec& spec = group.spec->metrics[place.metric];
  if (!snapshot.filter().Wants(spec.kind)) return;
  Metric metric;
  metric.kind = spec.kind;
  metric.unit = spec.unit;
  metric.place = place;
  Read(group, spec, text, metric);
  snapshot.Add(prefix_, spec.name, metric);
}

void Scope::AddTo(SnapshotBuilder& snapshot, uint32_t number) {
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (size_t m = 0; m < groups_[g].spec->metrics.size(); ++m) {
      AddOne(snapshot, groups_[g], nullptr,
             {number, static_cast<uint16_t>(g), static_cast<uint16_t>(m)});
    }
  }
  for (size_t i = 0; i < singles_.size(); ++i) {
    const auto group = static_cast<uint16_t>(i | MetricPlace::kSingle);
    AddOne(snapshot, singles_[i]->group, &singles_[i]->text, {number, group, 0});
  }
}

void Scope::AddMetricTo(SnapshotBuilder& snapshot, const MetricPlace& place) {
  const bool single = (place.group & MetricPlace::kSingle) != 0;
  const size_t index = place.group & ~MetricPlace::kSingle;
  if (single && index < singles_.size()) {
    AddOne(snapshot, singles_[index]->group, &singles_[index]->text, place);
  } else if (!single && index < groups_.size() &&
             place.metric < groups_[index].spec->metrics.size()) {
    AddOne(snapshot, groups_[index], nullptr, place);
  }
}

void Scope::Read(const Group& group, const MetricSpec& spec, const TextCell* text,
                 Metric& metric) const {
  if (spec.kind == Kind::kTextReadout) {
    metric.used = text->used;
    metric.text = text->value;
    return;
  }
  if (spec.kind == Kind::kHistogram) {
    if (group.history == nullptr || group.history[spec.index].cumulative.empty()) return;
    metric.used = true;
    metric.cumulative = &group.history[spec.index].cumulative;
    metric.interval = &group.history[spec.index].interval;
    return;
  }
  if (group.blocks == nullptr) return;
  uint64_t touched = 0;
  for (uint32_t i = 0; i < store_.shard_count(); ++i) {
    const Cell* cells = group.blocks[i].cells;
    if (cells == nullptr) continue;
    metric.value += cells[spec.index].load(std::memory_order_relaxed);
    if (spec.kind == Kind::kGauge) {
      touched |= cells[spec.index + 1].load(std::memory_order_relaxed);
    }
  }
  metric.used = spec.kind == Kind::kCounter ? metric.value != 0 : touched != 0;
  if (spec.kind == Kind::kCounter && !store_.resets_.empty()) {
    const auto reset = store_.resets_.find({this, group.spec});
    if (reset != store_.resets_.end()) metric.value -= reset->second[spec.index];
  }
  // The shards are not read at one moment: a sum of differences may be seen below zero.
  if (touched == Gauge::kMoved && static_cast<int64_t>(metric.value) < 0) metric.value = 0;
}

size_t Scope::MemoryUsage() {
  size_t bytes = sizeof(*this) + groups_.capacity() * sizeof(Group) +
                 singles_.capacity() * sizeof(singles_[0]);
  if (prefix_.capacity() >= sizeof(std::string) / 2) bytes += prefix_.capacity() + 1;
  for (const std::unique_ptr<Single>& single : singles_) {
    bytes += sizeof(Single) + single->name.capacity();
  }
  ForEachGroup([&](const Group& group, const TextCell* text) {
    if (text != nullptr) bytes += text->value.capacity();
    if (group.rejected != nullptr) bytes += group.spec->metrics.size();
    if (group.blocks != nullptr) bytes += sizeof(Block) * store_.shard_count();
    for (uint32_t i = 0; group.blocks != nullptr && i < store_.shard_count(); ++i) {
      const Block& block = group.blocks[i];
      for (uint16_t s = 0; block.slots != nullptr && s < group.spec->slots; ++s) {
        const HistogramBins* bins = block.slots[s].bins.load(std::memory_order_acquire);
        bytes += sizeof(HistogramSlot) + (bins == nullptr ? 0 : bins->MemoryUsage());
      }
    }
    for (uint16_t s = 0; group.history != nullptr && s < group.spec->slots; ++s) {
      const History& history = group.history[s];
      bytes += sizeof(History) + history.cumulative.MemoryUsage() + history.interval.MemoryUsage();
    }
  });
  return bytes;
}

}  // namespace remora::stats
