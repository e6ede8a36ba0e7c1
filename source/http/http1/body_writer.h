#pragma once

// BodyWriter: puts a message's body on the wire as its head announced it (RFC 9112 section 6).
//
// Owner: a codec, for the message it is writing. Chunk sizes are written per OnData call; data is
// moved, not copied (small pieces coalesce in the output's last block). Never fails on a peer's
// account; a body that does not match its announced length is an error of ours and breaks the
// message: the connection must end.

#include <cstdint>

#include "source/buffer/buffer.h"
#include "source/http/header_map.h"

namespace remora::http1 {

enum class BodyMode : uint8_t {
  kNone,  // data is dropped: HEAD, 204, 304, or no body
  kLength,
  kChunked,
  kUntilClose,  // a response to HTTP/1.0; the end of the connection ends it
};

class BodyWriter {
 public:
  void Start(BodyMode mode, uint64_t length) {
    mode_ = mode;
    remaining_ = length;
  }
  BodyMode mode() const { return mode_; }

  // Takes all of `data`. False when it is more than was announced; the excess is dropped.
  bool Write(buffer::Buffer& data, buffer::Buffer& output);
  // Ends the body; trailers are written after a chunked one. False when bytes are missing.
  bool End(const http::HeaderMap* trailers, buffer::Buffer& output);

 private:
  uint64_t remaining_ = 0;
  BodyMode mode_ = BodyMode::kNone;
};

}  // namespace remora::http1
