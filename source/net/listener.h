#pragma once

// Listener: accepts connections from one listening socket of one worker.
//
// Owner: the worker. Thread: the worker's. Level-triggered; a wake-up accepts at most
// `max_accepts` so that a storm does not starve live connections. When descriptors run out
// (EMFILE) accepting pauses for kRetry instead of spinning, and goes on by itself.

#include <cstdint>

#include "source/event/dispatcher.h"
#include "source/net/address.h"
#include "source/net/socket.h"

namespace remora::net {

// Receives accepted sockets.
class AcceptHandler {
 public:
  virtual void OnAccept(Socket socket, const Address& remote) = 0;

 protected:
  ~AcceptHandler() = default;
};

class Listener final {
 public:
  static constexpr event::Duration kRetry = 100 * event::kMillisecond;
  static constexpr uint32_t kDefaultMaxAccepts = 32;

  Listener(event::Dispatcher& dispatcher, Socket socket, AcceptHandler& handler,
           uint32_t max_accepts = kDefaultMaxAccepts);
  // Stops accepting; the socket is closed.
  ~Listener() = default;

  // Hands out what has already connected and waits, then closes the socket: whoever connects from
  // now on is refused. Not from within OnAccept.
  void Stop();
  // Closes its descriptor at once: whoever has connected, or will, is accepted by another one that
  // has the same socket.
  void Leave();

  int fd() const { return socket_.fd(); }

 private:
  // At most `most` connections; false when the process cannot take one now.
  bool AcceptSome(uint32_t most);
  void Accept();

  event::Dispatcher& dispatcher_;
  Socket socket_;
  AcceptHandler& handler_;
  uint32_t max_accepts_;
  event::Timer retry_;
  event::FileEvent event_;
};

}  // namespace remora::net
