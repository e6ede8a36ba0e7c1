#include "source/net/socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace remora::net {
namespace {

absl::Status Failed(std::string_view what, int error) {
  return absl::UnavailableError(
      absl::StrCat(std::string(what), ": ", std::string(strerror(error))));
}

absl::Status SetInt(int fd, int level, int name, int value, std::string_view what) {
  if (setsockopt(fd, level, name, &value, sizeof(value)) == 0) return absl::OkStatus();
  return Failed(absl::StrCat("setsockopt ", std::string(what)), errno);
}

// A Unix-socket file that nobody listens on any more is left over from a crash.
bool IsStaleUnixSocket(const Address& address) {
  if (address.path()[0] == '@') return false;
  struct stat info;
  if (stat(address.path().c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  Socket probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage;
  const socklen_t length = address.Fill(storage);
  return connect(probe.fd(), reinterpret_cast<sockaddr*>(&storage), length) != 0 &&
         errno == ECONNREFUSED;
}

absl::Status SetTransparent(int fd, bool v6) {
  return v6 ? SetInt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1, "IPV6_TRANSPARENT")
            : SetInt(fd, IPPROTO_IP, IP_TRANSPARENT, 1, "IP_TRANSPARENT");
}

absl::Status SetFreebind(int fd, bool v6) {
  return v6 ? SetInt(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1, "IPV6_FREEBIND")
            : SetInt(fd, IPPROTO_IP, IP_FREEBIND, 1, "IP_FREEBIND");
}

absl::Status PrepareListener(int fd, const Address& address, const ListenOptions& options) {
  absl::Status status = SetInt(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  if (!status.ok() || !address.is_ip()) return status;
  if (options.reuse_port) status.Update(SetInt(fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT"));
  // Accepted sockets inherit it, which saves a system call a connection.
  status.Update(SetInt(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"));
  const bool v6 = address.kind() == Address::Kind::kIpv6;
  if (v6) {
    status.Update(
        SetInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.ipv4_compat ? 0 : 1, "IPV6_V6ONLY"));
  }
  if (options.transparent) status.Update(SetTransparent(fd, v6));
  if (options.freebind) status.Update(SetFreebind(fd, v6));
  if (options.keepalive.has_value()) status.Update(SetKeepalive(fd, *options.keepalive));
  if (options.fast_open_queue.has_value()) {
    status.Update(SetInt(fd, IPPROTO_TCP, TCP_FASTOPEN,
                         static_cast<int>(std::min<uint32_t>(*options.fast_open_queue, INT_MAX)),
                         "TCP_FASTOPEN"));
  }
  return status;
}

absl::Status BindSource(int fd, bool v6, const Source& source) {
  absl::Status status;
  if (source.transparent) status.Update(SetTransparent(fd, v6));
  if (source.freebind) status.Update(SetFreebind(fd, v6));
  if (source.mark != 0) {
    status.Update(SetInt(fd, SOL_SOCKET, SO_MARK, static_cast<int>(source.mark), "SO_MARK"));
  }
  status.Update(ApplyOptions(fd, source.options, SocketOption::State::kPrebind));
  if (source.address.is_ip()) {
    // Without a port the kernel waits with its choice for connect, so that two connections to
    // different places may have the same one.
    if (source.address.port() == 0) {
      status.Update(SetInt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, "IP_BIND_ADDRESS_NO_PORT"));
    } else {
      status.Update(SetInt(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"));
    }
    if (!status.ok()) return status;
    sockaddr_storage storage;
    const socklen_t length = source.address.Fill(storage);
    if (bind(fd, reinterpret_cast<sockaddr*>(&storage), length) != 0) {
      return Failed(absl::StrCat("cannot bind '", source.address.ToString(), "'"), errno);
    }
  }
  status.Update(ApplyOptions(fd, source.options, SocketOption::State::kBound));
  return status;
}

int SystemBacklog() {
  std::ifstream file("/proc/sys/net/core/somaxconn");
  int value = 0;
  return file >> value && value > 0 ? value : 128;
}

}  // namespace

void Socket::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

absl::Status SetKeepalive(int fd, const TcpKeepalive& keepalive) {
  absl::Status status = SetInt(fd, SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE");
  const auto set = [&](const std::optional<uint32_t>& value, int name, const char* what) {
    if (value.has_value()) {
      status.Update(SetInt(fd, IPPROTO_TCP, name, static_cast<int>(*value), what));
    }
  };
  set(keepalive.probes, TCP_KEEPCNT, "TCP_KEEPCNT");
  set(keepalive.time_seconds, TCP_KEEPIDLE, "TCP_KEEPIDLE");
  set(keepalive.interval_seconds, TCP_KEEPINTVL, "TCP_KEEPINTVL");
  return status;
}

absl::Status ApplyOptions(int fd, const std::vector<SocketOption>& options,
                          SocketOption::State state) {
  for (const SocketOption& option : options) {
    if (option.state != state) continue;
    if (setsockopt(fd, option.level, option.name, option.value.data(),
                   static_cast<socklen_t>(option.value.size())) != 0) {
      return Failed(absl::StrCat("setsockopt level ", option.level, " name ", option.name), errno);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Socket> BindListener(const Address& address, const ListenOptions& options) {
  Socket socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return Failed("socket", errno);
  absl::Status status = PrepareListener(socket.fd(), address, options);
  status.Update(ApplyOptions(socket.fd(), options.options, SocketOption::State::kPrebind));
  if (!status.ok()) return status;

  if (address.kind() == Address::Kind::kUnix && IsStaleUnixSocket(address)) {
    unlink(address.path().c_str());  // bind below reports it if this did not help
  }
  sockaddr_storage storage;
  const socklen_t length = address.Fill(storage);
  if (bind(socket.fd(), reinterpret_cast<sockaddr*>(&storage), length) != 0) {
    return Failed(absl::StrCat("cannot bind '", address.ToString(), "'"), errno);
  }
  if (address.kind() == Address::Kind::kUnix && address.mode() != 0 && address.path()[0] != '@' &&
      chmod(address.path().c_str(), address.mode()) != 0) {
    return Failed(absl::StrCat("cannot set the mode of '", address.ToString(), "'"), errno);
  }
  status = ApplyOptions(socket.fd(), options.options, SocketOption::State::kBound);
  if (!status.ok()) return status;
  return socket;
}

absl::Status StartListening(const Socket& socket, const ListenOptions& options) {
  const int backlog = options.backlog != 0 ? static_cast<int>(options.backlog) : SystemBacklog();
  if (listen(socket.fd(), backlog) != 0) return Failed("listen", errno);
  return ApplyOptions(socket.fd(), options.options, SocketOption::State::kListening);
}

absl::StatusOr<Socket> StartConnect(const Address& address,
                                    const std::optional<TcpKeepalive>& keepalive,
                                    const Source* source) {
  Socket socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return Failed("socket", errno);
  if (address.is_ip()) {
    absl::Status status = SetInt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
    if (keepalive.has_value()) status.Update(SetKeepalive(socket.fd(), *keepalive));
    if (source != nullptr) {
      status.Update(BindSource(socket.fd(), address.kind() == Address::Kind::kIpv6, *source));
    }
    if (!status.ok()) return status;
  }
  sockaddr_storage storage;
  const socklen_t length = address.Fill(storage);
  if (connect(socket.fd(), reinterpret_cast<sockaddr*>(&storage), length) != 0 &&
      errno != EINPROGRESS) {
    return Failed("connect", errno);
  }
  return socket;
}

void ResetOnClose(int fd) {
  const linger at_once{1, 0};
  // A failure leaves it with the FIN: the socket is ending all the same.
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

Address LocalAddress(int fd) {
  sockaddr_storage storage;
  socklen_t length = sizeof(storage);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return Address();
  return Address::FromSocket(storage, length);
}

Address OriginalDestination(int fd) {
  Address local = LocalAddress(fd);
  if (!local.is_ip()) return Address();
  // The option belongs to the protocol that the packets have, which on a dual-stack socket is not
  // the socket's own; Address knows.
  const bool v6 = local.kind() == Address::Kind::kIpv6;
  int transparent = 0;
  socklen_t size = sizeof(transparent);
  if (getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT,
                 &transparent, &size) == 0 &&
      transparent != 0) {
    return local;
  }
  // From linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h: the same number.
  constexpr int kOriginalDestination = 80;
  sockaddr_storage storage;
  socklen_t length = sizeof(storage);
  if (getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, kOriginalDestination, &storage, &length) !=
      0) {
    return Address();
  }
  // The kernel answers for every connection that it tracks.
  const Address original = Address::FromSocket(storage, length);
  return original == local ? Address() : original;
}

}  // namespace remora::net
