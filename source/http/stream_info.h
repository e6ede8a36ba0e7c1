#pragma once

// StreamInfo: the facts of one exchange that logs, filters and statistics ask for.
//
// Owner: the server stream. Thread: its worker. Plain members: whoever learns a fact writes it.
// Strings are views into the stream's arena, the configuration the stream pins, or literals.
// Times are nanoseconds, sizes bytes. Nothing in it fails.

#include <cstdint>
#include <string_view>

#include "source/event/clock.h"
#include "source/http/message.h"
#include "source/http/response_flags.h"

namespace remora::http {

struct StreamInfo {
  int64_t start_wall = 0;      // nanoseconds since the Unix epoch
  event::TimePoint start = 0;  // monotonic, quantised to the turn
  event::TimePoint request_end = 0;
  event::TimePoint upstream_first_byte = 0;
  uint64_t bytes_received = 0;  // body bytes
  uint64_t bytes_sent = 0;
  uint16_t response_code = 0;  // 0: none was sent
  ResponseFlags flags;
  std::string_view response_code_details;
  std::string_view route_name;
  std::string_view cluster_name;
  std::string_view upstream_host;  // ip:port of the host that was used last
  uint32_t upstream_attempts = 0;
  Version version = Version::kHttp11;
};

}  // namespace remora::http
