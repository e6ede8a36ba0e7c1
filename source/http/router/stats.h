#pragma once

// The router's statistics, `http.<stat_prefix>.`, under Envoy's names.
// Owner: RouterState, once a worker and chain. Thread: that worker. Counting takes no lock and
// cannot fail. Unit: requests.
//
// Source: Envoy docs, HTTP router filter, statistics.

#include "source/stats/group.h"

namespace remora::router {

struct Stats {
  stats::NamedCounter<"rq_total"> rq_total;        // Requests that reached the router.
  stats::NamedCounter<"no_route"> no_route;        // 404: nothing matched.
  stats::NamedCounter<"no_cluster"> no_cluster;    // The route's cluster does not exist.
  stats::NamedCounter<"rq_redirect"> rq_redirect;  // Stays 0, as in Envoy.
  stats::NamedCounter<"rq_direct_response"> rq_direct_response;  // Answered by the route itself.
  stats::NamedCounter<"rq_reset_after_downstream_response_started">
      rq_reset_after_downstream_response_started;  // Upstream failed when it was too late to say
                                                   // so.
};

}  // namespace remora::router
