#pragma once

// The bodies of `/stats` and `/stats/prometheus`, byte for byte in the shape of Envoy 1.40.
//
// Pure functions of a Snapshot; the result is pieces of about 64 KiB, to be sent one after the
// other, since 10,000 clusters fill tens of megabytes. Any thread (Prometheus: that of the
// TagExtractor). Nothing fails.
// Source: Envoy source/server/admin/stats_render.cc, prometheus_stats.cc; the outputs of a running
// Envoy 1.40.

#include <string>
#include <vector>

#include "source/stats/query.h"
#include "source/stats/snapshot.h"
#include "source/stats/tag_extractor.h"

namespace remora::stats {

using Chunks = std::vector<std::string>;

// `name: 5`; texts first, then counters and gauges, then histograms.
Chunks RenderText(const Snapshot& snapshot, HistogramBuckets buckets);

// {"stats":[{"name":..,"value":..},..,{"histograms":..}]}
Chunks RenderJson(const Snapshot& snapshot, HistogramBuckets buckets);

// Families in name order; counters, gauges, texts (only if asked for), histograms.
Chunks RenderPrometheus(const Snapshot& snapshot, HistogramBuckets buckets, bool text_readouts,
                        const TagExtractor& tags);

// Whichever of them the query asks for.
Chunks Render(const Snapshot& snapshot, const Query& query, const TagExtractor& tags);

}  // namespace remora::stats
