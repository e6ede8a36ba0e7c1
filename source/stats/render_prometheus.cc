#include <string>
#include <vector>

#include "source/stats/chunk_writer.h"
#include "source/stats/render.h"

namespace remora::stats {
namespace {

// The rules are those of the Prometheus text format 0.0.4.
void AppendSanitized(std::string_view name, std::string& text) {
  for (const char c : name) {
    const bool allowed =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    text += allowed ? c : '_';
  }
}

void AppendLabel(std::string_view name, std::string_view value, std::string& labels) {
  if (!labels.empty()) labels += ',';
  AppendSanitized(name, labels);
  labels += "=\"";
  for (const char c : value) {
    if (c == '\n') {
      labels += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') labels += '\\';
    labels += c;
  }
  labels += '"';
}

struct Row {
  std::string labels;
  const Metric* metric = nullptr;
};

// The bounds of kDefaultBuckets; their 32 digits are costly to make.
const std::vector<std::string>& BoundTexts() {
  static const std::vector<std::string>& texts = *[] {
    auto* made = new std::vector<std::string>();
    for (const double bound : kDefaultBuckets) {
      ChunkWriter text;
      text.General(bound, 32);
      made->push_back(text.Take().front());
    }
    return made;
  }();
  return texts;
}

void WriteBuckets(std::string_view name, const Row& row, ChunkWriter& out) {
  const HistogramValue none;
  const HistogramValue& value = row.metric->cumulative == nullptr ? none : *row.metric->cumulative;
  const std::vector<std::string>& bounds = BoundTexts();
  const std::vector<uint64_t> counts = value.CumulativeCounts(kDefaultBuckets);
  const uint64_t total = value.Count();
  const std::string_view comma = row.labels.empty() ? "" : ",";
  for (size_t i = 0; i < kDefaultBuckets.size(); ++i) {
    out << name << "_bucket{" << row.labels << comma << "le=\"" << bounds[i] << "\"} " << counts[i]
        << "\n";
  }
  out << name << "_bucket{" << row.labels << comma << "le=\"+Inf\"} " << total << "\n";
  out << name << "_sum{" << row.labels << "} " << value.sum << "\n";
  out << name << "_count{" << row.labels << "} " << total << "\n";
}

// Of the last interval, as Envoy's.
void WriteSummary(std::string_view name, const Row& row, ChunkWriter& out) {
  const HistogramValue none;
  const HistogramValue& value = row.metric->interval == nullptr ? none : *row.metric->interval;
  const auto quantiles = value.Quantiles();
  const std::string_view comma = row.labels.empty() ? "" : ",";
  for (size_t i = 0; i < kQuantiles.size(); ++i) {
    out << name << "{" << row.labels << comma << "quantile=\"";
    out.General(kQuantiles[i]) << "\"} ";
    out.General(quantiles[i], 32) << "\n";
  }
  out << name << "_sum{" << row.labels << "} " << value.sum << "\n";
  out << name << "_count{" << row.labels << "} " << value.Count() << "\n";
}

void WriteRow(std::string_view name, const Row& row, bool summary, ChunkWriter& out) {
  switch (row.metric->kind) {
    case Kind::kCounter:
    case Kind::kGauge:
      out << name << "{" << row.labels << "} " << row.metric->value << "\n";
      break;
    case Kind::kTextReadout:
      out << name << "{" << row.labels << "} 0\n";
      break;
    case Kind::kHistogram:
      if (summary) {
        WriteSummary(name, row, out);
      } else {
        WriteBuckets(name, row, out);
      }
      break;
  }
}

std::string_view TypeName(Kind kind, bool summary) {
  if (kind == Kind::kCounter) return "counter";
  if (kind == Kind::kHistogram) return summary ? "summary" : "histogram";
  return "gauge";
}

}  // namespace

void RenderPrometheusFamily(const Snapshot& portion, std::string_view family,
                            HistogramBuckets buckets, const TagExtractor& tags, bool& typed,
                            ChunkWriter& out) {
  const bool summary = buckets == HistogramBuckets::kSummary;
  std::string name = "envoy_";
  AppendSanitized(family, name);
  for (const Metric& metric : portion.metrics()) {
    const TagExtractor::Extracted extracted = tags.Extract(metric.name);
    // Another metric may have taken the place that was remembered for this family.
    if (extracted.name != family) continue;
    if (!typed) out << "# TYPE " << name << " " << TypeName(metric.kind, summary) << "\n";
    typed = true;
    Row row;
    for (const Tag& tag : extracted.tags) AppendLabel(tag.name, tag.value, row.labels);
    if (metric.kind == Kind::kTextReadout) AppendLabel("text_value", metric.text, row.labels);
    row.metric = &metric;
    WriteRow(name, row, summary, out);
  }
}

}  // namespace remora::stats
