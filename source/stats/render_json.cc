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

// The histograms are a plain list, without the names of quantiles before it.
bool Listed(HistogramBuckets buckets) {
  return buckets == HistogramBuckets::kCumulative || buckets == HistogramBuckets::kDisjoint;
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

}  // namespace

void JsonRenderer::Begin(ChunkWriter& out) {
  if (!begun_) out << "{\"stats\":[";
  begun_ = true;
}

void JsonRenderer::AddHistogram(const Metric& metric, ChunkWriter& out) {
  if (!histograms_) {
    histograms_ = true;
    out << (entries_ ? ",{\"histograms\":" : "{\"histograms\":");
    if (!Listed(buckets_)) {
      const bool detailed = buckets_ == HistogramBuckets::kDetailed;
      out << (detailed ? "{\"supported_percentiles\":[" : "{\"supported_quantiles\":[");
      Comma comma;
      for (const double quantile : kQuantiles) {
        out << comma.Next();
        out.General(100 * quantile);
      }
      out << (detailed ? "],\"details\":" : "],\"computed_quantiles\":");
    }
    out << "[";
  } else {
    out << ",";
  }
  WriteHistogram(metric, buckets_, out);
}

void JsonRenderer::Add(const Snapshot& portion, ChunkWriter& out) {
  Begin(out);
  for (const Metric& metric : portion.metrics()) {
    if (metric.kind == Kind::kHistogram) {
      AddHistogram(metric, out);
      continue;
    }
    out << (entries_ ? ",{\"name\":" : "{\"name\":");
    entries_ = true;
    WriteString(metric.name, out);
    out << ",\"value\":";
    if (metric.kind == Kind::kTextReadout) {
      WriteString(metric.text, out);
    } else {
      out << metric.value;
    }
    out << "}";
  }
}

void JsonRenderer::Finish(ChunkWriter& out) {
  Begin(out);
  if (histograms_) out << (Listed(buckets_) ? "]}" : "]}}");
  out << "]}";
}

}  // namespace remora::stats
