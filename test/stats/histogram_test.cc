#include "source/stats/histogram.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace remora::stats {
namespace {

HistogramValue Recorded(const std::vector<uint64_t>& values) {
  HistogramBins bins;
  for (const uint64_t value : values) bins.Record(value);
  std::vector<uint64_t> counts(kHistogramBins);
  uint64_t sum = 0;
  bins.AddTo(counts, sum);
  return HistogramValue::FromCounts(counts, sum);
}

TEST_CASE("a bin is two significant digits and a power of ten", "[stats]") {
  struct Row {
    uint64_t value;
    double left;
    double width;
  };
  const Row rows[] = {
      {0, 0, 0},
      {1, 1, 0.1},
      {9, 9, 0.1},
      {10, 10, 1},
      {17, 17, 1},
      {99, 99, 1},
      {100, 100, 10},
      {109, 100, 10},
      {110, 110, 10},
      {999, 990, 10},
      {1000, 1000, 100},
      {1150, 1100, 100},
      {123456, 120000, 10000},
      {9999999, 9900000, 100000},
      {std::numeric_limits<uint64_t>::max(), 1.8e19, 1e18},
  };
  for (const Row& row : rows) {
    INFO(row.value);
    CHECK(BinLeft(BinOf(row.value)) == row.left);
    CHECK(BinWidth(BinOf(row.value)) == row.width);
  }
}

TEST_CASE("bins are numbered in the order of their values, without a gap", "[stats]") {
  bool rising = true;
  for (size_t bin = 0; bin + 1 < kHistogramBins; ++bin) {
    rising = rising && BinLeft(bin) < BinLeft(bin + 1);
  }
  CHECK(rising);
  bool inside = true;
  for (uint64_t value = 0; value < 200000; ++value) {
    const size_t bin = BinOf(value);
    const auto number = static_cast<double>(value);
    inside = inside && BinLeft(bin) <= number && number < BinLeft(bin + 1);
  }
  CHECK(inside);
  for (uint64_t power : kPowersOfTen) {
    CHECK(BinLeft(BinOf(power)) == static_cast<double>(power));
    if (power > 1) CHECK(BinOf(power - 1) + 1 == BinOf(power));
  }
  CHECK(BinOf(std::numeric_limits<uint64_t>::max()) < kHistogramBins);
}

// What Envoy 1.40 printed for these bins (`/stats?histogram_buckets=detailed`).
TEST_CASE("quantiles are those of circllhist", "[stats]") {
  const std::vector<uint64_t> rq_time = {0,   0,   1,   12,  26,  41,  43,  43,  44,  45,
                                         46,  49,  66,  68,  82,  92,  100, 100, 100, 100,
                                         120, 140, 140, 140, 140, 150, 190, 250, 420, 1100};
  const std::array<double, 10> expected = {
      0, 43.666666666666664, 82.5, 144, 195, 425, 1150, 1150, 1150, 1150};
  CHECK(Recorded(rq_time).Quantiles() == expected);

  const std::array<double, 10> sixteen_ones = {
      1.0058823529411764, 1.0235294117647058, 1.0470588235294118, 1.0705882352941176,
      1.088235294117647,  1.0941176470588236, 1.0941176470588236, 1.0941176470588236,
      1.0941176470588236, 1.0941176470588236};
  CHECK(Recorded(std::vector<uint64_t>(16, 1)).Quantiles() == sixteen_ones);

  std::array<double, 10> one_value{};
  one_value.fill(17.5);
  CHECK(Recorded({17}).Quantiles() == one_value);

  const std::array<double, 10> three_ones = {1.025, 1.025, 1.05,  1.075, 1.075,
                                             1.075, 1.075, 1.075, 1.075, 1.075};
  CHECK(Recorded({1, 1, 1}).Quantiles() == three_ones);
}

TEST_CASE("an empty histogram has no quantiles", "[stats]") {
  for (const double quantile : HistogramValue().Quantiles()) CHECK(std::isnan(quantile));
}

TEST_CASE("a bucket counts every bin that begins at or below its limit", "[stats]") {
  const HistogramValue value =
      Recorded({0, 1, 5, 24, 25, 26, 49, 50, 51, 100, 109, 110, 250, 259, 260, 3600000, 4000000});
  const std::vector<uint64_t> expected = {1,  2,  3,  3,  5,  8,  11, 14, 15, 15,
                                          15, 15, 15, 15, 15, 15, 15, 15, 16};
  CHECK(value.CumulativeCounts(kDefaultBuckets) == expected);
  CHECK(value.Count() == 17);
}

TEST_CASE("the sum is exact", "[stats]") { CHECK(Recorded({1, 10, 123, 99999}).sum == 100133); }

TEST_CASE("a decade is allocated when it is hit", "[stats]") {
  HistogramBins bins;
  const size_t empty = bins.MemoryUsage();
  for (uint64_t value = 0; value < 10; ++value) bins.Record(value);
  CHECK(bins.MemoryUsage() == empty);
  for (uint64_t value = 10; value < 100; ++value) bins.Record(value);
  CHECK(bins.MemoryUsage() == empty + kDecadeBins * 8);
}

}  // namespace
}  // namespace remora::stats
