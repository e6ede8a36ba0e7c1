#pragma once

// What a reader of `/stats` asked for, from the request's parameters: usedonly, filter,
// invert_filter, type,
// format, histogram_buckets, text_readouts, hidden.
// Pure; any thread. Wrong values give InvalidArgument with the body that Envoy answers 400 with.
// Source: Envoy docs, operations/admin; source/server/admin/stats_params.cc.
// Thread: main. Errors are InvalidArgument with Envoy's text.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "source/stats/snapshot.h"

namespace remora::stats {

enum class Format : uint8_t { kText, kJson, kPrometheus };

enum class HistogramBuckets : uint8_t {
  kUnset,       // quantiles; in Prometheus cumulative buckets
  kSummary,     // quantiles
  kCumulative,  // samples up to each limit
  kDisjoint,    // samples between two limits
  kDetailed,    // every bin
};

struct Query {
  SnapshotFilter filter;  // for Store::TakeSnapshot
  Format format = Format::kText;
  HistogramBuckets buckets = HistogramBuckets::kUnset;
  bool text_readouts = false;  // in Prometheus
};

// Parameters, decoded, in their order; of a repeated one the first counts, unknown ones are left
// alone. `format` is what the path implies (`/stats/prometheus`).
absl::StatusOr<Query> ParseQuery(const std::vector<std::pair<std::string, std::string>>& params,
                                 Format format = Format::kText);

}  // namespace remora::stats
