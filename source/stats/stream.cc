#include "source/stats/stream.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "source/stats/chunk_writer.h"
#include "source/stats/store.h"

namespace remora::stats {
namespace {

// Texts; counters and gauges; histograms.
constexpr int kPasses = 3;

SnapshotFilter OnlyKind(SnapshotFilter filter, Kind kind) {
  filter.counters = filter.counters && kind == Kind::kCounter;
  filter.gauges = filter.gauges && kind == Kind::kGauge;
  filter.histograms = filter.histograms && kind == Kind::kHistogram;
  filter.text_readouts = filter.text_readouts && kind == Kind::kTextReadout;
  return filter;
}

}  // namespace

// One kind after the other: index (places of all its metrics, by family), then the rows.
class Stream::Prometheus {
 public:
  Prometheus(const Query& query, const TagExtractor& tags, Cursor& cursor, size_t portion)
      : query_(query), tags_(tags), cursor_(cursor), portion_(portion) {
    kinds_ = {Kind::kCounter, Kind::kGauge};
    if (query.text_readouts) kinds_.push_back(Kind::kTextReadout);
    kinds_.push_back(Kind::kHistogram);
  }

  // False when there is no more to do. A portion of small families is one step: each step is a turn
  // of the loop and a write.
  bool Step(ChunkWriter& out) {
    if (kind_ == kinds_.size()) return false;
    if (indexing_) {
      StepIndex();
      return true;
    }
    for (size_t read = 0; read < portion_ && !indexing_;) read += StepRows(portion_ - read, out);
    return true;
  }

 private:
  struct Row {
    uint32_t family : 31;
    uint32_t again : 1;  // of the name before it: they are one metric
    MetricPlace place;
  };

  SnapshotFilter Filter() const { return OnlyKind(query_.filter, kinds_[kind_]); }

  void StepIndex() {
    Snapshot portion;
    const SnapshotFilter filter = Filter();
    if (!cursor_.Next(filter, portion, false)) {
      SortRows();
      indexing_ = false;
      cursor_.Rewind();
      return;
    }
    std::string_view previous;
    for (const Metric& metric : portion.metrics()) {
      std::string family = tags_.Extract(metric.name).name;
      const auto [known, is_new] =
          numbers_.try_emplace(std::move(family), static_cast<uint32_t>(numbers_.size()));
      rows_.push_back({known->second, metric.name == previous, metric.place});
      previous = metric.name;
    }
  }

  // Families by name; within one the rows stay in the order of their full names. A counting sort:
  // there are some hundred families and maybe a million rows.
  void SortRows() {
    names_.clear();
    for (const auto& [name, number] : numbers_) names_.push_back(name);
    std::sort(names_.begin(), names_.end());
    std::vector<uint32_t> rank(names_.size());
    for (uint32_t i = 0; i < names_.size(); ++i) rank[numbers_[names_[i]]] = i;
    std::vector<size_t> starts(names_.size() + 1);
    for (Row& row : rows_) {
      row.family = rank[row.family];
      ++starts[row.family + 1];
    }
    for (size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
    std::vector<Row> sorted(rows_.size());
    for (const Row& row : rows_) sorted[starts[row.family]++] = row;
    rows_ = std::move(sorted);
    numbers_ = {};
  }

  // Writes up to `most` rows of one family, and its last metric to the end; returns how many.
  size_t StepRows(size_t most, ChunkWriter& out) {
    if (next_ == rows_.size()) {
      rows_ = {};
      next_ = 0;
      ++kind_;
      indexing_ = true;
      return 0;
    }
    const uint32_t family = rows_[next_].family;
    const bool begins = next_ == 0 || rows_[next_ - 1].family != family;
    if (begins) typed_ = false;
    const SnapshotFilter filter = Filter();
    SnapshotBuilder builder(filter);
    const auto belongs = [&](const Row& row, size_t read) {
      return row.family == family && (read < most || row.again);
    };
    size_t read = 0;
    for (; next_ < rows_.size() && belongs(rows_[next_], read); ++read, ++next_) {
      cursor_.Read(rows_[next_].place, builder);
    }
    RenderPrometheusFamily(builder.Build(), names_[family], query_.buckets, tags_, typed_, out);
    return read;
  }

  const Query& query_;
  const TagExtractor& tags_;
  Cursor& cursor_;
  const size_t portion_;
  std::vector<Kind> kinds_;
  size_t kind_ = 0;
  bool indexing_ = true;
  absl::flat_hash_map<std::string, uint32_t> numbers_;  // of families, as they are met
  std::vector<std::string> names_;                      // of families, sorted
  std::vector<Row> rows_;
  size_t next_ = 0;
  bool typed_ = false;  // the family at hand has its TYPE line
};

Stream::Stream(Store& store, const TagExtractor& tags, Query query, size_t portion)
    : query_(std::move(query)), cursor_(store, portion) {
  if (query_.format == Format::kJson) json_ = std::make_unique<JsonRenderer>(query_.buckets);
  if (query_.format == Format::kPrometheus) {
    prometheus_ = std::make_unique<Prometheus>(query_, tags, cursor_, portion);
  }
}

Stream::~Stream() = default;

SnapshotFilter Stream::PassFilter() const {
  SnapshotFilter filter = query_.filter;
  filter.text_readouts = filter.text_readouts && pass_ == 0;
  filter.counters = filter.counters && pass_ == 1;
  filter.gauges = filter.gauges && pass_ == 1;
  filter.histograms = filter.histograms && pass_ == 2;
  return filter;
}

bool Stream::StepPass(ChunkWriter& out) {
  Snapshot portion;
  const SnapshotFilter filter = PassFilter();
  const bool wanted = filter.text_readouts || filter.counters || filter.gauges || filter.histograms;
  if (wanted && cursor_.Next(filter, portion)) {
    if (json_ != nullptr) {
      json_->Add(portion, out);
    } else {
      RenderText(portion, query_.buckets, out);
    }
    return true;
  }
  cursor_.Rewind();
  if (++pass_ < kPasses) return true;
  if (json_ != nullptr) json_->Finish(out);
  return false;
}

bool Stream::Next(std::string& piece) {
  piece.clear();
  if (ready_.empty() && !done_) {
    ChunkWriter out;
    done_ = prometheus_ != nullptr ? !prometheus_->Step(out) : !StepPass(out);
    for (std::string& chunk : out.Take()) ready_.push_back(std::move(chunk));
  }
  if (ready_.empty()) return !done_;
  piece = std::move(ready_.front());
  ready_.pop_front();
  return true;
}

}  // namespace remora::stats
