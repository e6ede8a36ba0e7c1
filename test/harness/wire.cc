#include "test/harness/wire.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace remora::harness {
namespace {

constexpr size_t kReadSize = 256 * 1024;

[[noreturn]] void Fail(const std::string& what, int error) {
  throw WireError(what + ": " + strerror(error));
}

}  // namespace

Wire::Wire(Wire&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), bytes_(std::move(other.bytes_)), end_(other.end_) {}

Wire& Wire::operator=(Wire&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = std::exchange(other.fd_, -1);
    bytes_ = std::move(other.bytes_);
    end_ = other.end_;
  }
  return *this;
}

void Wire::Await(short events, const char* what) {
  pollfd poll_fd = {fd_, events, 0};
  const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience).count();
  const int ready = poll(&poll_fd, 1, static_cast<int>(patience));
  if (ready == 0) throw WireError(std::string(what) + " in vain; so far: \"" + bytes_ + "\"");
  if (ready < 0) Fail("poll", errno);
}

// What is left when the peer has ended the connection, with the reason in errno.
std::string_view Wire::SendSome(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
    } else if (errno == EAGAIN) {
      Await(POLLOUT, "waited to send");
    } else if (errno == EPIPE || errno == ECONNRESET) {
      break;
    } else if (errno != EINTR) {
      Fail("send", errno);
    }
  }
  return bytes;
}

void Wire::Send(std::string_view bytes) {
  if (!SendSome(bytes).empty()) Fail("send", errno);
}

void Wire::SendUnlessClosed(std::string_view bytes) { SendSome(bytes); }

size_t Wire::SendUntilStuck(std::string_view bytes) {
  // The path counts as stuck when it takes nothing for this long.
  constexpr int kStuckMilliseconds = 250;
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n =
        send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      sent += static_cast<size_t>(n);
      continue;
    }
    if (errno != EAGAIN) Fail("send", errno);
    pollfd poll_fd = {fd_, POLLOUT, 0};
    if (poll(&poll_fd, 1, kStuckMilliseconds) == 0) return sent;
  }
  return sent;
}

bool Wire::AwaitBytes() {
  while (bytes_.empty() && !end_.has_value()) {
    pollfd poll_fd = {fd_, POLLIN, 0};
    if (poll(&poll_fd, 1, -1) > 0) ReadOnce();
  }
  return !bytes_.empty();
}

bool Wire::ReadMore() {
  if (end_.has_value()) return false;
  Await(POLLIN, "waited to read");
  ReadOnce();
  return !end_.has_value();
}

void Wire::ReadOnce() {
  const size_t before = bytes_.size();
  bytes_.resize(before + kReadSize);
  const ssize_t n = recv(fd_, bytes_.data() + before, kReadSize, MSG_DONTWAIT);
  const int error = errno;
  bytes_.resize(before + (n > 0 ? static_cast<size_t>(n) : 0));
  if (n > 0 || (n < 0 && (error == EAGAIN || error == EINTR))) return;
  if (n < 0 && error != ECONNRESET && error != EPIPE) Fail("recv", error);
  end_ = n == 0 ? WireEnd::kFin : WireEnd::kReset;
}

Message Wire::Receive(MessageKind kind, bool bodiless) {
  while (true) {
    std::optional<Message> message = TakeMessage(bytes_, kind, end_.has_value(), bodiless);
    if (message.has_value()) return *std::move(message);
    if (end_.has_value()) {
      throw WireError("the connection ended within a message: \"" + bytes_.substr(0, 500) + "\"");
    }
    ReadMore();
  }
}

std::string Wire::ReceiveUntil(std::string_view mark) {
  size_t at;
  while ((at = bytes_.find(mark)) == std::string::npos) {
    if (!ReadMore()) throw WireError("ended before the mark: \"" + bytes_.substr(0, 500) + "\"");
  }
  std::string taken = bytes_.substr(0, at + mark.size());
  bytes_.erase(0, taken.size());
  return taken;
}

std::string Wire::ReceiveExactly(size_t size) {
  while (bytes_.size() < size) {
    if (!ReadMore()) throw WireError("ended after " + std::to_string(bytes_.size()) + " bytes");
  }
  std::string taken = bytes_.substr(0, size);
  bytes_.erase(0, size);
  return taken;
}

std::string Wire::ReceiveAll() {
  while (ReadMore()) {
  }
  return std::exchange(bytes_, {});
}

WireEnd Wire::AwaitEnd() {
  while (bytes_.empty() && ReadMore()) {
  }
  if (!bytes_.empty())
    throw WireError("bytes in place of the end: \"" + bytes_.substr(0, 500) + "\"");
  return *end_;
}

void Wire::HalfClose() {
  if (shutdown(fd_, SHUT_WR) != 0) Fail("shutdown", errno);
}

void Wire::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void Wire::Reset() {
  const linger option = {1, 0};
  if (setsockopt(fd_, SOL_SOCKET, SO_LINGER, &option, sizeof(option)) != 0)
    Fail("SO_LINGER", errno);
  Close();
}

Wire Connect(const net::Address& address, std::string_view from) {
  Wire wire(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!wire.open()) Fail("socket", errno);
  sockaddr_storage storage;
  if (address.is_ip()) {
    const int on = 1;
    setsockopt(wire.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  if (!from.empty()) {
    const socklen_t length = net::Address::Ip(from, 0)->Fill(storage);
    if (bind(wire.fd(), reinterpret_cast<sockaddr*>(&storage), length) != 0) Fail("bind", errno);
  }
  const socklen_t length = address.Fill(storage);
  if (connect(wire.fd(), reinterpret_cast<sockaddr*>(&storage), length) != 0)
    Fail("connect", errno);
  return wire;
}

}  // namespace remora::harness
