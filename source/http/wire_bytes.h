#pragma once

// WireBytes: what one exchange put on a connection and took from it, framing included.
//
// A plain value: the codec adds, logs read. Owner: the exchange's StreamInfo. Thread: its worker.

#include <cstdint>

namespace remora::http {

struct WireBytes {
  uint64_t received = 0;
  uint64_t sent = 0;
  uint64_t head_received = 0;  // of them heads
  uint64_t head_sent = 0;
};

}  // namespace remora::http
