#pragma once

// What is counted of every subscription, under the prefix of its resource (`sds.<name>.`).
//
// Owner: the subscription. Thread: main, whose shard the handles are made on. Nothing fails.
// `version_text` is a text and made beside these. Source: Envoy docs, xDS subscription statistics.

#include "source/stats/group.h"

namespace remora::xds {

struct SubscriptionStats {
  stats::NamedCounter<"update_attempt"> update_attempt;          // Tries to read the source.
  stats::NamedCounter<"update_success"> update_success;          // Of these: it was taken.
  stats::NamedCounter<"update_failure"> update_failure;          // It could not be read.
  stats::NamedCounter<"update_rejected"> update_rejected;        // It was wrong.
  stats::NamedCounter<"init_fetch_timeout"> init_fetch_timeout;  // Waited too long for the first.
  stats::NamedGauge<"update_time"> update_time;  // Of the last success, ms since the epoch.
  stats::NamedGauge<"version"> version;          // XXH64 of the last version taken.
  // From a response to what became of it. Empty where files are read, which are applied at once.
  stats::NamedHistogram<"update_duration", stats::Unit::kMilliseconds> update_duration;
};

// `sds.<name>.`, besides.
struct SecretStats {
  // A file of the secret had changed and could not be used.
  stats::NamedCounter<"key_rotation_failed"> key_rotation_failed;
};

}  // namespace remora::xds
