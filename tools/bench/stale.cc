// stale: an origin that closes idle connections at random moments, and clients that count what
// they get through a proxy in between.
//
//   stale ORIGIN_PORT PROXY_PORT REQUESTS [METHOD [MAX_IDLE_MS [MAX_THINK_MS [CONNECTIONS]]]]
//
// The origin answers every request and then closes the connection after a random idle time of 0 to
// MAX_IDLE_MS unless another request comes before; it says nothing of it (no Connection: close).
// Clients wait a random time of 0 to MAX_THINK_MS between requests, so that requests meet
// connections that are just being closed. One line at the end: requests, answers by status,
// downstream connections lost, connections that the origin saw and closed idle.
// Used by stale.py; figures are in docs/performance.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

struct Options {
  uint16_t origin_port = 0;
  uint16_t proxy_port = 0;
  uint64_t requests = 0;
  std::string method = "GET";
  int max_idle_ms = 20;
  int max_think_ms = 20;
  int connections = 32;
};

int Listen(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(fd, 1024) != 0) {
    std::perror("listen");
    std::exit(1);
  }
  return fd;
}

int Connect(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    std::perror("connect");
    std::exit(1);
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

// Size of the whole message at the front of `bytes` (head and Content-Length body), 0 if not yet.
size_t MessageSize(const std::string& bytes) {
  const size_t end = bytes.find("\r\n\r\n");
  if (end == std::string::npos) return 0;
  size_t length = 0;
  std::string head = bytes.substr(0, end + 2);
  std::transform(head.begin(), head.end(), head.begin(), [](char c) { return std::tolower(c); });
  const size_t field = head.find("\r\ncontent-length:");
  if (field != std::string::npos) length = std::strtoul(head.c_str() + field + 17, nullptr, 10);
  return bytes.size() >= end + 4 + length ? end + 4 + length : 0;
}

struct Counts {
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> closed_idle{0};
  std::atomic<bool> stop{false};
};

class Origin {
 public:
  Origin(const Options& options, Counts& counts)
      : options_(options), counts_(counts), listener_(Listen(options.origin_port)) {
    epoll_ = epoll_create1(0);
    Watch(listener_);
  }

  void Run() {
    epoll_event events[256];
    while (!counts_.stop.load(std::memory_order_relaxed)) {
      timespec wait{0, 100'000};
      const int n = epoll_pwait2(epoll_, events, 256, &wait, nullptr);
      for (int i = 0; i < n; ++i) {
        if (events[i].data.fd == listener_) {
          Accept();
        } else {
          Serve(events[i].data.fd);
        }
      }
      CloseIdle();
    }
  }

 private:
  struct Peer {
    std::string input;
    Clock::time_point close_at;
  };
  void Watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  Clock::time_point NextClose() {
    return Clock::now() + microseconds(random_() % (options_.max_idle_ms * 1000 + 1));
  }
  void Accept() {
    while (true) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      // The first request is on its way: the timeout is one between requests.
      peers_[fd] = {{}, Clock::time_point::max()};
      ++counts_.accepted;
      Watch(fd);
    }
  }
  void Serve(int fd) {
    Peer& peer = peers_[fd];
    char bytes[16384];
    const ssize_t n = read(fd, bytes, sizeof(bytes));
    if (n <= 0) {
      if (n < 0 && errno == EAGAIN) return;
      close(fd);
      peers_.erase(fd);
      return;
    }
    peer.input.append(bytes, static_cast<size_t>(n));
    while (const size_t size = MessageSize(peer.input)) {
      peer.input.erase(0, size);
      static const std::string kAnswer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
      if (write(fd, kAnswer.data(), kAnswer.size()) < 0) return;
      peer.close_at = NextClose();
    }
  }
  void CloseIdle() {
    const Clock::time_point now = Clock::now();
    for (auto it = peers_.begin(); it != peers_.end();) {
      if (it->second.close_at > now) {
        ++it;
        continue;
      }
      close(it->first);
      ++counts_.closed_idle;
      it = peers_.erase(it);
    }
  }

  const Options& options_;
  Counts& counts_;
  int listener_;
  int epoll_ = -1;
  std::map<int, Peer> peers_;
  std::mt19937_64 random_{1};
};

class Clients {
 public:
  explicit Clients(const Options& options) : options_(options) {
    request_ = options.method + " /x HTTP/1.1\r\nhost: stale.test\r\n";
    request_ += options.method == "GET" ? "\r\n" : "content-length: 4\r\n\r\nbody";
    epoll_ = epoll_create1(0);
  }

  void Run() {
    for (int i = 0; i < options_.connections; ++i) Open();
    epoll_event events[256];
    while (done_ < options_.requests) {
      timespec wait{0, 100'000};
      const int n = epoll_pwait2(epoll_, events, 256, &wait, nullptr);
      for (int i = 0; i < n; ++i) Receive(events[i].data.fd);
      const Clock::time_point now = Clock::now();
      for (auto& [fd, client] : clients_) {
        if (client.waiting || client.send_at > now || sent_ >= options_.requests) continue;
        client.waiting = true;
        ++sent_;
        if (write(fd, request_.data(), request_.size()) < 0) continue;  // shows when it is read
      }
    }
  }

  void Print(const Counts& counts) const {
    std::printf("%s requests %llu", options_.method.c_str(),
                static_cast<unsigned long long>(done_));
    for (const auto& [status, count] : statuses_) {
      std::printf(" status_%d %llu", status, static_cast<unsigned long long>(count));
    }
    std::printf(" lost %llu upstream_connections %llu closed_idle %llu\n",
                static_cast<unsigned long long>(lost_),
                static_cast<unsigned long long>(counts.accepted.load()),
                static_cast<unsigned long long>(counts.closed_idle.load()));
  }

 private:
  struct Client {
    std::string input;
    Clock::time_point send_at;
    bool waiting = false;
  };
  void Open() {
    const int fd = Connect(options_.proxy_port);
    clients_[fd] = {{}, Think(), false};
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  Clock::time_point Think() {
    return Clock::now() + microseconds(random_() % (options_.max_think_ms * 1000 + 1));
  }
  void Receive(int fd) {
    Client& client = clients_[fd];
    char bytes[16384];
    const ssize_t n = read(fd, bytes, sizeof(bytes));
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      if (client.waiting) {
        ++lost_;
        ++done_;
      }
      close(fd);
      clients_.erase(fd);
      Open();
      return;
    }
    client.input.append(bytes, static_cast<size_t>(n));
    const size_t size = MessageSize(client.input);
    if (size == 0) return;
    ++statuses_[std::atoi(client.input.c_str() + 9)];
    ++done_;
    client.input.erase(0, size);
    client.waiting = false;
    client.send_at = Think();
  }

  const Options& options_;
  std::string request_;
  int epoll_ = -1;
  std::map<int, Client> clients_;
  std::map<int, uint64_t> statuses_;
  uint64_t sent_ = 0;
  uint64_t done_ = 0;
  uint64_t lost_ = 0;
  std::mt19937_64 random_{2};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr,
                 "stale ORIGIN_PORT PROXY_PORT REQUESTS [METHOD [MAX_IDLE_MS "
                 "[MAX_THINK_MS [CONNECTIONS]]]]\n");
    return 2;
  }
  Options options;
  options.origin_port = static_cast<uint16_t>(std::atoi(argv[1]));
  options.proxy_port = static_cast<uint16_t>(std::atoi(argv[2]));
  options.requests = std::strtoull(argv[3], nullptr, 10);
  if (argc > 4) options.method = argv[4];
  if (argc > 5) options.max_idle_ms = std::atoi(argv[5]);
  if (argc > 6) options.max_think_ms = std::atoi(argv[6]);
  if (argc > 7) options.connections = std::atoi(argv[7]);
  Counts counts;
  Origin origin(options, counts);
  std::thread thread([&origin] { origin.Run(); });
  Clients clients(options);
  clients.Run();
  counts.stop = true;
  thread.join();
  clients.Print(counts);
  return 0;
}
