#include "source/tls/stats.h"

#include "absl/strings/str_cat.h"

namespace remora::tls {

SslStats::SslStats(stats::Scope& scope, stats::Shard& shard)
    : scope_(scope), shard_(shard), counters_(scope.Make<SslCounters>(shard)) {}

void SslStats::Count(std::string_view group, std::string_view name) {
  // Names come from the library, never from a peer.
  std::string key = absl::StrCat("ssl.", absl::string_view(group.data(), group.size()), ".",
                                 absl::string_view(name.data(), name.size()));
  const auto found = named_.find(key);
  if (found != named_.end()) {
    found->second.Inc();
    return;
  }
  const stats::Counter counter = scope_.MakeCounter(shard_, key);
  counter.Inc();
  named_.emplace(std::move(key), counter);
}

}  // namespace remora::tls
