#pragma once

// Process-wide statistics that main sets: `server.`, `listener_manager.`, `cluster_manager.`.
// Owner: Server. Thread: main, whose shard the handles are made on; gauges are set, not counted.
// Nothing fails. Units: as the line says, else numbers of things.
//
// Source: Envoy docs, server and manager statistics.

#include "source/stats/group.h"

namespace remora::server {

using stats::NamedCounter;
using stats::NamedGauge;
using stats::NamedHistogram;

// `server.`
struct ServerStats {
  NamedGauge<"concurrency"> concurrency;              // Workers.
  NamedGauge<"hot_restart_epoch"> hot_restart_epoch;  // --restart-epoch.
  NamedGauge<"live"> live;                            // 1 while serving and not draining.
  NamedGauge<"state"> state;                          // 0 LIVE, 1 DRAINING, 2 PRE_INITIALIZING, 3.
  NamedGauge<"uptime"> uptime;                        // Seconds.
  // Of all TLS contexts; 4294967295: there is none.
  NamedGauge<"days_until_first_cert_expiring"> days_until_first_cert_expiring;
  NamedGauge<"total_connections"> total_connections;  // Downstream connections open; not admin's.
  NamedGauge<"memory_allocated"> memory_allocated;    // Bytes in use by the allocator.
  NamedGauge<"memory_heap_size"> memory_heap_size;    // Bytes it took from the system.
  NamedGauge<"memory_physical_size"> memory_physical_size;      // Resident bytes.
  NamedCounter<"static_unknown_fields"> static_unknown_fields;  // Ignored at load.
  NamedCounter<"dynamic_unknown_fields"> dynamic_unknown_fields;
  NamedHistogram<"initialization_time_ms", stats::Unit::kMilliseconds> initialization_time_ms;
};

// `listener_manager.`
struct ListenerManagerStats {
  NamedCounter<"listener_added"> listener_added;
  NamedCounter<"listener_create_failure"> listener_create_failure;  // On a worker.
  NamedCounter<"listener_create_success"> listener_create_success;
  // Versions that left the filter chains alone that did not change.
  NamedCounter<"listener_in_place_updated"> listener_in_place_updated;
  NamedCounter<"listener_modified"> listener_modified;
  NamedCounter<"listener_removed"> listener_removed;
  NamedCounter<"listener_stopped"> listener_stopped;
  NamedGauge<"total_listeners_active"> total_listeners_active;
  NamedGauge<"total_listeners_warming"> total_listeners_warming;
  NamedGauge<"total_listeners_draining"> total_listeners_draining;
  NamedGauge<"total_filter_chains_draining"> total_filter_chains_draining;
  NamedGauge<"workers_started"> workers_started;  // 1 once they run.
};

// `cluster_manager.`
struct ClusterManagerStats {
  NamedCounter<"cluster_added"> cluster_added;
  NamedCounter<"cluster_modified"> cluster_modified;
  NamedCounter<"cluster_removed"> cluster_removed;
  NamedCounter<"cluster_updated"> cluster_updated;  // Only its endpoints.
  NamedGauge<"active_clusters"> active_clusters;
  NamedGauge<"warming_clusters"> warming_clusters;
};

}  // namespace remora::server
