#pragma once

// The statistics of one TCP proxy, `tcp.<stat_prefix>.`, under Envoy's names.
// Declared once here; handles are made once a worker.
// Thread: handles belong to the worker whose shard they were made on. Owner: WorkerConfig. Counting
// cannot fail and takes no lock; unit: events, unless the line says otherwise.

#include "source/stats/group.h"

namespace remora::tcp {

using stats::NamedCounter;
using stats::NamedGauge;

struct Stats {
  NamedCounter<"downstream_cx_total"> downstream_cx_total;        // Connections.
  NamedCounter<"downstream_cx_no_route"> downstream_cx_no_route;  // Their cluster does not exist.
  NamedCounter<"downstream_cx_rx_bytes_total"> downstream_cx_rx_bytes_total;  // Bytes read.
  NamedCounter<"downstream_cx_tx_bytes_total"> downstream_cx_tx_bytes_total;  // Bytes written.
  NamedCounter<"downstream_cx_drain_close"> downstream_cx_drain_close;        // Closed: draining.
  NamedCounter<"downstream_flow_control_paused_reading_total">
      downstream_flow_control_paused_reading_total;
  NamedCounter<"downstream_flow_control_resumed_reading_total">
      downstream_flow_control_resumed_reading_total;
  NamedCounter<"early_data_received_count_total"> early_data_received_count_total;
  NamedCounter<"idle_timeout"> idle_timeout;  // Closed: no byte moved for too long.
  NamedCounter<"max_downstream_connection_duration"> max_downstream_connection_duration;
  // The client is gone, and the upstream has not taken all yet.
  NamedCounter<"upstream_flush_total"> upstream_flush_total;
  NamedGauge<"upstream_flush_active"> upstream_flush_active;
};

}  // namespace remora::tcp
