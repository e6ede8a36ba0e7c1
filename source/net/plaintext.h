#pragma once

// Plaintext: the transport socket that adds nothing: recv and writev.
//
// Never reads to EAGAIN: a short read proves the socket empty, because the kernel reports the
// peer's FIN separately (EPOLLRDHUP). The read size follows the traffic: one block for messages,
// up to 256 KiB for bulk.

#include "source/net/transport_socket.h"

namespace remora::net {

class Plaintext final : public TransportSocket {
 public:
  Started Start(int) override { return Started::kConnected; }
  IoResult Read(int fd, buffer::Buffer& input, size_t budget, bool peer_closed) override;
  IoResult Write(int fd, buffer::Buffer& output) override;

 private:
  uint8_t pieces_ = 1;  // blocks of the next read
};

}  // namespace remora::net
