#pragma once

// Signals: turns POSIX signals into callbacks on main's dispatcher (signalfd), so that no handler
// ever runs in the middle of anything. Block() must be called before any thread starts, or the
// threads would take the signals.
// Owner: Server. Thread: main. Set-up failures abort: without signals nobody could end the process.

#include <functional>

#include "source/event/dispatcher.h"
#include "source/net/socket.h"

namespace remora::server {

class Signals {
 public:
  // Blocks SIGTERM, SIGINT, SIGUSR1; ignores SIGHUP and SIGPIPE.
  static void Block();

  // `callback` gets the signal's number.
  Signals(event::Dispatcher& dispatcher, std::function<void(int)> callback);

 private:
  void Read();

  std::function<void(int)> callback_;
  net::Socket fd_;
  event::FileEvent event_;
};

}  // namespace remora::server
