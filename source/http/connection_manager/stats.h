#pragma once

// The statistics of one HTTP connection manager, `http.<stat_prefix>.`, under Envoy's names.
// Declared once here; handles are made once a worker.
// Thread: handles belong to the worker whose shard they were made on. Owner: WorkerConfig. Counting
// cannot fail and takes no lock; unit: events, unless the line says otherwise.

#include "source/stats/group.h"

namespace remora::connection_manager {

using stats::NamedCounter;
using stats::NamedGauge;
using stats::NamedHistogram;
using stats::Unit;

struct Stats {
  NamedCounter<"downstream_cx_total"> downstream_cx_total;          // Connections accepted.
  NamedGauge<"downstream_cx_active"> downstream_cx_active;          // Open now.
  NamedCounter<"downstream_cx_ssl_total"> downstream_cx_ssl_total;  // Of them TLS.
  NamedGauge<"downstream_cx_ssl_active"> downstream_cx_ssl_active;
  NamedCounter<"downstream_cx_http1_total"> downstream_cx_http1_total;  // Of them HTTP/1.
  NamedGauge<"downstream_cx_http1_active"> downstream_cx_http1_active;
  NamedCounter<"downstream_cx_http2_total"> downstream_cx_http2_total;  // And HTTP/2.
  NamedGauge<"downstream_cx_http2_active"> downstream_cx_http2_active;
  NamedCounter<"downstream_cx_destroy"> downstream_cx_destroy;  // Closed, whoever did it.
  NamedCounter<"downstream_cx_destroy_local"> downstream_cx_destroy_local;
  NamedCounter<"downstream_cx_destroy_remote"> downstream_cx_destroy_remote;
  NamedCounter<"downstream_cx_destroy_active_rq"> downstream_cx_destroy_active_rq;
  NamedCounter<"downstream_cx_destroy_local_active_rq"> downstream_cx_destroy_local_active_rq;
  NamedCounter<"downstream_cx_destroy_remote_active_rq"> downstream_cx_destroy_remote_active_rq;
  NamedCounter<"downstream_cx_drain_close"> downstream_cx_drain_close;    // Told to go: draining.
  NamedCounter<"downstream_cx_idle_timeout"> downstream_cx_idle_timeout;  // Closed unused.
  NamedCounter<"downstream_cx_max_duration_reached"> downstream_cx_max_duration_reached;
  NamedCounter<"downstream_cx_http1_soft_drain"> downstream_cx_http1_soft_drain;  // Of them left
                                                                                  // to the client.
  // Did not take the answer, or end, within delayed_close_timeout.
  NamedCounter<"downstream_cx_delayed_close_timeout"> downstream_cx_delayed_close_timeout;
  NamedCounter<"downstream_cx_upgrades_total"> downstream_cx_upgrades_total;  // And CONNECTs.
  NamedGauge<"downstream_cx_upgrades_active"> downstream_cx_upgrades_active;
  NamedCounter<"downstream_cx_max_requests_reached"> downstream_cx_max_requests_reached;
  NamedCounter<"downstream_cx_protocol_error"> downstream_cx_protocol_error;  // Spoke no HTTP.
  NamedCounter<"downstream_cx_rx_bytes_total"> downstream_cx_rx_bytes_total;
  NamedCounter<"downstream_cx_tx_bytes_total"> downstream_cx_tx_bytes_total;
  NamedHistogram<"downstream_cx_length_ms", Unit::kMilliseconds> downstream_cx_length_ms;
  NamedCounter<"downstream_flow_control_paused_reading_total">
      downstream_flow_control_paused_reading_total;
  NamedCounter<"downstream_flow_control_resumed_reading_total">
      downstream_flow_control_resumed_reading_total;
  NamedCounter<"downstream_rq_total"> downstream_rq_total;              // Requests begun.
  NamedCounter<"downstream_rq_http1_total"> downstream_rq_http1_total;  // Of them HTTP/1.
  NamedCounter<"downstream_rq_http2_total"> downstream_rq_http2_total;  // And HTTP/2.
  NamedGauge<"downstream_rq_active"> downstream_rq_active;              // Without an end yet.
  NamedCounter<"downstream_rq_completed"> downstream_rq_completed;      // Answered.
  NamedCounter<"downstream_rq_1xx"> downstream_rq_1xx;
  NamedCounter<"downstream_rq_2xx"> downstream_rq_2xx;
  NamedCounter<"downstream_rq_3xx"> downstream_rq_3xx;
  NamedCounter<"downstream_rq_4xx"> downstream_rq_4xx;
  NamedCounter<"downstream_rq_5xx"> downstream_rq_5xx;
  NamedCounter<"downstream_rq_idle_timeout"> downstream_rq_idle_timeout;  // Stood still too long.
  NamedCounter<"downstream_rq_header_timeout"> downstream_rq_header_timeout;  // Head took too long.
  NamedCounter<"downstream_rq_timeout"> downstream_rq_timeout;  // Took too long to arrive.
  NamedCounter<"downstream_rq_max_duration_reached"> downstream_rq_max_duration_reached;
  NamedCounter<"downstream_rq_non_relative_path"> downstream_rq_non_relative_path;
  NamedCounter<"downstream_rq_failed_path_normalization"> downstream_rq_failed_path_normalization;
  // Upgrades and CONNECTs that nothing allows: 403.
  NamedCounter<"downstream_rq_ws_on_non_ws_route"> downstream_rq_ws_on_non_ws_route;
  NamedCounter<"downstream_rq_redirected_with_normalized_path">
      downstream_rq_redirected_with_normalized_path;
  NamedCounter<"downstream_rq_response_before_rq_complete">
      downstream_rq_response_before_rq_complete;
  NamedCounter<"downstream_rq_rx_reset"> downstream_rq_rx_reset;  // Ended before both ways had.
  NamedCounter<"downstream_rq_tx_reset"> downstream_rq_tx_reset;  // Cut off by us.
  // Connections closed because clients reset most of what they began.
  NamedCounter<"downstream_rq_too_many_premature_resets"> downstream_rq_too_many_premature_resets;
  NamedCounter<"downstream_rq_too_large"> downstream_rq_too_large;  // 413.
  NamedCounter<"rs_too_large"> rs_too_large;  // Response over the buffer limit.
  NamedHistogram<"downstream_rq_time", Unit::kMilliseconds> downstream_rq_time;
  NamedCounter<"tracing.health_check"> tracing_health_check;  // Requests that are health checks.
};

// `http1.`, of all connection managers together.
struct Http1Stats {
  NamedCounter<"dropped_headers_with_underscores"> dropped_headers_with_underscores;
  NamedCounter<"requests_rejected_with_underscores_in_headers">
      requests_rejected_with_underscores_in_headers;
};

// `listener.<address>.http.<stat_prefix>.`
struct ListenerStats {
  NamedCounter<"downstream_rq_completed"> downstream_rq_completed;
  NamedCounter<"downstream_rq_1xx"> downstream_rq_1xx;
  NamedCounter<"downstream_rq_2xx"> downstream_rq_2xx;
  NamedCounter<"downstream_rq_3xx"> downstream_rq_3xx;
  NamedCounter<"downstream_rq_4xx"> downstream_rq_4xx;
  NamedCounter<"downstream_rq_5xx"> downstream_rq_5xx;
};

}  // namespace remora::connection_manager
