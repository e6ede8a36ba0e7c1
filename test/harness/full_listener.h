#pragma once

// FullListener: a listening socket whose queue is full: whoever connects to it waits for ever.

#include <vector>

#include "source/net/socket.h"
#include "test/harness/wire.h"

namespace remora::harness {

class FullListener {
 public:
  FullListener() {
    net::ListenOptions options;
    options.backlog = 1;
    absl::StatusOr<net::Socket> bound =
        net::BindListener(*net::Address::Ip("127.0.0.1", 0), options);
    if (!bound.ok()) throw WireError(std::string(bound.status().message()));
    listener_ = *std::move(bound);
    const absl::Status status = net::StartListening(listener_, options);
    if (!status.ok()) throw WireError(std::string(status.message()));
    // The kernel takes one more than the backlog.
    for (int i = 0; i < 2; ++i) fillers_.push_back(Connect(address()));
  }
  net::Address address() const { return net::LocalAddress(listener_.fd()); }

 private:
  net::Socket listener_;
  std::vector<Wire> fillers_;
};

}  // namespace remora::harness
