#pragma once

// FieldBytes: how many bytes of a head count as header bytes (%DOWNSTREAM_HEADER_BYTES_SENT% and
// its like), as Envoy counts them in HTTP/1: the fields, without the first line and the empty one,
// and of what was received without the space behind each colon.
//
// A pure function, any thread; nothing fails.

#include <cstdint>

namespace remora::http1 {

// `received_fields`: how many fields were received; 0 for a head that was sent.
inline uint64_t FieldBytes(uint64_t head, uint64_t first_line, uint64_t received_fields) {
  constexpr uint64_t kEmptyLine = 2;
  const uint64_t rest = first_line + kEmptyLine + received_fields;
  return head > rest ? head - rest : 0;
}

}  // namespace remora::http1
