// The load generator of the benchmark, for what wrk cannot do: request bodies, one connection a
// request from several source addresses, a fixed number of requests, and connections held idle.
//
//   load --port=P [--path=/b0] [--mode=keepalive|close|idle] [--connections=N]
//        [--seconds=S | --requests=N] [--body=BYTES] [--headers=3|10] [--sources=K]
//
// One thread, closed loop: a connection sends its next request when the answer to the last one
// is complete. With --body every request is a POST of that many bytes. With --sources=K the
// connections leave from 127.0.0.2 and the following K-1 addresses, so that tens of thousands of
// short connections do not run out of ports. Prints one JSON object.
//
// Mode idle: opens N connections, sends one request on each, prints {"open":...}, holds all of
// them until standard input ends, then prints how many the server closed meanwhile.
//
// Exit code 0: no error and only 2xx. Answers must carry content-length.

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
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "load_common.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kEventsPerWake = 256;
constexpr size_t kReadBytes = 256 * 1024;
constexpr int kOpeningAtOnce = 32;  // Mode idle: connections being opened at one time.
constexpr auto kFixedCountLimit = std::chrono::seconds(600);

enum class Mode { kKeepAlive, kClose, kIdle };

struct Options : bench::CommonOptions {
  Mode mode = Mode::kKeepAlive;
  uint64_t sources = 0;
};

Mode ParseMode(std::string_view value) {
  if (value == "keepalive") return Mode::kKeepAlive;
  if (value == "close") return Mode::kClose;
  if (value == "idle") return Mode::kIdle;
  bench::Fail("--mode is keepalive, close or idle");
}

Options ParseOptions(int argc, char** argv) {
  Options options;
  bench::ParseArguments(argc, argv, options, [&](std::string_view name, std::string_view value) {
    if (name == "mode") {
      options.mode = ParseMode(value);
    } else if (name == "body") {
      options.body = bench::Number(name, value);
    } else if (name == "sources") {
      options.sources = bench::Number(name, value);
    } else {
      return false;
    }
    return true;
  });
  bench::FinishOptions(options, options.mode == Mode::kIdle);
  return options;
}

struct Connection {
  int fd = -1;
  uint64_t index = 0;
  size_t sent = 0;       // Bytes of the request given to the kernel.
  bool waiting = false;  // A request is under way.
  bool in_body = false;
  bool server_closes = false;
  uint64_t body_left = 0;
  std::string head;  // A head that came in several parts.
  Clock::time_point started;
};

struct Head {
  int status = 0;
  uint64_t content_length = 0;
  bool has_length = false;
  bool close = false;
};

Head ParseHead(std::string_view text) {
  Head head;
  if (text.size() > 12 && text.starts_with("HTTP/1.")) head.status = atoi(text.data() + 9);
  for (size_t at = text.find("\r\n"); at != std::string_view::npos; at = text.find("\r\n", at)) {
    at += 2;
    const std::string_view line = text.substr(at, text.find("\r\n", at) - at);
    constexpr std::string_view kLength = "content-length:";
    constexpr std::string_view kConnection = "connection: close";
    if (line.size() > kLength.size() &&
        strncasecmp(line.data(), kLength.data(), kLength.size()) == 0) {
      head.content_length = strtoull(line.data() + kLength.size(), nullptr, 10);
      head.has_length = true;
    } else if (line.size() == kConnection.size() &&
               strncasecmp(line.data(), kConnection.data(), kConnection.size()) == 0) {
      head.close = true;
    }
  }
  return head;
}

class Load {
 public:
  explicit Load(Options options)
      : options_(std::move(options)),
        request_(bench::RenderRequest(options_, options_.mode == Mode::kClose)),
        epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
        buffer_(kReadBytes),
        connections_(options_.connections) {
    if (epoll_fd_ < 0) bench::Fail("epoll_create1 failed");
    for (uint64_t i = 0; i < connections_.size(); ++i) connections_[i].index = i;
  }

  int Run() {
    started_ = Clock::now();
    const auto limit = options_.requests > 0 ? Clock::duration(kFixedCountLimit)
                                             : std::chrono::duration_cast<Clock::duration>(
                                                   std::chrono::duration<double>(options_.seconds));
    const auto deadline = started_ + limit;
    const uint64_t at_first = options_.mode == Mode::kIdle
                                  ? std::min<uint64_t>(kOpeningAtOnce, connections_.size())
                                  : connections_.size();
    for (uint64_t i = 0; i < at_first; ++i) Open(connections_[next_to_open_++]);
    while (!Finished() && Clock::now() < deadline) Turn(100);
    const double seconds = std::chrono::duration<double>(Clock::now() - started_).count();
    if (options_.requests > 0 && !Finished()) ++errors_;  // Out of time.
    if (options_.mode == Mode::kIdle) {
      Hold();
    } else {
      Print(seconds);
    }
    return errors_ == 0 && non_2xx_ == 0 ? 0 : 1;
  }

 private:
  bool Finished() const {
    // Mode idle gives every connection one try.
    const uint64_t done = options_.mode == Mode::kIdle ? completed_ + errors_ : completed_;
    return errors_ > bench::kMaxErrors || (options_.requests > 0 && done >= options_.requests);
  }

  void Turn(int timeout_ms) {
    std::array<epoll_event, kEventsPerWake> events;
    const int count = epoll_wait(epoll_fd_, events.data(), kEventsPerWake, timeout_ms);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr == nullptr) {
        input_ended_ = true;
        continue;
      }
      auto& connection = *static_cast<Connection*>(events[i].data.ptr);
      if (connection.fd >= 0) OnEvent(connection);
    }
  }

  void Open(Connection& connection) {
    if (errors_ > bench::kMaxErrors) return;
    connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection.fd < 0) bench::Fail(std::string("socket: ") + strerror(errno));
    const int on = 1;
    if (setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) {
      bench::Fail("TCP_NODELAY failed");
    }
    if (options_.sources > 0) BindSource(connection);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(options_.port);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &connection;
    connection.started = Clock::now();
    if ((connect(connection.fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
             0 &&
         errno != EINPROGRESS) ||
        epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, connection.fd, &event) != 0) {
      OnError(connection);
      return;
    }
    connection.sent = 0;
    connection.waiting = Begin();
  }

  // The port is chosen at connect, so that each source address has the whole range to itself.
  void BindSource(const Connection& connection) const {
    const int on = 1;
    if (setsockopt(connection.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) != 0) {
      bench::Fail("IP_BIND_ADDRESS_NO_PORT failed");
    }
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr =
        htonl(INADDR_LOOPBACK + 1 + static_cast<uint32_t>(connection.index % options_.sources));
    if (bind(connection.fd, reinterpret_cast<const sockaddr*>(&source), sizeof(source)) != 0) {
      bench::Fail(std::string("bind to a source address: ") + strerror(errno));
    }
  }

  // Takes one request from the number to send; false when all have been given out.
  bool Begin() {
    if (options_.requests > 0 && begun_ >= options_.requests) return false;
    ++begun_;
    return true;
  }

  void OnEvent(Connection& connection) {
    if (connection.waiting && connection.sent < request_.size() && !Write(connection)) return;
    for (;;) {
      const ssize_t got = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
      if (got < 0 && (errno == EAGAIN || errno == ENOTCONN)) return;
      if (got <= 0) {
        OnEnd(connection);
        return;
      }
      if (!OnBytes(connection, std::string_view(buffer_.data(), static_cast<size_t>(got)))) return;
      if (static_cast<size_t>(got) < buffer_.size()) return;
    }
  }

  bool Write(Connection& connection) {
    while (connection.sent < request_.size()) {
      const ssize_t sent = send(connection.fd, request_.data() + connection.sent,
                                request_.size() - connection.sent, MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno == EAGAIN || errno == ENOTCONN) return true;
        OnError(connection);
        return false;
      }
      connection.sent += static_cast<size_t>(sent);
    }
    return true;
  }

  // False: the connection is not to be read any further now.
  bool OnBytes(Connection& connection, std::string_view bytes) {
    if (!connection.waiting) {
      OnError(connection);
      return false;
    }
    std::string joined;
    if (!connection.in_body) {
      if (!connection.head.empty()) {
        joined = std::move(connection.head);
        connection.head.clear();
        joined.append(bytes);
        bytes = joined;
      }
      const size_t end = bytes.find("\r\n\r\n");
      if (end == std::string_view::npos) {
        connection.head.assign(bytes);
        return true;
      }
      const Head head = ParseHead(bytes.substr(0, end + 2));
      if (!head.has_length) {
        OnError(connection);
        return false;
      }
      if (head.status < 200 || head.status > 299) ++non_2xx_;
      connection.server_closes = head.close;
      connection.body_left = head.content_length;
      connection.in_body = true;
      bytes.remove_prefix(end + 4);
    }
    if (bytes.size() > connection.body_left) {
      OnError(connection);
      return false;
    }
    connection.body_left -= bytes.size();
    return connection.body_left > 0 || OnComplete(connection);
  }

  // The answer is complete. False: this connection was closed.
  bool OnComplete(Connection& connection) {
    const auto now = Clock::now();
    ++completed_;
    latencies_ns_.push_back(static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(now - connection.started).count()));
    connection.in_body = false;
    connection.waiting = false;
    if (options_.mode == Mode::kIdle) {
      if (next_to_open_ < connections_.size()) Open(connections_[next_to_open_++]);
      return true;
    }
    if (options_.mode == Mode::kClose || connection.server_closes) {
      Close(connection);
      if (options_.requests == 0 || begun_ < options_.requests) Open(connection);
      return false;
    }
    if (!Begin()) return true;
    connection.waiting = true;
    connection.sent = 0;
    connection.started = now;
    return Write(connection);
  }

  void OnEnd(Connection& connection) {
    if (options_.mode == Mode::kIdle && !connection.waiting) {
      ++closed_by_server_;
      Close(connection);
      return;
    }
    OnError(connection);
  }

  void OnError(Connection& connection) {
    ++errors_;
    if (connection.waiting && begun_ > 0) --begun_;  // Its request is sent again by another.
    Close(connection);
    if (options_.mode == Mode::kIdle) {
      if (next_to_open_ < connections_.size()) Open(connections_[next_to_open_++]);
    } else {
      Open(connection);
    }
  }

  void Close(Connection& connection) {
    close(connection.fd);
    connection.fd = -1;
    connection.waiting = false;
    connection.in_body = false;
    connection.server_closes = false;
    connection.head.clear();
  }

  void Hold() {
    printf("{\"open\":%llu,\"errors\":%llu,\"non_2xx\":%llu}\n",
           static_cast<unsigned long long>(completed_), static_cast<unsigned long long>(errors_),
           static_cast<unsigned long long>(non_2xx_));
    fflush(stdout);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0) return;
    while (!input_ended_) Turn(-1);
    printf("{\"closed_by_server\":%llu}\n", static_cast<unsigned long long>(closed_by_server_));
  }

  void Print(double seconds) {
    bench::PrintFigures(completed_, errors_, non_2xx_, seconds, latencies_ns_);
  }

  const Options options_;
  const std::string request_;
  const int epoll_fd_;
  std::vector<char> buffer_;
  std::vector<Connection> connections_;
  std::vector<uint64_t> latencies_ns_;
  Clock::time_point started_;
  uint64_t next_to_open_ = 0;
  uint64_t begun_ = 0;
  uint64_t completed_ = 0;
  uint64_t errors_ = 0;
  uint64_t non_2xx_ = 0;
  uint64_t closed_by_server_ = 0;
  bool input_ended_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  Load load(ParseOptions(argc, argv));
  return load.Run();
}
