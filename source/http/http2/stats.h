#pragma once

// The statistics of HTTP/2 codecs, `http2.` (all connection managers together) and
// `cluster.<name>.http2.`, under Envoy's names.
//
// Declared once here; handles are made once a worker. Owner: whoever owns the CodecOptions they are
// part of. Thread: that worker. Counting cannot fail and takes no lock. Source: Envoy docs, HTTP/2
// codec statistics.

#include "source/stats/group.h"

namespace remora::http2 {

using stats::NamedCounter;
using stats::NamedGauge;

struct Stats {
  NamedCounter<"dropped_headers_with_underscores"> dropped_headers_with_underscores;
  NamedCounter<"goaway_sent"> goaway_sent;
  NamedCounter<"header_overflow"> header_overflow;  // Heads with too many bytes or fields.
  NamedCounter<"headers_cb_no_stream"> headers_cb_no_stream;  // Heads for streams that are gone.
  NamedCounter<"inbound_empty_frames_flood"> inbound_empty_frames_flood;
  NamedCounter<"inbound_priority_frames_flood"> inbound_priority_frames_flood;
  NamedCounter<"inbound_window_update_frames_flood"> inbound_window_update_frames_flood;
  NamedCounter<"keepalive_timeout"> keepalive_timeout;          // No sign of life: closed.
  NamedCounter<"metadata_empty_frames"> metadata_empty_frames;  // Stays 0: METADATA is not read.
  NamedCounter<"outbound_control_flood"> outbound_control_flood;
  NamedCounter<"outbound_flood"> outbound_flood;
  NamedCounter<"requests_rejected_with_underscores_in_headers">
      requests_rejected_with_underscores_in_headers;
  NamedCounter<"rx_messaging_error"> rx_messaging_error;        // Malformed messages.
  NamedCounter<"rx_reset"> rx_reset;                            // Streams that the peer reset.
  NamedCounter<"stream_refused_errors"> stream_refused_errors;  // Streams refused: too many.
  NamedCounter<"trailers"> trailers;                            // Messages that came with trailers.
  NamedCounter<"tx_flush_timeout"> tx_flush_timeout;  // Answers that the peer's window held up.
  NamedCounter<"tx_reset"> tx_reset;                  // Streams that we reset.
  NamedGauge<"streams_active"> streams_active;
  NamedGauge<"pending_send_bytes"> pending_send_bytes;        // Wait for a window.
  NamedGauge<"deferred_stream_close"> deferred_stream_close;  // Over, but not yet read to its end.
  NamedGauge<"outbound_frames_active"> outbound_frames_active;
  NamedGauge<"outbound_control_frames_active"> outbound_control_frames_active;
};

}  // namespace remora::http2
