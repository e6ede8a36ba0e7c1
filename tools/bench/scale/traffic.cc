#include "tools/bench/scale/traffic.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "tools/bench/scale/resources.h"

namespace remora::bench {
namespace {

constexpr size_t kLongestHead = 8192;
constexpr int kBacklog = 512;
// Connections have a mark of their own: they are what an epoll event's file descriptor says.
constexpr uint64_t kListening = uint64_t{1} << 40;
constexpr uint64_t kOther = uint64_t{1} << 41;

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "scale: %s: %s\n", what, std::strerror(errno));
  std::_Exit(1);
}

sockaddr_in At(const std::string& ip, uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, ip.c_str(), &address.sin_addr) != 1) Die("inet_pton");
  return address;
}

// Its port is in `port` afterwards.
int Listen(const std::string& ip, uint16_t& port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) Die("socket");
  sockaddr_in address = At(ip, port);
  socklen_t size = sizeof(address);
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  if (bind(fd, raw, size) != 0 || listen(fd, kBacklog) != 0 || getsockname(fd, raw, &size) != 0) {
    Die("listen");
  }
  port = ntohs(address.sin_port);
  return fd;
}

void NoDelay(int fd) {
  const int on = 1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) Die("setsockopt");
}

void Watch(int epoll_fd, int fd, uint64_t marks) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = static_cast<uint64_t>(fd) | marks;
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) Die("epoll_ctl");
}

}  // namespace

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Origin::Origin(size_t addresses) : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_fd_ < 0) Die("epoll_create1");
  for (size_t i = 0; i < addresses; ++i) {
    listening_.push_back(Listen(AddressOf(i), port_));
    Watch(epoll_fd_, listening_.back(), kListening);
  }
  listening_.push_back(Listen("127.0.0.1", other_port_));
  Watch(epoll_fd_, listening_.back(), kListening | kOther);
  thread_ = std::thread([this] { Run(); });
}

Origin::~Origin() {
  ends_ = true;
  thread_.join();
  for (const int fd : listening_) close(fd);
  close(epoll_fd_);
}

void Origin::Run() {
  constexpr int kEvents = 64;
  constexpr int kWaitMs = 100;
  epoll_event events[kEvents];
  while (!ends_) {
    const int count = epoll_wait(epoll_fd_, events, kEvents, kWaitMs);
    if (count < 0 && errno != EINTR) Die("epoll_wait");
    for (int i = 0; i < count; ++i) {
      const uint64_t marks = events[i].data.u64;
      const int fd = static_cast<int>(marks & (kListening - 1));
      if ((marks & kListening) == 0) {
        Serve(fd, (marks & kOther) != 0 ? '2' : '1');
        continue;
      }
      const int accepted = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (accepted < 0) continue;  // it has gone again
      NoDelay(accepted);
      Watch(epoll_fd_, accepted, marks & kOther);
    }
  }
}

// A request is small and comes whole: the proxies write a head at once.
void Origin::Serve(int fd, char mark) {
  char head[kLongestHead];
  const ssize_t size = recv(fd, head, sizeof(head), 0);
  if (size <= 0) {
    close(fd);
    return;
  }
  char answer[] = "HTTP/1.1 200 OK\r\nx-origin: 0\r\ncontent-length: 0\r\n\r\n";
  char* const place = std::strstr(answer, "x-origin: ") + std::strlen("x-origin: ");
  *place = mark;
  if (send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) < 0) close(fd);
}

Client::~Client() {
  if (fd_ >= 0) close(fd_);
}

bool Client::Connect() {
  if (fd_ >= 0) return true;
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) Die("socket");
  const sockaddr_in address = At("127.0.0.1", port_);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return false;
  NoDelay(fd_);
  return true;
}

Client::Answer Client::Fail() {
  close(std::exchange(fd_, -1));
  return {};
}

Client::Answer Client::Get(const std::string& host, const std::string& path) {
  if (!Connect()) return Fail();
  const std::string request = "GET " + path + " HTTP/1.1\r\nhost: " + host + "\r\n\r\n";
  if (send(fd_, request.data(), request.size(), MSG_NOSIGNAL) < 0) return Fail();
  std::string head;
  char buffer[kLongestHead];
  while (head.find("\r\n\r\n") == std::string::npos) {
    const ssize_t size = recv(fd_, buffer, sizeof(buffer), 0);
    if (size <= 0) return Fail();
    head.append(buffer, static_cast<size_t>(size));
  }
  Answer answer;
  answer.status = std::atoi(head.c_str() + std::strlen("HTTP/1.1 "));
  const size_t mark = head.find("x-origin: ");
  if (mark != std::string::npos) answer.origin = head[mark + std::strlen("x-origin: ")];
  // Local replies may have a body: the next request needs a connection without it.
  if (answer.status != 200) close(std::exchange(fd_, -1));
  return answer;
}

Steady::Steady(uint16_t port) : thread_([this, port] { Run(port); }) {}

Steady::~Steady() {
  ends_ = true;
  thread_.join();
}

void Steady::Run(uint16_t port) {
  constexpr auto kPeriod = std::chrono::milliseconds(1);
  Client client(port);
  auto next = std::chrono::steady_clock::now();
  while (!ends_) {
    const int64_t begun = NowNs();
    const bool good = client.Get("steady", "/").status == 200;
    const int64_t took = NowNs() - begun;
    {
      const std::lock_guard lock(mutex_);
      figures_.longest_ns = std::max(figures_.longest_ns, took);
      figures_.failed += good ? 0 : 1;
    }
    next = std::max(next + kPeriod, std::chrono::steady_clock::now());
    std::this_thread::sleep_until(next);
  }
}

Steady::Figures Steady::Take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(figures_, {});
}

}  // namespace remora::bench
