#include "source/stats/query.h"

#include <re2/re2.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "absl/status/status.h"

namespace remora::stats {
namespace {

using Params = std::vector<std::pair<std::string, std::string>>;

const std::string* Find(const Params& params, std::string_view key) {
  const auto param = std::find_if(params.begin(), params.end(),
                                  [key](const auto& entry) { return entry.first == key; });
  return param == params.end() ? nullptr : &param->second;
}

// An empty value is no value, as in Envoy.
std::string_view Value(const Params& params, std::string_view key) {
  const std::string* value = Find(params, key);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

absl::Status ParseFilter(const Params& params, SnapshotFilter& filter) {
  const std::string* pattern = Find(params, "filter");
  if (pattern == nullptr) return absl::OkStatus();
  const auto regex = std::make_shared<const re2::RE2>(*pattern, re2::RE2::Quiet);
  if (!regex->ok()) return absl::InvalidArgumentError("Invalid re2 regex: " + regex->error());
  const bool wanted = Find(params, "invert_filter") == nullptr;
  filter.name = [regex, wanted](std::string_view name) {
    return re2::RE2::PartialMatch(re2::StringPiece(name.data(), name.size()), *regex) == wanted;
  };
  return absl::OkStatus();
}

absl::Status ParseType(const Params& params, SnapshotFilter& filter) {
  const std::string* type = Find(params, "type");
  if (type == nullptr || *type == "All") return absl::OkStatus();
  filter.counters = *type == "Counters";
  filter.gauges = *type == "Gauges";
  filter.histograms = *type == "Histograms";
  filter.text_readouts = *type == "TextReadouts";
  const bool known = filter.counters || filter.gauges || filter.histograms || filter.text_readouts;
  return known ? absl::OkStatus() : absl::InvalidArgumentError("invalid &type= param");
}

// No metric is hidden here: `only` shows nothing.
absl::Status ParseHidden(const Params& params, SnapshotFilter& filter) {
  const std::string_view hidden = Value(params, "hidden");
  if (hidden.empty() || hidden == "include" || hidden == "exclude") return absl::OkStatus();
  if (hidden != "only") {
    return absl::InvalidArgumentError("usage: /stats?hidden=(include|only|exclude)\n\n");
  }
  filter.counters = filter.gauges = filter.histograms = filter.text_readouts = false;
  return absl::OkStatus();
}

absl::Status ParseFormat(const Params& params, Format& format) {
  const std::string_view value = Value(params, "format");
  if (value.empty()) return absl::OkStatus();
  if (value == "text") {
    format = Format::kText;
  } else if (value == "json") {
    format = Format::kJson;
  } else if (value == "prometheus") {
    format = Format::kPrometheus;
  } else {
    return absl::InvalidArgumentError("usage: /stats?format=(json|prometheus|text)\n\n");
  }
  return absl::OkStatus();
}

absl::Status ParseBuckets(const Params& params, HistogramBuckets& buckets) {
  const std::string_view value = Value(params, "histogram_buckets");
  if (value.empty() || value == "none") return absl::OkStatus();
  if (value == "summary") {
    buckets = HistogramBuckets::kSummary;
  } else if (value == "cumulative") {
    buckets = HistogramBuckets::kCumulative;
  } else if (value == "disjoint") {
    buckets = HistogramBuckets::kDisjoint;
  } else if (value == "detailed") {
    buckets = HistogramBuckets::kDetailed;
  } else {
    return absl::InvalidArgumentError(
        "usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary)\n");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Query> ParseQuery(const Params& params, Format format) {
  Query query;
  query.format = format;
  query.filter.used_only = Find(params, "usedonly") != nullptr;
  query.text_readouts = Find(params, "text_readouts") != nullptr;
  absl::Status status = ParseFilter(params, query.filter);
  status.Update(ParseBuckets(params, query.buckets));
  status.Update(ParseFormat(params, query.format));
  // Prometheus output has every type, whatever `type` says, as in Envoy.
  SnapshotFilter by_type;
  status.Update(ParseType(params, by_type));
  if (query.format != Format::kPrometheus) {
    by_type.used_only = query.filter.used_only;
    by_type.name = query.filter.name;
    query.filter = by_type;
  }
  status.Update(ParseHidden(params, query.filter));
  if (query.format == Format::kPrometheus && (query.buckets == HistogramBuckets::kDisjoint ||
                                              query.buckets == HistogramBuckets::kDetailed)) {
    status.Update(absl::InvalidArgumentError("unsupported prometheus histogram bucket mode"));
  }
  if (!status.ok()) return status;
  return query;
}

}  // namespace remora::stats
