#pragma once

// The statistics of the external authorization filter, under Envoy's names, of one worker:
// `http.<prefix>.ext_authz.[<stat_prefix>.]`, and the same of the cluster that a request would go
// to, `cluster.<name>.ext_authz.[<stat_prefix>.]`.
//
// Owner: the worker's filter state. Source: Envoy
// source/extensions/filters/http/ext_authz/ext_authz.h.

#include <string_view>

#include "source/http/filter/filter.h"
#include "source/upstream/cluster_counters.h"

namespace remora::extensions {

struct ExtAuthzState final : http::FilterWorkerState {
  ExtAuthzState(std::string_view stat_prefix, const http::WorkerSetup& setup);

  stats::Counter ok;                        // Requests that the service has allowed.
  stats::Counter denied;                    // That it has refused.
  stats::Counter error;                     // That it could not be asked about, or has failed for.
  stats::Counter disabled;                  // That it was not asked about: filter_enabled.
  stats::Counter failure_mode_allowed;      // Of the errors: that have passed all the same.
  stats::Counter invalid;                   // Answers of the service that are not valid.
  stats::Counter ignored_dynamic_metadata;  // Answers whose metadata were dropped.
  upstream::ClusterCounters of_clusters;    // the same names, but for `disabled` and the last
};

}  // namespace remora::extensions
