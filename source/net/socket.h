#pragma once

// Socket: owns a file descriptor, and the few calls that make one. SocketOption values come from
// the configuration and are applied at the stated moment. Failures are Status with errno's text.
//
// Owner: whoever holds the Socket; closing is its destructor. Any thread. Nothing here blocks: all
// sockets are non-blocking from the start.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "source/net/address.h"

namespace remora::net {

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() { Close(); }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  int fd() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void Close();

 private:
  int fd_ = -1;
};

// envoy.config.core.v3.SocketOption.
struct SocketOption {
  enum class State : uint8_t { kPrebind, kBound, kListening };
  int level = 0;
  int name = 0;
  std::string value;  // the option's bytes, as setsockopt takes them
  State state = State::kPrebind;
};

// envoy.config.core.v3.TcpKeepalive; an absent part is the system's default.
struct TcpKeepalive {
  std::optional<uint32_t> probes;
  std::optional<uint32_t> time_seconds;
  std::optional<uint32_t> interval_seconds;
};

// Where an outgoing connection comes from.
struct Source {
  Address address;           // kNone: the kernel chooses; port 0: so does it
  bool transparent = false;  // the address is somebody else's (IP_TRANSPARENT)
  bool freebind = false;     // the address need not be there
  uint32_t mark = 0;         // of its packets (SO_MARK); 0: none
  std::vector<SocketOption> options;
};

struct ListenOptions {
  bool reuse_port = true;
  bool ipv4_compat = false;  // a v6 wildcard that takes v4 too
  bool transparent = false;
  bool freebind = false;
  std::optional<uint32_t> fast_open_queue;  // absent: the system's choice
  uint32_t backlog = 0;                     // 0: the system's somaxconn
  std::optional<TcpKeepalive> keepalive;
  std::vector<SocketOption> options;
};

absl::Status SetKeepalive(int fd, const TcpKeepalive& keepalive);
absl::Status ApplyOptions(int fd, const std::vector<SocketOption>& options,
                          SocketOption::State state);

// A bound, non-blocking listening socket that does not listen yet (connections are refused until
// StartListening). A stale Unix-socket file is replaced.
absl::StatusOr<Socket> BindListener(const Address& address, const ListenOptions& options);
absl::Status StartListening(const Socket& socket, const ListenOptions& options);

// A non-blocking socket on its way to `address`; connection errors show up when it is used.
// `source`: where it comes from, if it is an IP connection; null: the kernel chooses.
absl::StatusOr<Socket> StartConnect(const Address& address,
                                    const std::optional<TcpKeepalive>& keepalive,
                                    const Source* source = nullptr);

// Closing it will send a reset in place of a FIN, and drop what was not sent.
void ResetOnClose(int fd);

// The address a socket is bound to.
Address LocalAddress(int fd);

// Where the peer of an accepted connection wanted to go before the kernel's NAT redirected it; on a
// transparent socket its own address. kNone: it was not redirected.
Address OriginalDestination(int fd);

}  // namespace remora::net
