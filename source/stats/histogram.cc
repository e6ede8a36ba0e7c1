#include "source/stats/histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace remora::stats {

double BinLeft(size_t bin) {
  if (bin < kSmallBins) return static_cast<double>(bin);
  const size_t decade = (bin - kSmallBins) / kDecadeBins;
  const size_t digits = (bin - kSmallBins) % kDecadeBins + 10;
  return static_cast<double>(digits) * static_cast<double>(kPowersOfTen[decade]);
}

double BinWidth(size_t bin) {
  if (bin == 0) return 0;
  if (bin < kSmallBins) return 0.1;
  return static_cast<double>(kPowersOfTen[(bin - kSmallBins) / kDecadeBins]);
}

HistogramBins::~HistogramBins() {
  for (std::atomic<Decade*>& decade : decades_) {
    std::unique_ptr<Decade>(decade.load(std::memory_order_relaxed)).reset();
  }
}

// Release, so that the reader of another thread sees zeroes, not what was in the memory before.
HistogramBins::Decade* HistogramBins::FirstUse(size_t decade) {
  auto bins = std::make_unique<Decade>();
  Decade* const result = bins.release();
  decades_[decade].store(result, std::memory_order_release);
  return result;
}

void HistogramBins::AddTo(std::span<uint64_t> bins, uint64_t& sum) const {
  sum += sum_.load(std::memory_order_relaxed);
  for (size_t i = 0; i < kSmallBins; ++i) bins[i] += small_[i].load(std::memory_order_relaxed);
  for (size_t d = 0; d < kDecades; ++d) {
    const Decade* decade = decades_[d].load(std::memory_order_acquire);
    if (decade == nullptr) continue;
    const std::span<uint64_t> target = bins.subspan(kSmallBins + d * kDecadeBins, kDecadeBins);
    for (size_t i = 0; i < kDecadeBins; ++i) {
      target[i] += (*decade)[i].load(std::memory_order_relaxed);
    }
  }
}

size_t HistogramBins::MemoryUsage() const {
  size_t bytes = sizeof(*this);
  for (const std::atomic<Decade*>& decade : decades_) {
    if (decade.load(std::memory_order_relaxed) != nullptr) bytes += sizeof(Decade);
  }
  return bytes;
}

HistogramSlot::~HistogramSlot() {
  std::unique_ptr<HistogramBins>(bins.load(std::memory_order_relaxed)).reset();
}

HistogramBins* HistogramSlot::FirstUse() {
  if (this == &sink_slot) return nullptr;
  auto created = std::make_unique<HistogramBins>();
  HistogramBins* const result = created.release();
  bins.store(result, std::memory_order_release);
  return result;
}

HistogramValue HistogramValue::FromCounts(std::span<const uint64_t> counts, uint64_t sum) {
  HistogramValue value;
  value.sum = sum;
  // Nearly all are empty: ten are looked at as one.
  constexpr size_t kAtOnce = 10;
  static_assert(kHistogramBins % kAtOnce == 0);
  for (size_t first = 0; first < counts.size(); first += kAtOnce) {
    uint64_t any = 0;
    for (size_t i = 0; i < kAtOnce; ++i) any |= counts[first + i];
    for (size_t bin = first; any != 0 && bin < first + kAtOnce; ++bin) {
      if (counts[bin] != 0) value.bins.emplace_back(static_cast<uint16_t>(bin), counts[bin]);
    }
  }
  return value;
}

uint64_t HistogramValue::Count() const {
  uint64_t count = 0;
  for (const auto& [bin, samples] : bins) count += samples;
  return count;
}

void HistogramValue::AddTo(std::span<uint64_t> counts, uint64_t& total) const {
  for (const auto& [bin, samples] : bins) counts[bin] += samples;
  total += sum;
}

void HistogramValue::SubtractFrom(std::span<uint64_t> counts, uint64_t& total) const {
  for (const auto& [bin, samples] : bins) counts[bin] -= samples;
  total -= sum;
}

// The sample of rank ceil(q * n) is looked up; the n samples of a bin are taken to divide its width
// evenly, the i-th at i / (n + 1): what circllhist does and Envoy 1.40 prints.
std::array<double, kQuantiles.size()> HistogramValue::Quantiles() const {
  std::array<double, kQuantiles.size()> result;
  result.fill(std::numeric_limits<double>::quiet_NaN());
  if (bins.empty()) return result;
  const auto total = static_cast<double>(Count());
  auto bin = bins.begin();
  double below = 0;  // samples in the bins before `bin`
  for (size_t i = 0; i < kQuantiles.size(); ++i) {
    const double rank = std::clamp(std::ceil(total * kQuantiles[i]), 1.0, total);
    while (below + static_cast<double>(bin->second) < rank) {
      below += static_cast<double>(bin->second);
      ++bin;
    }
    const double share = (rank - below) / (static_cast<double>(bin->second) + 1);
    result[i] = BinLeft(bin->first) + BinWidth(bin->first) * share;
  }
  return result;
}

std::vector<uint64_t> HistogramValue::CumulativeCounts(std::span<const double> limits) const {
  std::vector<uint64_t> counts;
  counts.reserve(limits.size());
  auto bin = bins.begin();
  uint64_t count = 0;
  for (const double limit : limits) {
    for (; bin != bins.end() && BinLeft(bin->first) <= limit; ++bin) count += bin->second;
    counts.push_back(count);
  }
  return counts;
}

}  // namespace remora::stats
