// The origin server of the benchmark: answers that were rendered before the first request.
//
//   origin PORT
//
// One thread, one epoll set, HTTP/1.1 on 127.0.0.1. The path chooses the answer: /b64k has a body
// of 64 KiB, /b1m of 1 MiB, everything else of 100 bytes; the status is always 200. A request
// body (content-length or chunked) is read and discarded before the answer. Keep-alive,
// pipelining, HEAD and `Connection: close` work. It trusts its clients: framing that it does not
// understand ends the connection, nothing more.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int kBacklog = 4096;
constexpr int kEventsPerWake = 256;
constexpr size_t kReadBytes = 64 * 1024;
constexpr size_t kMaxHead = 64 * 1024;

[[noreturn]] void Die(const char* what) {
  perror(what);
  exit(1);
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// One rendered answer, kept alive or closing.
struct Answer {
  std::string keep_alive;
  std::string closing;
  size_t body_bytes;

  explicit Answer(size_t size) : body_bytes(size) {
    const std::string head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: " + std::to_string(size) +
        "\r\n";
    const std::string body(size, 'x');
    keep_alive = head + "\r\n" + body;
    closing = head + "connection: close\r\n\r\n" + body;
  }
};

struct Request {
  std::string_view method;
  std::string_view path;
  uint64_t content_length = 0;
  bool chunked = false;
  bool close = false;
};

// `head` ends with the empty line. False: not a request that this server understands.
bool ParseHead(std::string_view head, Request& request) {
  const size_t line_end = head.find("\r\n");
  const std::string_view line = head.substr(0, line_end);
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) return false;
  request.method = line.substr(0, first);
  request.path = line.substr(first + 1, last - first - 1);
  request.close = line.substr(last + 1) == "HTTP/1.0";
  for (size_t at = line_end + 2; at < head.size();) {
    const size_t end = head.find("\r\n", at);
    if (end == at) return true;
    const std::string_view field = head.substr(at, end - at);
    at = end + 2;
    const size_t colon = field.find(':');
    if (colon == std::string_view::npos) return false;
    const std::string_view name = field.substr(0, colon);
    std::string_view value = field.substr(colon + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    if (EqualsIgnoreCase(name, "content-length")) {
      const auto parsed =
          std::from_chars(value.data(), value.data() + value.size(), request.content_length);
      if (parsed.ec != std::errc()) return false;
    } else if (EqualsIgnoreCase(name, "transfer-encoding")) {
      request.chunked = EqualsIgnoreCase(value, "chunked");
    } else if (EqualsIgnoreCase(name, "connection")) {
      request.close = request.close || EqualsIgnoreCase(value, "close");
    }
  }
  return false;
}

// Skips a chunked body, in any cuts.
class ChunkSkipper {
 public:
  // Returns the number of bytes that belong to the body; `done` says whether it ended there.
  size_t Skip(std::string_view bytes) {
    size_t at = 0;
    while (at < bytes.size() && state_ != State::kDone) {
      if (state_ == State::kData) {
        const size_t step = std::min<uint64_t>(left_, bytes.size() - at);
        left_ -= step;
        at += step;
        if (left_ == 0) state_ = State::kSize;
        continue;
      }
      OnLineByte(bytes[at++]);
    }
    return at;
  }
  bool done() const { return state_ == State::kDone; }

 private:
  enum class State { kSize, kExtension, kData, kTrailer, kDone };

  void OnLineByte(char c) {
    if (state_ == State::kTrailer) {
      if (c == '\n') {
        if (line_bytes_ == 0) state_ = State::kDone;
        line_bytes_ = 0;
      } else if (c != '\r') {
        ++line_bytes_;
      }
      return;
    }
    if (c == '\n') {
      state_ = left_ == 0 ? State::kTrailer : State::kData;
      if (left_ != 0) left_ += 2;  // The CRLF after the data.
    } else if (c == ';') {
      state_ = State::kExtension;
    } else if (state_ == State::kSize && c != '\r') {
      left_ = left_ * 16 + static_cast<uint64_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
  }

  State state_ = State::kSize;
  uint64_t left_ = 0;
  size_t line_bytes_ = 0;
};

struct Connection {
  enum class Expect { kHead, kLength, kChunks };

  int fd = -1;
  Expect expect = Expect::kHead;
  std::string input;  // Bytes received and not yet consumed (a part of a head, mostly empty).
  uint64_t body_left = 0;
  ChunkSkipper chunks;
  std::string_view answer;  // Chosen when the head is read, sent when the body is.
  std::string_view unsent;
  bool close_after = false;
  bool closed = false;
};

class Origin {
 public:
  explicit Origin(uint16_t port) : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_fd_ < 0) Die("epoll_create1");
    listen_fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listen_fd_ < 0) Die("socket");
    const int on = 1;
    if (setsockopt(listen_fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) Die("setsockopt");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (bind(listen_fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      Die("bind");
    }
    if (listen(listen_fd_, kBacklog) != 0) Die("listen");
    epoll_event event{};
    event.events = EPOLLIN;
    if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, listen_fd_, &event) != 0) Die("epoll_ctl");
  }

  void Run() {
    std::array<epoll_event, kEventsPerWake> events;
    for (;;) {
      const int count = epoll_wait(epoll_fd_, events.data(), kEventsPerWake, -1);
      if (count < 0 && errno != EINTR) Die("epoll_wait");
      for (int i = 0; i < count; ++i) {
        if (events[i].data.ptr == nullptr) {
          Accept();
          continue;
        }
        auto& connection = *static_cast<Connection*>(events[i].data.ptr);
        if (connection.closed) continue;
        // Whatever happened, go on where this connection stopped; a read tells of an end.
        if (Flush(connection) && Consume(connection, {})) Read(connection);
      }
      for (Connection* connection : garbage_) delete connection;
      garbage_.clear();
    }
  }

 private:
  void Accept() {
    const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno != EAGAIN && errno != ECONNABORTED) perror("accept4");
      return;
    }
    const int on = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) perror("TCP_NODELAY");
    auto* connection = new Connection;
    connection->fd = fd;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = connection;
    if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) Close(*connection);
  }

  void Read(Connection& connection) {
    for (;;) {
      const ssize_t got = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) {
        Close(connection);
        return;
      }
      if (!Consume(connection, std::string_view(buffer_.data(), static_cast<size_t>(got)))) return;
      // No second read after a short one: a FIN comes with an event of its own.
      if (static_cast<size_t>(got) < buffer_.size()) return;
    }
  }

  // Handles all complete requests in `bytes`. False: stop reading (closed, or the peer is slow).
  bool Consume(Connection& connection, std::string_view bytes) {
    std::string joined;
    if (!connection.input.empty()) {
      joined = std::move(connection.input);
      connection.input.clear();
      joined.append(bytes);
      bytes = joined;
    }
    while (!bytes.empty()) {
      size_t used = 0;
      if (connection.expect == Connection::Expect::kHead) {
        const size_t end = bytes.find("\r\n\r\n");
        if (end == std::string_view::npos) break;
        used = end + 4;
        if (!OnHead(connection, bytes.substr(0, used))) {
          Close(connection);
          return false;
        }
      } else {
        used = SkipBody(connection, bytes);
      }
      bytes.remove_prefix(used);
      if (BodyComplete(connection) && !Reply(connection)) {
        if (!connection.closed) connection.input.assign(bytes);
        return false;
      }
    }
    if (bytes.size() > kMaxHead) {
      Close(connection);
      return false;
    }
    connection.input.assign(bytes);
    return true;
  }

  bool OnHead(Connection& connection, std::string_view head) {
    Request request;
    if (!ParseHead(head, request)) return false;
    const Answer& answer = request.path.starts_with("/b64k")  ? large_
                           : request.path.starts_with("/b1m") ? huge_
                                                              : small_;
    connection.answer = request.close ? answer.closing : answer.keep_alive;
    if (request.method == "HEAD") connection.answer.remove_suffix(answer.body_bytes);
    connection.close_after = request.close;
    connection.body_left = request.content_length;
    connection.chunks = ChunkSkipper();
    connection.expect = request.chunked ? Connection::Expect::kChunks : Connection::Expect::kLength;
    return true;
  }

  static size_t SkipBody(Connection& connection, std::string_view bytes) {
    if (connection.expect == Connection::Expect::kChunks) return connection.chunks.Skip(bytes);
    const size_t step = std::min<uint64_t>(connection.body_left, bytes.size());
    connection.body_left -= step;
    return step;
  }

  static bool BodyComplete(const Connection& connection) {
    return connection.expect == Connection::Expect::kLength   ? connection.body_left == 0
           : connection.expect == Connection::Expect::kChunks ? connection.chunks.done()
                                                              : false;
  }

  bool Reply(Connection& connection) {
    connection.expect = Connection::Expect::kHead;
    connection.unsent = connection.answer;
    return Flush(connection);
  }

  // False: the connection is closed or its send buffer is full.
  bool Flush(Connection& connection) {
    const bool was_blocked = !connection.unsent.empty();
    while (!connection.unsent.empty()) {
      const ssize_t sent =
          send(connection.fd, connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno != EAGAIN) Close(connection);
        return false;
      }
      connection.unsent.remove_prefix(static_cast<size_t>(sent));
    }
    if (was_blocked && connection.close_after) {
      Close(connection);
      return false;
    }
    return true;
  }

  void Close(Connection& connection) {
    if (connection.closed) return;
    connection.closed = true;
    close(connection.fd);
    garbage_.push_back(&connection);
  }

  const Answer small_{100};
  const Answer large_{64 * 1024};
  const Answer huge_{1024 * 1024};
  const int epoll_fd_;
  int listen_fd_;
  std::array<char, kReadBytes> buffer_;
  std::vector<Connection*> garbage_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: origin PORT\n");
    return 2;
  }
  static Origin origin(static_cast<uint16_t>(atoi(argv[1])));
  origin.Run();
}
