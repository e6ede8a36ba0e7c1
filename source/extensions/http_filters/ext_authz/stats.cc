#include "source/extensions/http_filters/ext_authz/stats.h"

#include "source/config/text.h"

namespace remora::extensions {
namespace {

std::string PrefixOf(std::string_view stat_prefix) {
  return stat_prefix.empty() ? "ext_authz." : config::Concat("ext_authz.", stat_prefix, ".");
}

}  // namespace

ExtAuthzState::ExtAuthzState(std::string_view stat_prefix, const http::WorkerSetup& setup)
    : prefix_(PrefixOf(stat_prefix)) {
  const auto counter = [&](std::string_view name) {
    return setup.scope.MakeCounter(setup.shard, config::Concat(prefix_, name));
  };
  ok = counter("ok");
  denied = counter("denied");
  error = counter("error");
  disabled = counter("disabled");
  failure_mode_allowed = counter("failure_mode_allowed");
  invalid = counter("invalid");
  ignored_dynamic_metadata = counter("ignored_dynamic_metadata");
}

void ExtAuthzState::CountOfCluster(upstream::ClusterSet& clusters, std::string_view cluster,
                                   std::string_view name) {
  if (clusters.generation() != generation_) {
    generation_ = clusters.generation();
    counters_.clear();
  }
  const std::string key = config::Concat(cluster, ".", name);
  auto found = counters_.find(key);
  if (found == counters_.end()) {
    upstream::ClusterRuntime* const runtime = clusters.Find(cluster);
    if (runtime == nullptr) return;
    stats::Counter counter = runtime->cluster().scope().MakeCounter(clusters.worker().shard,
                                                                    config::Concat(prefix_, name));
    found = counters_.emplace(key, counter).first;
  }
  found->second.Inc();
}

}  // namespace remora::extensions
