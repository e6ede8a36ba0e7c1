#include "source/stats/chunk_writer.h"
#include "source/stats/render.h"

namespace remora::stats {
namespace {

void WriteQuantiles(const Metric& metric, ChunkWriter& out) {
  const auto interval = metric.interval->Quantiles();
  const auto cumulative = metric.cumulative->Quantiles();
  for (size_t i = 0; i < kQuantiles.size(); ++i) {
    out << (i == 0 ? "P" : " P");
    out.General(100 * kQuantiles[i]) << "(";
    out.Shortest(interval[i]) << ",";
    out.Shortest(cumulative[i]) << ")";
  }
}

void WriteBuckets(const Metric& metric, bool disjoint, ChunkWriter& out) {
  const std::vector<uint64_t> interval = metric.interval->CumulativeCounts(kDefaultBuckets);
  const std::vector<uint64_t> cumulative = metric.cumulative->CumulativeCounts(kDefaultBuckets);
  for (size_t i = 0; i < kDefaultBuckets.size(); ++i) {
    const bool subtract = disjoint && i > 0;
    out << (i == 0 ? "B" : " B");
    out.General(kDefaultBuckets[i]) << "(";
    out << interval[i] - (subtract ? interval[i - 1] : 0) << ",";
    out << cumulative[i] - (subtract ? cumulative[i - 1] : 0) << ")";
  }
}

void WriteBins(const HistogramValue& value, ChunkWriter& out) {
  std::string_view separator;
  for (const auto& [bin, count] : value.bins) {
    out << separator;
    out.General(BinLeft(bin)) << ",";
    out.General(BinWidth(bin)) << ":" << count;
    separator = ", ";
  }
}

void WriteHistogram(const Metric& metric, HistogramBuckets buckets, ChunkWriter& out) {
  out << metric.name;
  if (metric.cumulative == nullptr) {
    out << ": No recorded values\n";
    return;
  }
  switch (buckets) {
    case HistogramBuckets::kUnset:
    case HistogramBuckets::kSummary:
      out << ": ";
      WriteQuantiles(metric, out);
      break;
    case HistogramBuckets::kCumulative:
    case HistogramBuckets::kDisjoint:
      out << ": ";
      WriteBuckets(metric, buckets == HistogramBuckets::kDisjoint, out);
      break;
    case HistogramBuckets::kDetailed:
      out << ":\n  totals=";
      WriteBins(*metric.cumulative, out);
      out << "\n  intervals=";
      WriteBins(*metric.interval, out);
      out << "\n  summary=";
      WriteQuantiles(metric, out);
      break;
  }
  out << "\n";
}

}  // namespace

void RenderText(const Snapshot& portion, HistogramBuckets buckets, ChunkWriter& out) {
  for (const Metric& metric : portion.metrics()) {
    switch (metric.kind) {
      case Kind::kTextReadout:
        out << metric.name << ": \"" << metric.text << "\"\n";
        break;
      case Kind::kCounter:
      case Kind::kGauge:
        out << metric.name << ": " << metric.value << "\n";
        break;
      case Kind::kHistogram:
        WriteHistogram(metric, buckets, out);
        break;
    }
  }
}

}  // namespace remora::stats
