#pragma once

// Origin: two HTTP servers that say which of them answers. Client: one connection that asks again
// and again. Steady: a client that asks every millisecond and keeps how long the longest answer
// took.
//
// Blocking sockets on 127.0.0.0/8. Threads: an Origin and a Steady have their own; a Client belongs
// to its caller. What must not fail ends the process with exit code 1.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace remora::bench {

class Origin {
 public:
  // The first server listens on `addresses` addresses and one port, the other on 127.0.0.1.
  explicit Origin(size_t addresses);
  ~Origin();
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

  uint16_t port() const { return port_; }
  uint16_t other_port() const { return other_port_; }

 private:
  void Run();
  static void Serve(int fd, char mark);

  int epoll_fd_;
  uint16_t port_ = 0;
  uint16_t other_port_ = 0;
  std::vector<int> listening_;
  std::atomic<bool> ends_{false};
  std::thread thread_;
};

class Client {
 public:
  struct Answer {
    int status = 0;  // 0: there was none
    char origin = '-';
  };
  explicit Client(uint16_t port) : port_(port) {}
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Connects first where it is not connected.
  Answer Get(const std::string& host, const std::string& path);

 private:
  bool Connect();
  Answer Fail();

  const uint16_t port_;
  int fd_ = -1;
};

class Steady {
 public:
  explicit Steady(uint16_t port);
  ~Steady();
  Steady(const Steady&) = delete;
  Steady& operator=(const Steady&) = delete;

  struct Figures {
    size_t failed = 0;
    int64_t longest_ns = 0;  // 0: there was no request
  };
  // Since the last call.
  Figures Take();

 private:
  void Run(uint16_t port);

  std::mutex mutex_;  // the next one
  Figures figures_;
  std::atomic<bool> ends_{false};
  std::thread thread_;
};

// Of the monotonic clock.
int64_t NowNs();

}  // namespace remora::bench
