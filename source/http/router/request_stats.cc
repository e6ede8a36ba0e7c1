#include "source/http/router/request_stats.h"

#include "absl/strings/str_cat.h"

namespace remora::router {
namespace {

std::string Name(std::string_view stem, std::string_view rest) {
  return absl::StrCat(absl::string_view(stem.data(), stem.size()), "upstream_rq_",
                      absl::string_view(rest.data(), rest.size()));
}

}  // namespace

RequestStats::RequestStats(stats::Scope& root, stats::Shard& shard, std::string_view stem)
    : codes(root, shard, Name(stem, "")),
      completed(root.MakeCounter(shard, Name(stem, "completed"))),
      total(root.MakeCounter(shard, Name(stem, "total"))),
      timeout(root.MakeCounter(shard, Name(stem, "timeout"))),
      retry(root.MakeCounter(shard, Name(stem, "retry"))),
      retry_success(root.MakeCounter(shard, Name(stem, "retry_success"))),
      retry_overflow(root.MakeCounter(shard, Name(stem, "retry_overflow"))),
      retry_limit_exceeded(root.MakeCounter(shard, Name(stem, "retry_limit_exceeded"))),
      time(root.MakeHistogram(shard, Name(stem, "time"), stats::Unit::kMilliseconds)) {}

RequestStats& RequestStatsTable::Find(std::string_view stem) {
  const absl::string_view key(stem.data(), stem.size());
  auto found = by_stem_.find(key);
  if (found == by_stem_.end()) {
    found = by_stem_.emplace(key, std::make_unique<RequestStats>(root_, shard_, stem)).first;
  }
  return *found->second;
}

}  // namespace remora::router
