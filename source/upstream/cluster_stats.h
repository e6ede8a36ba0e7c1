#pragma once

// The statistics of one cluster, `cluster.<name>.`, under Envoy's names. Counters unless said
// otherwise. Declared once here; handles are made a worker at its first use of the cluster.
// Owner: ClusterRuntime. Thread: that worker. Counting takes no lock and cannot fail. Histograms
// are in milliseconds. Source: Envoy docs, cluster manager statistics.

#include "source/stats/group.h"

namespace remora::upstream {

using stats::NamedCounter;
using stats::NamedGauge;
using stats::NamedHistogram;
using stats::Unit;

struct ClusterStats {
  NamedCounter<"upstream_cx_total"> upstream_cx_total;              // Connections begun.
  NamedGauge<"upstream_cx_active"> upstream_cx_active;              // Connections open or opening.
  NamedCounter<"upstream_cx_http1_total"> upstream_cx_http1_total;  // Of them HTTP/1.
  NamedCounter<"upstream_cx_http2_total"> upstream_cx_http2_total;  // And HTTP/2.
  NamedCounter<"upstream_cx_connect_fail"> upstream_cx_connect_fail;  // Refused, unreachable, late.
  NamedCounter<"upstream_cx_connect_timeout"> upstream_cx_connect_timeout;  // Not up in time.
  // A TCP proxy gave up: max_connect_attempts.
  NamedCounter<"upstream_cx_connect_attempts_exceeded"> upstream_cx_connect_attempts_exceeded;
  NamedCounter<"upstream_cx_overflow"> upstream_cx_overflow;  // Not begun: max_connections.
  NamedCounter<"upstream_cx_pool_overflow"> upstream_cx_pool_overflow;  // max_connection_pools.
  NamedCounter<"upstream_cx_idle_timeout"> upstream_cx_idle_timeout;    // Closed unused.
  NamedCounter<"upstream_cx_max_requests"> upstream_cx_max_requests;    // Closed after their last.
  NamedCounter<"upstream_cx_max_duration_reached"> upstream_cx_max_duration_reached;  // Too old.
  NamedCounter<"upstream_cx_none_healthy"> upstream_cx_none_healthy;  // No host could be chosen.
  NamedCounter<"upstream_cx_protocol_error"> upstream_cx_protocol_error;  // The host spoke no HTTP.
  NamedCounter<"upstream_cx_destroy"> upstream_cx_destroy;                // Closed, whoever did it.
  NamedCounter<"upstream_cx_destroy_local"> upstream_cx_destroy_local;    // Closed by us.
  NamedCounter<"upstream_cx_destroy_remote"> upstream_cx_destroy_remote;  // Closed by the host.
  NamedCounter<"upstream_cx_close_notify"> upstream_cx_close_notify;  // The host said so before.
  NamedCounter<"upstream_cx_destroy_with_active_rq"> upstream_cx_destroy_with_active_rq;
  NamedCounter<"upstream_cx_destroy_local_with_active_rq"> upstream_cx_destroy_local_with_active_rq;
  NamedCounter<"upstream_cx_destroy_remote_with_active_rq">
      upstream_cx_destroy_remote_with_active_rq;
  NamedCounter<"upstream_cx_rx_bytes_total"> upstream_cx_rx_bytes_total;  // Bytes read.
  NamedCounter<"upstream_cx_tx_bytes_total"> upstream_cx_tx_bytes_total;  // Bytes written.
  NamedHistogram<"upstream_cx_connect_ms", Unit::kMilliseconds> upstream_cx_connect_ms;
  NamedHistogram<"upstream_cx_length_ms", Unit::kMilliseconds> upstream_cx_length_ms;
  NamedCounter<"upstream_rq_total"> upstream_rq_total;                  // Requests on a connection.
  NamedGauge<"upstream_rq_active"> upstream_rq_active;                  // Of them not yet answered.
  NamedCounter<"upstream_rq_completed"> upstream_rq_completed;          // Answered, by us too.
  NamedCounter<"upstream_rq_pending_total"> upstream_rq_pending_total;  // Waited for a connection.
  NamedGauge<"upstream_rq_pending_active"> upstream_rq_pending_active;  // Waiting now.
  NamedCounter<"upstream_rq_active_overflow"> upstream_rq_active_overflow;  // max_requests.
  NamedCounter<"upstream_rq_pending_overflow">
      upstream_rq_pending_overflow;  // max_pending_requests.
  NamedCounter<"upstream_rq_pending_failure_eject">
      upstream_rq_pending_failure_eject;                        // No connect.
  NamedCounter<"upstream_rq_cancelled"> upstream_rq_cancelled;  // Gave up before a connection.
  NamedCounter<"upstream_rq_timeout"> upstream_rq_timeout;      // The route's timeout passed.
  NamedCounter<"upstream_rq_per_try_timeout"> upstream_rq_per_try_timeout;  // One try's passed.
  NamedCounter<"upstream_rq_per_try_idle_timeout"> upstream_rq_per_try_idle_timeout;
  NamedCounter<"upstream_rq_max_duration_reached"> upstream_rq_max_duration_reached;
  NamedCounter<"upstream_rq_retry"> upstream_rq_retry;                    // Tried again.
  NamedCounter<"upstream_rq_retry_success"> upstream_rq_retry_success;    // With a good end.
  NamedCounter<"upstream_rq_retry_overflow"> upstream_rq_retry_overflow;  // Not: breaker was open.
  NamedCounter<"upstream_rq_retry_limit_exceeded"> upstream_rq_retry_limit_exceeded;
  NamedCounter<"upstream_rq_retry_backoff_exponential"> upstream_rq_retry_backoff_exponential;
  NamedCounter<"upstream_rq_retry_backoff_ratelimited"> upstream_rq_retry_backoff_ratelimited;
  // The body outgrew what is kept for another try or a mirror, which there is then none of.
  NamedCounter<"retry_or_shadow_abandoned"> retry_or_shadow_abandoned;
  // Ours: requests that met a connection that the host had just closed and went out again on a new
  // one, which is no retry (docs/adr/0020).
  NamedCounter<"upstream_rq_stale_replaced"> upstream_rq_stale_replaced;
  // Streams that were reset by the host, and by us. HTTP/1 has none: its connection ends, which is
  // counted as upstream_cx_destroy_*_with_active_rq.
  NamedCounter<"upstream_rq_rx_reset"> upstream_rq_rx_reset;
  NamedCounter<"upstream_rq_tx_reset"> upstream_rq_tx_reset;
  NamedHistogram<"upstream_rq_time", Unit::kMilliseconds> upstream_rq_time;
  NamedCounter<"upstream_flow_control_paused_reading_total">
      upstream_flow_control_paused_reading_total;
  NamedCounter<"upstream_flow_control_resumed_reading_total">
      upstream_flow_control_resumed_reading_total;
  NamedCounter<"upstream_flow_control_backed_up_total"> upstream_flow_control_backed_up_total;
  NamedCounter<"upstream_flow_control_drained_total"> upstream_flow_control_drained_total;
  NamedCounter<"upstream_rq_maintenance_mode"> upstream_rq_maintenance_mode;  // Kept from it.
  // An address that a request gave for an ORIGINAL_DST cluster was none.
  NamedCounter<"original_dst_host_invalid"> original_dst_host_invalid;
  NamedCounter<"lb_healthy_panic"> lb_healthy_panic;  // Picks among unhealthy hosts.
};

// `cluster.<name>.` what main sets.
struct ClusterMembership {
  NamedCounter<"membership_change"> membership_change;
  NamedGauge<"membership_total"> membership_total;
  NamedGauge<"membership_healthy"> membership_healthy;
  NamedGauge<"membership_degraded"> membership_degraded;
  NamedGauge<"membership_excluded"> membership_excluded;
};

// `cluster.<name>.ring_hash_lb.`: places on the ring, and of single hosts.
struct RingHashSize {
  NamedGauge<"size"> size;
  NamedGauge<"min_hashes_per_host"> min_hashes_per_host;
  NamedGauge<"max_hashes_per_host"> max_hashes_per_host;
};

// `cluster.<name>.maglev_lb.`: places of single hosts in the table.
struct MaglevSize {
  NamedGauge<"min_entries_per_host"> min_entries_per_host;
  NamedGauge<"max_entries_per_host"> max_entries_per_host;
};

// `cluster.<name>.circuit_breakers.default.` (and `high.`): gauges that are 1 while open.
struct BreakerStats {
  NamedGauge<"cx_open"> cx_open;
  NamedGauge<"rq_pending_open"> rq_pending_open;
  NamedGauge<"rq_open"> rq_open;
  NamedGauge<"rq_retry_open"> rq_retry_open;
  NamedGauge<"cx_pool_open"> cx_pool_open;
  // What is left; 0 without track_remaining.
  NamedGauge<"remaining_cx"> remaining_cx;
  NamedGauge<"remaining_pending"> remaining_pending;
  NamedGauge<"remaining_rq"> remaining_rq;
  NamedGauge<"remaining_retries"> remaining_retries;
  NamedGauge<"remaining_cx_pools"> remaining_cx_pools;
};

}  // namespace remora::upstream
