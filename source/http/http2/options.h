#pragma once

// What a connection of HTTP/2 may use and cost: Envoy's Http2ProtocolOptions with its defaults.
//
// Plain values, made by a translator, shared by all connections of a listener or a cluster; they
// outlive the codecs that point at them. Thread: any, immutable. Nothing fails: a translator has
// checked the ranges (RFC 9113 section 6.5.2).

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "source/event/clock.h"
#include "source/http/codec.h"
#include "source/http/http2/memory.h"
#include "source/http/http2/stats.h"

namespace remora::http2 {

// A connection that nothing was read from for an interval is asked for a sign of life.
struct KeepaliveOptions {
  event::Duration interval = 0;  // 0: no pings while the connection is in use
  event::Duration timeout = 0;
  double jitter_percent = 15;
  event::Duration idle_interval = 0;  // unused so long: a ping before the next stream; 0: none
};

struct ProtocolOptions {
  static constexpr uint32_t kMaxStreams = 0x7fffffff;
  static constexpr uint32_t kLeastWindow = 65535;
  static constexpr uint32_t kLargestWindow = 0x7fffffff;
  static constexpr uint32_t kDefaultStreamWindow = 16 * 1024 * 1024;

  uint32_t hpack_table_size = 4096;
  uint32_t max_concurrent_streams = 1024;
  // 0: the default, see CodecOptions.
  uint32_t initial_stream_window_size = 0;
  uint32_t initial_connection_window_size = 24 * 1024 * 1024;
  bool allow_connect = false;  // extended CONNECT (RFC 8441)
  // What may wait for a peer that does not read.
  uint32_t max_outbound_frames = 10000;
  uint32_t max_outbound_control_frames = 1000;
  // What a peer may send that brings nobody further.
  uint32_t max_consecutive_inbound_frames_with_empty_payload = 1;
  uint32_t max_inbound_priority_frames_per_stream = 100;
  uint32_t max_inbound_window_update_frames_per_data_frame_sent = 10;
  // A malformed message ends its stream only; else its connection.
  bool stream_error_on_invalid_message = false;
  KeepaliveOptions keepalive;
  std::vector<std::pair<uint16_t, uint32_t>> custom_settings;
};

struct CodecOptions {
  ProtocolOptions protocol;
  uint32_t max_header_bytes = 60 * 1024;  // names and values of one block
  uint32_t max_headers = 100;
  // Informational responses before one final one (clients).
  uint32_t max_informational = 64;
  // Bytes of one stream that wait for the peer's window before its source is paused; 0: no limit.
  uint32_t stream_buffer_limit = 1024 * 1024;
  http::UnderscoreNames underscore_names = http::UnderscoreNames::kAllow;
  Stats stats;
  Memory* memory = nullptr;  // of the worker's connections; null: the heap

  // A stream's share of a connection's limit (0: none): the other half is for what waits in the
  // connection's output.
  void ShareBuffer(uint32_t connection_limit) {
    stream_buffer_limit = connection_limit / 2 + connection_limit % 2;
  }

  // The window of a stream: all of it can lie here when the reader is slow. Where none is
  // configured it is half of what a stream may buffer, so that window and the reader's connection
  // together hold little more than that, whoever sends.
  uint32_t StreamWindow() const {
    if (protocol.initial_stream_window_size != 0) return protocol.initial_stream_window_size;
    constexpr uint32_t kDefault = ProtocolOptions::kDefaultStreamWindow;
    if (stream_buffer_limit == 0) return kDefault;
    return std::clamp(stream_buffer_limit / 2, ProtocolOptions::kLeastWindow, kDefault);
  }
};

}  // namespace remora::http2
