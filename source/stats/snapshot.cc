#include "source/stats/snapshot.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace remora::stats {
namespace {

constexpr size_t kTextBlock = 64 * 1024;

}  // namespace

bool SnapshotFilter::Wants(Kind kind) const {
  switch (kind) {
    case Kind::kCounter:
      return counters;
    case Kind::kGauge:
      return gauges;
    case Kind::kHistogram:
      return histograms;
    case Kind::kTextReadout:
      return text_readouts;
  }
  return false;
}

void SnapshotBuilder::Add(std::string_view prefix, std::string_view name, const Metric& metric) {
  if (filter_.used_only && !metric.used) return;
  name_.assign(prefix);
  name_.append(name);
  if (name_ < from_ || (!to_.empty() && name_ >= to_)) return;
  if (filter_.name && !filter_.name(name_)) return;
  Metric& kept = snapshot_.metrics_.emplace_back(metric);
  kept.name = Keep(name_);
  kept.text = metric.text.empty() ? std::string_view() : Keep(metric.text);
  if (metric.cumulative != nullptr) kept.cumulative = Keep(*metric.cumulative);
  if (metric.interval != nullptr) kept.interval = Keep(*metric.interval);
}

Snapshot SnapshotBuilder::Build(bool merge) {
  std::vector<Metric>& metrics = snapshot_.metrics_;
  const auto key = [](const Metric& metric) { return std::tie(metric.name, metric.kind); };
  std::sort(metrics.begin(), metrics.end(),
            [&](const Metric& a, const Metric& b) { return key(a) < key(b); });
  if (!merge) return std::move(snapshot_);
  size_t last = 0;
  for (size_t i = 1; i < metrics.size(); ++i) {
    if (key(metrics[last]) == key(metrics[i])) {
      Merge(metrics[last], metrics[i]);
    } else if (++last != i) {
      metrics[last] = metrics[i];
    }
  }
  if (!metrics.empty()) metrics.resize(last + 1);
  return std::move(snapshot_);
}

std::string_view SnapshotBuilder::Keep(std::string_view text) {
  auto& blocks = snapshot_.text_;
  if (blocks.empty() || blocks.back()->capacity() - blocks.back()->size() < text.size()) {
    blocks.push_back(std::make_unique<std::string>());
    blocks.back()->reserve(std::max(kTextBlock, text.size()));
  }
  std::string& block = *blocks.back();
  const size_t start = block.size();
  block.append(text);
  return std::string_view(block).substr(start);
}

const HistogramValue* SnapshotBuilder::Keep(HistogramValue value) {
  snapshot_.histograms_.push_back(std::make_unique<HistogramValue>(std::move(value)));
  return snapshot_.histograms_.back().get();
}

void SnapshotBuilder::Merge(Metric& into, const Metric& from) {
  into.used = into.used || from.used;
  into.value += from.value;
  if (into.text.empty()) into.text = from.text;
  const auto merged = [this](const HistogramValue* a, const HistogramValue* b) {
    if (a == nullptr || b == nullptr) return a == nullptr ? b : a;
    std::array<uint64_t, kHistogramBins> counts{};
    uint64_t sum = 0;
    a->AddTo(counts, sum);
    b->AddTo(counts, sum);
    return Keep(HistogramValue::FromCounts(counts, sum));
  };
  into.cumulative = merged(into.cumulative, from.cumulative);
  into.interval = merged(into.interval, from.interval);
}

}  // namespace remora::stats
