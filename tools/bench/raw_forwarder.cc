// A byte forwarder without any parsing: the yardstick ("limit") of the benchmark.
//
//   raw_forwarder LISTEN_PORT UPSTREAM_PORT
//
// One thread, one epoll set, one upstream connection per downstream connection, both on
// 127.0.0.1. Per direction and wake-up it makes one recv and one send, and nothing else: events
// are edge-triggered and registered once, and reading stops at a short read. No proxy that is
// in user space and copies the bytes can do with less, so the CPU it takes is the floor to
// compare a proxy with.
//
// Failure: an error on either side closes the pair. Half-close is passed on.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
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

struct Side {
  int fd = -1;
  Side* peer = nullptr;
  std::string pending;  // Bytes the socket did not take yet; reading from the peer is paused.
  bool unread = false;  // The peer was slow: this socket may hold bytes not yet read.
  bool ended = false;   // This side sent its FIN.
  bool closed = false;
};

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

[[noreturn]] void Die(const char* what) {
  perror(what);
  exit(1);
}

int Listen(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) Die("socket");
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) Die("SO_REUSEADDR");
  const sockaddr_in address = Loopback(port);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) Die("bind");
  if (listen(fd, kBacklog) != 0) Die("listen");
  return fd;
}

void SetNoDelay(int fd) {
  const int on = 1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) perror("TCP_NODELAY");
}

class Forwarder {
 public:
  Forwarder(uint16_t listen_port, uint16_t upstream_port)
      : listen_fd_(Listen(listen_port)),
        epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
        upstream_(Loopback(upstream_port)) {
    if (epoll_fd_ < 0) Die("epoll_create1");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
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
        } else {
          OnEvent(*static_cast<Side*>(events[i].data.ptr), events[i].events);
        }
      }
      // Only now: a later event of the same batch may have named a side that was closed.
      for (Side* side : garbage_) delete side;
      garbage_.clear();
    }
  }

 private:
  void Accept() {
    const int down_fd = accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (down_fd < 0) {
      if (errno != EAGAIN && errno != ECONNABORTED) perror("accept4");
      return;
    }
    const int up_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (up_fd < 0) {
      perror("socket");
      close(down_fd);
      return;
    }
    SetNoDelay(down_fd);
    SetNoDelay(up_fd);
    if (connect(up_fd, reinterpret_cast<const sockaddr*>(&upstream_), sizeof(upstream_)) != 0 &&
        errno != EINPROGRESS) {
      perror("connect");
      close(down_fd);
      close(up_fd);
      return;
    }
    auto* down = new Side;
    auto* up = new Side;
    down->fd = down_fd;
    down->peer = up;
    up->fd = up_fd;
    up->peer = down;
    if (!Watch(*down) || !Watch(*up)) ClosePair(*down);
  }

  bool Watch(Side& side) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &side;
    if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, side.fd, &event) == 0) return true;
    perror("epoll_ctl");
    return false;
  }

  void OnEvent(Side& side, uint32_t events) {
    if (side.closed) return;
    if ((events & EPOLLERR) != 0) {
      ClosePair(side);
      return;
    }
    if ((events & EPOLLOUT) != 0 && !side.pending.empty()) Flush(side);
    if (!side.closed && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0) {
      Forward(side, (events & (EPOLLRDHUP | EPOLLHUP)) != 0);
    }
  }

  // Copies what `from` has to its peer. A read shorter than the buffer emptied the socket, so
  // no second read is made to see EAGAIN, except when the FIN is already there.
  void Forward(Side& from, bool read_to_end) {
    Side& to = *from.peer;
    while (!from.ended) {
      if (!to.pending.empty()) {
        from.unread = true;
        return;
      }
      const ssize_t got = recv(from.fd, buffer_.data(), buffer_.size(), 0);
      if (got < 0) {
        if (errno != EAGAIN) ClosePair(from);
        return;
      }
      if (got == 0) {
        from.ended = true;
        EndPeer(from);
        return;
      }
      if (!Send(to, std::string_view(buffer_.data(), static_cast<size_t>(got)))) return;
      if (static_cast<size_t>(got) < buffer_.size() && !read_to_end) return;
    }
  }

  bool Send(Side& to, std::string_view bytes) {
    const ssize_t sent = send(to.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
      ClosePair(to);
      return false;
    }
    const size_t taken = sent < 0 ? 0 : static_cast<size_t>(sent);
    to.pending.assign(bytes.substr(taken));
    return true;
  }

  void Flush(Side& side) {
    const ssize_t sent = send(side.fd, side.pending.data(), side.pending.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN) ClosePair(side);
      return;
    }
    side.pending.erase(0, static_cast<size_t>(sent));
    if (!side.pending.empty()) return;
    Side& source = *side.peer;
    if (source.ended) {
      EndPeer(source);
    } else if (source.unread) {
      source.unread = false;
      Forward(source, true);
    }
  }

  // `from` will send no more: pass that on once its bytes are out, close when both are done.
  void EndPeer(Side& from) {
    Side& to = *from.peer;
    if (!to.pending.empty()) return;
    if (to.ended) {
      ClosePair(from);
    } else {
      shutdown(to.fd, SHUT_WR);
    }
  }

  void ClosePair(Side& side) {
    for (Side* each : {&side, side.peer}) {
      if (each->closed) continue;
      each->closed = true;
      close(each->fd);
      garbage_.push_back(each);
    }
  }

  const int listen_fd_;
  const int epoll_fd_;
  const sockaddr_in upstream_;
  std::array<char, kReadBytes> buffer_;
  std::vector<Side*> garbage_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: raw_forwarder LISTEN_PORT UPSTREAM_PORT\n");
    return 2;
  }
  static Forwarder forwarder(static_cast<uint16_t>(atoi(argv[1])),
                             static_cast<uint16_t>(atoi(argv[2])));
  forwarder.Run();
}
