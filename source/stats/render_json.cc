#include <cmath>

#include "source/stats/chunk_writer.h"
#include "source/stats/render.h"

namespace remora::stats {
namespace {

// The length of the UTF-8 sequence that `text` starts with; 0 if it is none (RFC 3629).
size_t Utf8Length(std::string_view text) {
  const auto byte = [text](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto continues = [&byte](size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  const unsigned second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && second < 0xA0;
    const bool surrogate = first == 0xED && second > 0x9F;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && second < 0x90;
    const bool too_large = first == 0xF4 && second > 0x8F;
    return continues(1) && continues(2) && continues(3) && !overlong && !too_large ? 4 : 0;
  }
  return 0;
}

void WriteEscaped(char c, ChunkWriter& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"':
      out << "\\\"";
      return;
    case '\\':
      out << "\\\\";
      return;
    case '\n':
      out << "\\n";
      return;
    case '\r':
      out << "\\r";
      return;
    case '\t':
      out << "\\t";
      return;
    default: {
      const auto byte = static_cast<unsigned char>(c);
      out << "\\u00" << kHex.substr(byte >> 4U, 1) << kHex.substr(byte & 15U, 1);
    }
  }
}

void WriteString(std::string_view text, ChunkWriter& out) {
  out << "\"";
  size_t plain = 0;  // the start of what needs no escape
  size_t i = 0;
  while (i < text.size()) {
    const size_t length = Utf8Length(text.substr(i));
    const auto byte = static_cast<unsigned char>(text[i]);
    if (length > 0 && byte >= 0x20 && byte != '"' && byte != '\\') {
      i += length;
      continue;
    }
    out << text.substr(plain, i - plain);
    if (length == 0) {
      out << "\xEF\xBF\xBD";  // U+FFFD for a byte that is no UTF-8
    } else {
      WriteEscaped(text[i], out);
    }
    plain = ++i;
  }
  out << text.substr(plain) << "\"";
}

void WriteNumber(double number, ChunkWriter& out) {
  if (std::isnan(number)) {
    out << "null";
  } else {
    out.Shortest(number);
  }
}

// `{` elements, separated by commas `}`: the separator before the next one.
class Comma {
 public:
  std::string_view Next() { return std::exchange(first_, false) ? "" : ","; }

 private:
  bool first_ = true;
};

void WriteQuantiles(const HistogramValue& interval, const HistogramValue& cumulative,
                    ChunkWriter& out) {
  const auto recent = interval.Quantiles();
  const auto total = cumulative.Quantiles();
  Comma comma;
  out << "[";
  for (size_t i = 0; i < kQuantiles.size(); ++i) {
    out << comma.Next() << "{\"cumulative\":";
    WriteNumber(total[i], out);
    out << ",\"interval\":";
    WriteNumber(recent[i], out);
    out << "}";
  }
  out << "]";
}

void WriteBuckets(const HistogramValue& interval, const HistogramValue& cumulative, bool disjoint,
                  ChunkWriter& out) {
  const std::vector<uint64_t> recent = interval.CumulativeCounts(kDefaultBuckets);
  const std::vector<uint64_t> total = cumulative.CumulativeCounts(kDefaultBuckets);
  Comma comma;
  out << "[";
  for (size_t i = 0; i < kDefaultBuckets.size(); ++i) {
    const bool subtract = disjoint && i > 0;
    out << comma.Next() << "{\"upper_bound\":";
    out.Shortest(kDefaultBuckets[i]) << ",\"interval\":";
    out << recent[i] - (subtract ? recent[i - 1] : 0) << ",\"cumulative\":";
    out << total[i] - (subtract ? total[i - 1] : 0) << "}";
  }
  out << "]";
}

void WriteBins(const HistogramValue& value, ChunkWriter& out) {
  Comma comma;
  out << "[";
  for (const auto& [bin, count] : value.bins) {
    out << comma.Next() << "{\"lower_bound\":";
    out.Shortest(BinLeft(bin)) << ",\"width\":";
    out.Shortest(BinWidth(bin)) << ",\"count\":" << count << "}";
  }
  out << "]";
}

void WriteHistogram(const Metric& metric, HistogramBuckets buckets, ChunkWriter& out) {
  const HistogramValue none;
  const HistogramValue& interval = metric.interval == nullptr ? none : *metric.interval;
  const HistogramValue& cumulative = metric.cumulative == nullptr ? none : *metric.cumulative;
  out << "{\"name\":";
  WriteString(metric.name, out);
  switch (buckets) {
    case HistogramBuckets::kUnset:
    case HistogramBuckets::kSummary:
      out << ",\"values\":";
      WriteQuantiles(interval, cumulative, out);
      break;
    case HistogramBuckets::kCumulative:
    case HistogramBuckets::kDisjoint:
      out << ",\"buckets\":";
      WriteBuckets(interval, cumulative, buckets == HistogramBuckets::kDisjoint, out);
      break;
    case HistogramBuckets::kDetailed:
      out << ",\"totals\":";
      WriteBins(cumulative, out);
      out << ",\"intervals\":";
      WriteBins(interval, out);
      out << ",\"percentiles\":";
      WriteQuantiles(interval, cumulative, out);
      break;
  }
  out << "}";
}

void WriteHistograms(const Snapshot& snapshot, HistogramBuckets buckets, ChunkWriter& out) {
  const bool listed =
      buckets == HistogramBuckets::kCumulative || buckets == HistogramBuckets::kDisjoint;
  const bool detailed = buckets == HistogramBuckets::kDetailed;
  out << "{\"histograms\":";
  if (!listed) {
    out << (detailed ? "{\"supported_percentiles\":[" : "{\"supported_quantiles\":[");
    Comma comma;
    for (const double quantile : kQuantiles) {
      out << comma.Next();
      out.General(100 * quantile);
    }
    out << (detailed ? "],\"details\":" : "],\"computed_quantiles\":");
  }
  Comma comma;
  out << "[";
  for (const Metric& metric : snapshot.metrics()) {
    if (metric.kind != Kind::kHistogram) continue;
    out << comma.Next();
    WriteHistogram(metric, buckets, out);
  }
  out << (listed ? "]}" : "]}}");
}

}  // namespace

Chunks RenderJson(const Snapshot& snapshot, HistogramBuckets buckets) {
  ChunkWriter out;
  Comma comma;
  bool histograms = false;
  out << "{\"stats\":[";
  for (const Metric& metric : snapshot.metrics()) {
    if (metric.kind != Kind::kTextReadout) continue;
    out << comma.Next() << "{\"name\":";
    WriteString(metric.name, out);
    out << ",\"value\":";
    WriteString(metric.text, out);
    out << "}";
  }
  for (const Metric& metric : snapshot.metrics()) {
    histograms = histograms || metric.kind == Kind::kHistogram;
    if (metric.kind != Kind::kCounter && metric.kind != Kind::kGauge) continue;
    out << comma.Next() << "{\"name\":";
    WriteString(metric.name, out);
    out << ",\"value\":" << metric.value << "}";
  }
  if (histograms) {
    out << comma.Next();
    WriteHistograms(snapshot, buckets, out);
  }
  out << "]}";
  return out.Take();
}

}  // namespace remora::stats
