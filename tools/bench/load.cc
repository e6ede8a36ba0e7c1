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

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kEventsPerWake = 256;
constexpr size_t kReadBytes = 256 * 1024;
constexpr uint64_t kMaxErrors = 1000;  // More than that is a broken set-up, not a figure.
constexpr int kOpeningAtOnce = 32;     // Mode idle: connections being opened at one time.
constexpr auto kFixedCountLimit = std::chrono::seconds(600);

enum class Mode { kKeepAlive, kClose, kIdle };

struct Options {
  uint16_t port = 0;
  std::string path = "/b0";
  Mode mode = Mode::kKeepAlive;
  uint64_t connections = 1;
  double seconds = 0;
  uint64_t requests = 0;
  uint64_t body = 0;
  uint64_t headers = 3;
  uint64_t sources = 0;
};

[[noreturn]] void Fail(const std::string& text) {
  fprintf(stderr, "load: %s\n", text.c_str());
  exit(2);
}

uint64_t Number(std::string_view name, std::string_view value) {
  uint64_t number = 0;
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != value.data() + value.size()) {
    Fail(std::string(name) + " needs a whole number");
  }
  return number;
}

Mode ParseMode(std::string_view value) {
  if (value == "keepalive") return Mode::kKeepAlive;
  if (value == "close") return Mode::kClose;
  if (value == "idle") return Mode::kIdle;
  Fail("--mode is keepalive, close or idle");
}

Options ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const size_t equals = argument.find('=');
    if (!argument.starts_with("--") || equals == std::string_view::npos) {
      Fail("arguments are --name=value, got " + std::string(argument));
    }
    const std::string_view name = argument.substr(2, equals - 2);
    const std::string_view value = argument.substr(equals + 1);
    if (name == "path") {
      options.path = value;
    } else if (name == "mode") {
      options.mode = ParseMode(value);
    } else if (name == "seconds") {
      options.seconds = atof(argv[i] + equals + 1);
    } else if (name == "port") {
      options.port = static_cast<uint16_t>(Number(name, value));
    } else if (name == "connections") {
      options.connections = Number(name, value);
    } else if (name == "requests") {
      options.requests = Number(name, value);
    } else if (name == "body") {
      options.body = Number(name, value);
    } else if (name == "headers") {
      options.headers = Number(name, value);
    } else if (name == "sources") {
      options.sources = Number(name, value);
    } else {
      Fail("unknown argument --" + std::string(name));
    }
  }
  if (options.port == 0 || options.connections == 0) Fail("--port and --connections are needed");
  if (options.mode == Mode::kIdle) options.requests = options.connections;
  if (options.requests == 0 && options.seconds <= 0) Fail("--seconds or --requests is needed");
  return options;
}

std::string RenderRequest(const Options& options) {
  std::string text = options.body > 0 ? "POST " : "GET ";
  text +=
      options.path + " HTTP/1.1\r\nHost: bench.example.com\r\nUser-Agent: load\r\nAccept: */*\r\n";
  if (options.headers >= 10) {
    text +=
        "Accept-Language: en-US,en;q=0.9\r\nAccept-Encoding: gzip, deflate, br\r\n"
        "Referer: http://bench.example.com/start/page\r\nCache-Control: no-cache\r\n"
        "X-Forwarded-Proto: http\r\n"
        "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
        "Cookie: session=4d3b1a0f9c8e7d6b5a4f3e2d1c0b9a8f7e6d5c4b; theme=dark; consent=yes; "
        "visitor=9f8e7d6c5b4a39281706f5e4d3c2b1a0\r\n";
  }
  if (options.mode == Mode::kClose) text += "Connection: close\r\n";
  if (options.body > 0) text += "Content-Length: " + std::to_string(options.body) + "\r\n";
  text += "\r\n";
  text.append(options.body, 'p');
  return text;
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
        request_(RenderRequest(options_)),
        epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
        buffer_(kReadBytes),
        connections_(options_.connections) {
    if (epoll_fd_ < 0) Fail("epoll_create1 failed");
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
    return errors_ > kMaxErrors || (options_.requests > 0 && done >= options_.requests);
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
    if (errors_ > kMaxErrors) return;
    connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection.fd < 0) Fail(std::string("socket: ") + strerror(errno));
    const int on = 1;
    if (setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) {
      Fail("TCP_NODELAY failed");
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
      Fail("IP_BIND_ADDRESS_NO_PORT failed");
    }
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr =
        htonl(INADDR_LOOPBACK + 1 + static_cast<uint32_t>(connection.index % options_.sources));
    if (bind(connection.fd, reinterpret_cast<const sockaddr*>(&source), sizeof(source)) != 0) {
      Fail(std::string("bind to a source address: ") + strerror(errno));
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

  double PercentileUs(double share) {
    if (latencies_ns_.empty()) return 0;
    const auto rank = static_cast<size_t>(share * static_cast<double>(latencies_ns_.size() - 1));
    std::nth_element(latencies_ns_.begin(),
                     latencies_ns_.begin() + static_cast<std::ptrdiff_t>(rank),
                     latencies_ns_.end());
    return static_cast<double>(latencies_ns_[rank]) / 1000.0;
  }

  void Print(double seconds) {
    printf(
        "{\"requests\":%llu,\"errors\":%llu,\"non_2xx\":%llu,\"seconds\":%.4f,\"rps\":%.1f,"
        "\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f}\n",
        static_cast<unsigned long long>(completed_), static_cast<unsigned long long>(errors_),
        static_cast<unsigned long long>(non_2xx_), seconds,
        static_cast<double>(completed_) / seconds, PercentileUs(0.50), PercentileUs(0.90),
        PercentileUs(0.99));
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
