#pragma once

// TransportSocket: the door between a connection and how its bytes travel (plaintext, TLS, a pipe
// in memory for tests).
//
// Owner: one Connection. Thread: its worker. Sans-policy: it moves bytes and reports; the
// connection decides. A transport never calls the connection.

#include <cstddef>
#include <cstdint>

#include "source/buffer/buffer.h"

namespace remora::net {

struct IoResult {
  enum class Next : uint8_t {
    kWait,   // nothing more to do until the next readiness event
    kAgain,  // stopped by the budget: there may be more
    kEnd,    // the peer has sent its FIN and everything before it was read
    kError,  // the connection is broken; `error` is an errno value
  };
  Next next = Next::kWait;
  int error = 0;
  size_t bytes = 0;
};

class TransportSocket {
 public:
  virtual ~TransportSocket() = default;

  // Called once when the descriptor is connected (accepted, or connect succeeded).
  virtual void Start(int fd) = 0;
  // Reads at most about `budget` bytes to the end of `input`. `peer_closed` says that the kernel
  // has reported the peer's FIN, so a short read is not yet the end.
  virtual IoResult Read(int fd, buffer::Buffer& input, size_t budget, bool peer_closed) = 0;
  // Sends from the front of `output` and drains what was taken.
  virtual IoResult Write(int fd, buffer::Buffer& output) = 0;
};

}  // namespace remora::net
