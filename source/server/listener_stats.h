#pragma once

// What a listener counts on one worker: `listener.<address>.` and
// `listener.<address>.worker_<N>.`.
//
// Owner: ActiveListener. Thread: its worker's. Nothing fails. Units: numbers of connections, but
// where a line says otherwise. Source: Envoy docs, listener statistics.

#include "source/stats/group.h"

namespace remora::server {

// `listener.<address>.`
struct ListenerStats {
  stats::NamedCounter<"downstream_cx_total"> downstream_cx_total;      // Connections with a chain.
  stats::NamedCounter<"downstream_cx_destroy"> downstream_cx_destroy;  // Closed.
  stats::NamedGauge<"downstream_cx_active"> downstream_cx_active;      // Open now.
  stats::NamedHistogram<"downstream_cx_length_ms", stats::Unit::kMilliseconds>
      downstream_cx_length_ms;
  stats::NamedCounter<"no_filter_chain_match"> no_filter_chain_match;  // Closed: no chain fits.
  // Closed: more than the listener's limit, and the limit of all listeners.
  stats::NamedCounter<"downstream_cx_overflow"> downstream_cx_overflow;
  stats::NamedCounter<"downstream_global_cx_overflow"> downstream_global_cx_overflow;
  // Closed: the handshake has taken longer than transport_socket_connect_timeout.
  stats::NamedCounter<"downstream_cx_transport_socket_connect_timeout">
      downstream_cx_transport_socket_connect_timeout;
  // Connections that listener filters are looking at; whose time was over.
  stats::NamedGauge<"downstream_pre_cx_active"> downstream_pre_cx_active;
  stats::NamedCounter<"downstream_pre_cx_timeout"> downstream_pre_cx_timeout;
  // The peer went before the filters were done; the socket could not be read.
  stats::NamedCounter<"downstream_listener_filter_remote_close">
      downstream_listener_filter_remote_close;
  stats::NamedCounter<"downstream_listener_filter_error"> downstream_listener_filter_error;
};

// `listener.<address>.worker_<N>.`
struct ListenerWorkerStats {
  stats::NamedCounter<"downstream_cx_total"> downstream_cx_total;
  stats::NamedGauge<"downstream_cx_active"> downstream_cx_active;
};

}  // namespace remora::server
