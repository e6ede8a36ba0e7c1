#include "test/fakes/peer.h"

#include <errno.h>
#include <sys/socket.h>

#include <stdexcept>

namespace remora::fakes {

size_t Peer::Send(std::string_view text) {
  size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t n = send(socket_.fd(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n < 0) break;
    sent += static_cast<size_t>(n);
  }
  return sent;
}

std::string Peer::Receive() {
  std::string text;
  char piece[65536];
  while (true) {
    const ssize_t n = recv(socket_.fd(), piece, sizeof(piece), 0);
    if (n == 0) ended_ = true;
    if (n <= 0) return text;
    text.append(piece, static_cast<size_t>(n));
  }
}

void Peer::FinishSending() { shutdown(socket_.fd(), SHUT_WR); }

void Peer::Abort() {
  const linger now = {1, 0};
  setsockopt(socket_.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  socket_.Close();
}

std::pair<net::Socket, net::Socket> UnixPair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
    throw std::runtime_error("socketpair");
  }
  return {net::Socket(fds[0]), net::Socket(fds[1])};
}

std::pair<net::Socket, net::Socket> TcpPair() {
  auto listening = net::BindListener(*net::Address::Ip("127.0.0.1", 0), {});
  if (!listening.ok() || !net::StartListening(*listening, {}).ok()) {
    throw std::runtime_error("listen");
  }
  auto client = net::StartConnect(net::LocalAddress(listening->fd()), std::nullopt);
  if (!client.ok()) throw std::runtime_error("connect");
  int fd = -1;
  // Over the loopback address the handshake is done when connect returns.
  while ((fd = accept4(listening->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0) {
    if (errno != EAGAIN) throw std::runtime_error("accept");
  }
  return {net::Socket(fd), *std::move(client)};
}

}  // namespace remora::fakes
