#include "source/stats/store.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "source/base/check.h"

namespace remora::stats {
namespace {

// As Envoy's Stats::Utility::sanitizeStatsName.
std::string PrefixOf(std::string_view name) {
  absl::string_view bare(name.data(), name.size());
  absl::ConsumeSuffix(&bare, ".");
  absl::ConsumePrefix(&bare, ".");
  std::string prefix = absl::StrReplaceAll(
      bare, {{"://", "_"}, {":/", "_"}, {":", "_"}, {absl::string_view("\0", 1), "_"}});
  if (!prefix.empty()) prefix += '.';
  return prefix;
}

}  // namespace

Store::Store(size_t workers, Matcher matcher)
    : matcher_(std::move(matcher)), root_(std::make_unique<Scope>(*this, "")) {
  for (uint32_t i = 0; i <= workers; ++i) shards_.push_back(std::make_unique<Shard>(i));
}

Store::~Store() = default;

Shard& Store::worker_shard(size_t worker) {
  CHECK(worker + 1 < shards_.size());
  return *shards_[worker + 1];
}

Scope& Store::AddScope(std::string_view prefix) {
  std::string name = PrefixOf(prefix);
  if (name.empty()) return *root_;
  auto known = scopes_.find(name);
  if (known == scopes_.end()) {
    auto scope = std::make_unique<Scope>(*this, name);
    const std::string_view key = scope->prefix();
    known = scopes_.emplace(key, std::move(scope)).first;
  }
  ++known->second->references_;
  return *known->second;
}

RemovalEpoch Store::RemoveScope(Scope& scope) {
  if (&scope == root_.get()) return removals_;
  CHECK(scope.references_ > 0);
  if (--scope.references_ > 0) return removals_;
  scope.removed_at_ = ++removals_;
  removed_.emplace_back(removals_, &scope);
  return removals_;
}

void Store::Quiesce(RemovalEpoch passed) {
  size_t done = 0;
  for (; done < removed_.size() && removed_[done].first <= passed; ++done) {
    const auto [epoch, scope] = removed_[done];
    // Revived since, or removed once more: then a later entry stands for it.
    if (scope->references_ > 0 || scope->removed_at_ != epoch) continue;
    {
      const std::lock_guard lock(mutex_);
      scope->FreeCells();
    }
    scopes_.erase(scopes_.find(scope->prefix()));
  }
  removed_.erase(removed_.begin(), removed_.begin() + static_cast<ptrdiff_t>(done));
  if (removed_.empty()) removed_.shrink_to_fit();
  // A table keeps its room, and thousands of clusters may be gone for good.
  if (scopes_.size() < scopes_.capacity() / 8) scopes_.rehash(0);
}

MetricId Store::Register(std::string_view full_name, Kind kind, Unit unit) {
  const std::lock_guard lock(mutex_);
  return static_cast<MetricId>(root_->FindOrAddSingle(full_name, kind, unit));
}

void* Store::TargetOn(MetricId id, Kind kind, Shard& shard) {
  const std::lock_guard lock(mutex_);
  CHECK(id < root_->singles_.size() && root_->singles_[id]->metric.kind == kind);
  return root_->TargetOf(root_->singles_[id]->group, 0, shard);
}

Counter Store::CounterOn(MetricId id, Shard& shard) {
  return Counter(static_cast<Cell*>(TargetOn(id, Kind::kCounter, shard)));
}

Gauge Store::GaugeOn(MetricId id, Shard& shard) {
  return Gauge(static_cast<Cell*>(TargetOn(id, Kind::kGauge, shard)));
}

Histogram Store::HistogramOn(MetricId id, Shard& shard) {
  return Histogram(static_cast<HistogramSlot*>(TargetOn(id, Kind::kHistogram, shard)));
}

template <typename Visit>
void Store::ForEachScope(const Visit& visit) {
  const auto locked = [&](Scope& scope) {
    const std::lock_guard lock(mutex_);
    visit(scope);
  };
  locked(*root_);
  for (const auto& [prefix, scope] : scopes_) {
    if (scope->references_ > 0) locked(*scope);
  }
}

void Store::FlushIntervals() {
  ForEachScope([](Scope& scope) { scope.FlushIntervals(); });
}

void Store::ResetCounters() {
  ForEachScope([](Scope& scope) { scope.ResetCounters(); });
}

Snapshot Store::TakeSnapshot(const SnapshotFilter& filter) {
  SnapshotBuilder builder(filter);
  ForEachScope([&](Scope& scope) { scope.AddTo(builder); });
  return builder.Build();
}

std::vector<std::string> Store::SortedPrefixes() const {
  std::vector<std::string> prefixes;
  prefixes.reserve(scopes_.size());
  for (const auto& [prefix, scope] : scopes_) {
    if (scope->references_ > 0) prefixes.emplace_back(prefix);
  }
  std::sort(prefixes.begin(), prefixes.end());
  return prefixes;
}

Scope* Store::FindScope(std::string_view prefix) {
  if (prefix.empty()) return root_.get();
  const auto found = scopes_.find(prefix);
  return found == scopes_.end() || found->second->references_ == 0 ? nullptr : found->second.get();
}

void Store::AddScopeTo(std::string_view prefix, uint32_t number, SnapshotBuilder& builder) {
  Scope* scope = FindScope(prefix);
  if (scope == nullptr) return;
  const std::lock_guard lock(mutex_);
  scope->AddTo(builder, number);
}

void Store::ReadMetric(std::string_view prefix, const MetricPlace& place,
                       SnapshotBuilder& builder) {
  Scope* scope = FindScope(prefix);
  if (scope == nullptr) return;
  const std::lock_guard lock(mutex_);
  scope->AddMetricTo(builder, place);
}

size_t Store::MemoryUsage() {
  const std::lock_guard lock(mutex_);
  size_t bytes = sizeof(*this) + root_->MemoryUsage();
  // A slot of the table and its control byte.
  bytes += scopes_.capacity() * (sizeof(std::pair<std::string_view, std::unique_ptr<Scope>>) + 1);
  bytes += removed_.capacity() * sizeof(removed_[0]);
  for (const auto& [prefix, scope] : scopes_) bytes += scope->MemoryUsage();
  for (const std::unique_ptr<Shard>& shard : shards_) bytes += shard->MemoryUsage();
  return bytes;
}

}  // namespace remora::stats
