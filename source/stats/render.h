#pragma once

// The bodies of `/stats` and `/stats/prometheus`, byte for byte in the shape of Envoy 1.40, from
// portions of the metrics in name order (stream.h puts them together).
//
// Any thread (Prometheus: that of the TagExtractor). Nothing fails.
// Source: Envoy source/server/admin/stats_render.cc, prometheus_stats.cc; the outputs of a running
// Envoy 1.40.

#include <string_view>

#include "source/stats/query.h"
#include "source/stats/snapshot.h"
#include "source/stats/tag_extractor.h"

namespace remora::stats {

class ChunkWriter;

// `name: 5`. Texts come before counters and gauges, these before histograms.
void RenderText(const Snapshot& portion, HistogramBuckets buckets, ChunkWriter& out);

// {"stats":[{"name":..,"value":..},..,{"histograms":..}]}; the same order.
class JsonRenderer {
 public:
  explicit JsonRenderer(HistogramBuckets buckets) : buckets_(buckets) {}

  void Add(const Snapshot& portion, ChunkWriter& out);
  // Once, behind the last portion.
  void Finish(ChunkWriter& out);

 private:
  void AddHistogram(const Metric& metric, ChunkWriter& out);
  void Begin(ChunkWriter& out);

  HistogramBuckets buckets_;
  bool begun_ = false;
  bool entries_ = false;     // there is one: the next needs a comma
  bool histograms_ = false;  // the list of histograms is open
};

// The rows of one family (metrics of one kind whose names without tags are `family`), behind its
// TYPE line, which the first row brings: `typed` says whether it is there.
void RenderPrometheusFamily(const Snapshot& portion, std::string_view family,
                            HistogramBuckets buckets, const TagExtractor& tags, bool& typed,
                            ChunkWriter& out);

}  // namespace remora::stats
