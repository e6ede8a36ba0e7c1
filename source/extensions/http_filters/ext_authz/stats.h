#pragma once

// The statistics of the external authorization filter, under Envoy's names, of one worker:
// `http.<prefix>.ext_authz.[<stat_prefix>.]`, and the same of the cluster that a request would go
// to, `cluster.<name>.ext_authz.[<stat_prefix>.]`, each made when it first counts.
//
// Owner: the worker's filter state. Counting cannot fail: without a cluster it counts only the
// first. Source: Envoy source/extensions/filters/http/ext_authz/ext_authz.h.

#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "source/http/filter/filter.h"
#include "source/upstream/cluster_set.h"

namespace remora::extensions {

class ExtAuthzState final : public http::FilterWorkerState {
 public:
  ExtAuthzState(std::string_view stat_prefix, const http::WorkerSetup& setup);

  stats::Counter ok;                        // Requests that the service has allowed.
  stats::Counter denied;                    // That it has refused.
  stats::Counter error;                     // That it could not be asked about, or has failed for.
  stats::Counter disabled;                  // That it was not asked about: filter_enabled.
  stats::Counter failure_mode_allowed;      // Of the errors: that have passed all the same.
  stats::Counter invalid;                   // Answers of the service that are not valid.
  stats::Counter ignored_dynamic_metadata;  // Answers whose metadata were dropped.

  // `name` is that of one of the first five.
  void CountOfCluster(upstream::ClusterSet& clusters, std::string_view cluster,
                      std::string_view name);

 private:
  std::string prefix_;  // "ext_authz.<stat_prefix>."
  // Handles belong to clusters: they are forgotten when those change.
  uint64_t generation_ = 0;
  absl::flat_hash_map<std::string, stats::Counter> counters_;  // by "<cluster>.<name>"
};

}  // namespace remora::extensions
