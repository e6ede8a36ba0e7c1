#pragma once

// Peer: the other end of a connection under test, a plain non-blocking descriptor driven by hand.

#include <string>
#include <string_view>
#include <utility>

#include "source/net/socket.h"

namespace remora::fakes {

class Peer final {
 public:
  explicit Peer(net::Socket socket) : socket_(std::move(socket)) {}

  // Bytes that the kernel took.
  size_t Send(std::string_view text);
  // Everything that is there now. `ended` tells whether the end was seen.
  std::string Receive();
  bool ended() const { return ended_; }
  // FIN; everything closed; RST (TCP only).
  void FinishSending();
  void Close() { socket_.Close(); }
  void Abort();
  int fd() const { return socket_.fd(); }

 private:
  net::Socket socket_;
  bool ended_ = false;
};

// Two connected ends: a Unix socket pair, or TCP over the loopback address.
std::pair<net::Socket, net::Socket> UnixPair();
std::pair<net::Socket, net::Socket> TcpPair();

}  // namespace remora::fakes
