#pragma once

// Translator of envoy.config.metrics.v3.StatsConfig: which statistics exist and how they are
// tagged.
//
// Pure; faults go to Translation::errors. The predicates and expressions in the values are compiled
// here and may be called from any thread.
// Source: Envoy source/common/stats/{stats_matcher,tag_producer}_impl.cc.

#include "source/config/core_config.h"
#include "source/stats/matcher.h"
#include "source/stats/tag_extractor.h"

namespace envoy::config::metrics::v3 {
class StatsConfig;
}

namespace remora::config {

stats::Matcher ParseStatsMatcher(const envoy::config::metrics::v3::StatsConfig& proto,
                                 const FieldPath& path, Translation& translation);

stats::TagRules ParseStatsTags(const envoy::config::metrics::v3::StatsConfig& proto,
                               const FieldPath& path, Translation& translation);

}  // namespace remora::config
