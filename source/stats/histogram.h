#pragma once

// Log-linear histograms with the bin scheme of circllhist, Envoy's histogram library: a bin is two
// significant decimal digits (10..99) and a power of ten, so a quantile is exact to 10 % or better
// and prints as Envoy prints it (a bin of the value 1 spans [1, 1.1): P50 of it is 1.05).
//
//   bin 0..9          the values 0..9
//   bin 10 + 90*e + m the values [m+10, m+11) * 10^e   for m = 0..89, e = 0..18
//
// HistogramBins belongs to one shard: its thread writes, the main thread reads (relaxed).
// HistogramValue is a plain value of the main thread: what was summed over the shards.
// Source: openhistogram/libcircllhist; Envoy source/common/stats/histogram_impl.cc.

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace remora::stats {

inline constexpr size_t kSmallBins = 10;   // the values 0..9
inline constexpr size_t kDecadeBins = 90;  // two digits, 10..99
inline constexpr size_t kDecades = 19;     // 10^1 .. 10^19, all of uint64_t
inline constexpr size_t kHistogramBins = kSmallBins + kDecades * kDecadeBins;

inline constexpr std::array<uint64_t, 20> kPowersOfTen = [] {
  std::array<uint64_t, 20> powers{};
  uint64_t power = 1;
  for (uint64_t& p : powers) {
    p = power;
    power *= 10;
  }
  return powers;
}();

// The power of ten of a value of at least 1: 0 for 1..9, 1 for 10..99, ...
constexpr size_t DecimalExponent(uint64_t value) {
  // 1233/4096 is log10(2); the estimate is one too large below the power of ten.
  const size_t estimate = (static_cast<size_t>(std::bit_width(value)) * 1233) >> 12;
  return estimate - (value < kPowersOfTen[estimate] ? 1 : 0);
}

// The bin of a value, as numbered above.
constexpr size_t BinOf(uint64_t value) {
  if (value < kSmallBins) return static_cast<size_t>(value);
  const size_t decade = DecimalExponent(value) - 1;
  return kSmallBins + decade * kDecadeBins + static_cast<size_t>(value / kPowersOfTen[decade]) - 10;
}

// The left edge and the width of a bin. The bin of 0 is a point (width 0).
double BinLeft(size_t bin);
double BinWidth(size_t bin);

// The buckets of one histogram on one shard; a decade is allocated when first hit.
class HistogramBins {
 public:
  using Cell = std::atomic<uint64_t>;

  HistogramBins() = default;
  ~HistogramBins();
  HistogramBins(const HistogramBins&) = delete;
  HistogramBins& operator=(const HistogramBins&) = delete;

  void Record(uint64_t value) {
    Increase(sum_, value);
    if (value < kSmallBins) {
      Increase(small_[value], 1);
      return;
    }
    const size_t decade = DecimalExponent(value) - 1;
    Decade* bins = decades_[decade].load(std::memory_order_relaxed);
    if (bins == nullptr) [[unlikely]]
      bins = FirstUse(decade);
    Increase((*bins)[value / kPowersOfTen[decade] - 10], 1);
  }

  // Adds this shard's counts to `bins` (of kHistogramBins) and its sum of values to `sum`.
  void AddTo(std::span<uint64_t> bins, uint64_t& sum) const;

  size_t MemoryUsage() const;

 private:
  using Decade = std::array<Cell, kDecadeBins>;

  static void Increase(Cell& cell, uint64_t n) {
    cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  Decade* FirstUse(size_t decade);

  Cell sum_{0};
  std::array<Cell, kSmallBins> small_{};
  std::array<std::atomic<Decade*>, kDecades> decades_{};
};

// Where a Histogram handle points: the bins once there are some.
struct HistogramSlot {
  constexpr HistogramSlot() = default;
  ~HistogramSlot();
  HistogramSlot(const HistogramSlot&) = delete;
  HistogramSlot& operator=(const HistogramSlot&) = delete;

  // Creates the bins; null for the sink, which keeps nothing.
  HistogramBins* FirstUse();

  std::atomic<HistogramBins*> bins{nullptr};
};

// The slot of default and of rejected histograms. It is never written.
inline constinit HistogramSlot sink_slot{};

// Quantiles in the order in which Envoy prints them.
inline constexpr std::array<double, 10> kQuantiles = {0,    0.25, 0.5,   0.75,  0.9,
                                                      0.95, 0.99, 0.995, 0.999, 1};

// Envoy's default buckets, the upper limits of its Prometheus and `histogram_buckets` output.
inline constexpr std::array<double, 19> kDefaultBuckets = {
    0.5,  1,    5,     10,    25,    50,     100,    250,     500,    1000,
    2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000};

// A distribution as a value: the non-empty bins in rising order.
struct HistogramValue {
  std::vector<std::pair<uint16_t, uint64_t>> bins;  // bin, samples in it
  uint64_t sum = 0;                                 // of all values, exact

  // `counts` has kHistogramBins entries, one for each bin.
  static HistogramValue FromCounts(std::span<const uint64_t> counts, uint64_t sum);
  void AddTo(std::span<uint64_t> counts, uint64_t& total) const;
  void SubtractFrom(std::span<uint64_t> counts, uint64_t& total) const;

  uint64_t Count() const;
  bool empty() const { return bins.empty(); }
  size_t MemoryUsage() const { return bins.capacity() * sizeof(bins[0]); }

  // The quantiles `kQuantiles`, interpolated inside a bin; all NaN when empty.
  std::array<double, kQuantiles.size()> Quantiles() const;

  // For each of the rising limits, the samples in bins that begin at or below it: with the limit
  // 100 the bin [100, 110) counts, as in Envoy 1.40.
  std::vector<uint64_t> CumulativeCounts(std::span<const double> limits) const;
};

}  // namespace remora::stats
