#pragma once

// TransportSocket: the door between a connection and how its bytes travel (plaintext, TLS, a pipe
// in memory for tests).
//
// Owner: one Connection. Thread: its worker. Sans-policy: it moves bytes and reports; the
// connection decides. A transport never calls the connection.
//
// A transport with a handshake says so in Start. From then on Read drives the handshake, which
// writes by itself, until a result says `connected`; Write is not called before. After it, bytes
// of the transport's own (tickets, an answer to the peer's key update) wait for the next Write,
// which is asked for by `pending`, so that they leave together with a response.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "source/buffer/buffer.h"

namespace remora::net {

class TlsFacts;

struct IoResult {
  enum class Next : uint8_t {
    kWait,    // nothing more to do until the next readiness event
    kAgain,   // stopped by the budget: there may be more
    kEnd,     // the peer has ended its direction and everything before it was read
    kCut,     // the same, but the transport's own end is missing: bytes may have been cut off
    kError,   // the connection is broken; `error` is an errno value
    kFailed,  // the transport refused the peer or was refused: TransportSocket::failure() says why
  };
  Next next = Next::kWait;
  int error = 0;
  size_t bytes = 0;
  bool connected = false;  // the handshake ended with this call
  bool held = false;       // the handshake stands still until Release
  bool pending = false;    // the transport has bytes of its own to write
};

class TransportSocket {
 public:
  enum class Started : uint8_t { kConnected, kHandshake };

  virtual ~TransportSocket() = default;

  // Called once when the descriptor is connected (accepted, or connect succeeded).
  virtual Started Start(int fd) = 0;
  // Reads at most about `budget` bytes to the end of `input`. `peer_closed` says that the kernel
  // has reported the peer's FIN, so a short read is not yet the end. After kFailed it throws away
  // what comes.
  virtual IoResult Read(int fd, buffer::Buffer& input, size_t budget, bool peer_closed) = 0;
  // Sends its own bytes, then from the front of `output`, and drains what was taken. `pending`
  // afterwards: the kernel did not take all that was drained.
  virtual IoResult Write(int fd, buffer::Buffer& output) = 0;
  // Our direction ends: sends what the transport has to say about that (close_notify), if its
  // handshake has ended. `pending`: another Write is needed for it. Called once.
  virtual IoResult Finish(int) { return {}; }

  // Before Start of an accepted socket: the handshake stops where the peer's greeting was read
  // (`held`) and nothing is answered, until Release.
  virtual void Hold() {}
  virtual void Release() {}

  // Null: the bytes travel in the open.
  virtual const TlsFacts* tls() const { return nullptr; }
  // Why it failed, in words for logs; empty: it did not.
  virtual std::string_view failure() const { return {}; }
};

}  // namespace remora::net
