// The system calls of the worker under simulation. A definition in the program comes before the C
// library's, for libevent too, so nothing in the product has to know. Calls on descriptors that are
// not the simulated kernel's, and all calls of threads without one, go to the real kernel.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "test/sim/kernel.h"

namespace {

using remora::sim::Kernel;

Kernel* Of(int fd) {
  Kernel* kernel = Kernel::Current();
  return kernel != nullptr && kernel->Owns(fd) ? kernel : nullptr;
}

uint16_t PortOf(const sockaddr* address) {
  return ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port);
}

}  // namespace

extern "C" {

int socket(int domain, int type, int protocol) noexcept {
  if (Kernel* kernel = Kernel::Current(); kernel != nullptr && domain == AF_INET) {
    return kernel->Socket();
  }
  return static_cast<int>(syscall(SYS_socket, domain, type, protocol));
}

int bind(int fd, const sockaddr* address, socklen_t length) noexcept {
  if (Kernel* kernel = Of(fd)) return kernel->Bind(fd, PortOf(address));
  return static_cast<int>(syscall(SYS_bind, fd, address, length));
}

int listen(int fd, int backlog) noexcept {
  if (Kernel* kernel = Of(fd)) return kernel->Listen(fd);
  return static_cast<int>(syscall(SYS_listen, fd, backlog));
}

int accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  if (Kernel* kernel = Of(fd)) return kernel->Accept(fd, address, length);
  return static_cast<int>(syscall(SYS_accept4, fd, address, length, flags));
}

int connect(int fd, const sockaddr* address, socklen_t length) {
  if (Kernel* kernel = Of(fd)) return kernel->StartConnect(fd, PortOf(address));
  return static_cast<int>(syscall(SYS_connect, fd, address, length));
}

int getsockname(int fd, sockaddr* address, socklen_t* length) noexcept {
  if (Kernel* kernel = Of(fd)) return kernel->Name(fd, address, length, false);
  return static_cast<int>(syscall(SYS_getsockname, fd, address, length));
}

int getpeername(int fd, sockaddr* address, socklen_t* length) noexcept {
  if (Kernel* kernel = Of(fd)) return kernel->Name(fd, address, length, true);
  return static_cast<int>(syscall(SYS_getpeername, fd, address, length));
}

int getsockopt(int fd, int level, int name, void* value, socklen_t* length) noexcept {
  Kernel* kernel = Of(fd);
  if (kernel == nullptr) {
    return static_cast<int>(syscall(SYS_getsockopt, fd, level, name, value, length));
  }
  if (level == SOL_SOCKET && name == SO_ERROR) {
    return kernel->SocketError(fd, static_cast<int*>(value));
  }
  errno = ENOPROTOOPT;
  return -1;
}

int setsockopt(int fd, int level, int name, const void* value, socklen_t length) noexcept {
  if (Kernel* kernel = Of(fd); kernel != nullptr && level == SOL_SOCKET && name == SO_LINGER) {
    const linger& asked = *static_cast<const linger*>(value);
    return kernel->SetLinger(fd, asked.l_onoff != 0 && asked.l_linger == 0);
  }
  if (Kernel* kernel = Of(fd)) return kernel->Known(fd, "setsockopt");
  return static_cast<int>(syscall(SYS_setsockopt, fd, level, name, value, length));
}

int shutdown(int fd, int how) noexcept {
  if (Kernel* kernel = Of(fd)) return kernel->Shutdown(fd, how);
  return static_cast<int>(syscall(SYS_shutdown, fd, how));
}

ssize_t recv(int fd, void* to, size_t size, int flags) {
  const iovec vector{to, size};
  if (Kernel* kernel = Of(fd)) return kernel->Receive(fd, &vector, 1);
  return syscall(SYS_recvfrom, fd, to, size, flags, nullptr, nullptr);
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  if (Kernel* kernel = Of(fd)) return kernel->Receive(fd, message->msg_iov, message->msg_iovlen);
  return syscall(SYS_recvmsg, fd, message, flags);
}

ssize_t send(int fd, const void* from, size_t size, int flags) {
  const iovec vector{const_cast<void*>(from), size};
  if (Kernel* kernel = Of(fd)) {
    return kernel->Transmit(fd, &vector, 1, (flags & MSG_NOSIGNAL) != 0);
  }
  return syscall(SYS_sendto, fd, from, size, flags, nullptr, 0);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (Kernel* kernel = Of(fd)) {
    return kernel->Transmit(fd, message->msg_iov, message->msg_iovlen, (flags & MSG_NOSIGNAL) != 0);
  }
  return syscall(SYS_sendmsg, fd, message, flags);
}

int pipe2(int* ends, int flags) noexcept {
  if (Kernel* kernel = Kernel::Current()) return kernel->MakePipe(ends);
  return static_cast<int>(syscall(SYS_pipe2, ends, flags));
}

ssize_t splice(int from, off64_t* from_at, int to, off64_t* to_at, size_t size, unsigned flags) {
  if (Kernel* kernel = Of(from)) return kernel->Splice(from, to, size);
  return syscall(SYS_splice, from, from_at, to, to_at, size, flags);
}

ssize_t read(int fd, void* to, size_t size) {
  if (Kernel* kernel = Of(fd)) return kernel->Read(fd, to, size);
  return syscall(SYS_read, fd, to, size);
}

ssize_t write(int fd, const void* from, size_t size) {
  if (Kernel* kernel = Of(fd)) return kernel->Write(fd, from, size);
  return syscall(SYS_write, fd, from, size);
}

int close(int fd) {
  if (Kernel* kernel = Of(fd)) return kernel->Close(fd);
  return static_cast<int>(syscall(SYS_close, fd));
}

int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
  if (Kernel* kernel = Of(fd)) return kernel->ControlEpoll(epoll, operation, fd, event);
  return static_cast<int>(syscall(SYS_epoll_ctl, epoll, operation, fd, event));
}

int epoll_wait(int epoll, epoll_event* events, int room, int timeout) {
  if (Kernel* kernel = Kernel::Current()) {
    if (timeout != 0) kernel->Violation("a turn that waits");
    return kernel->Ready(epoll, events, room);
  }
  return static_cast<int>(syscall(SYS_epoll_wait, epoll, events, room, timeout));
}

int timerfd_create(int clock, int flags) noexcept {
  if (Kernel* kernel = Kernel::Current()) return kernel->MakeTimer();
  return static_cast<int>(syscall(SYS_timerfd_create, clock, flags));
}

int timerfd_settime(int fd, int flags, const itimerspec* value, itimerspec* old) noexcept {
  if (Kernel* kernel = Of(fd)) {
    return kernel->SetTimer(
        fd, value->it_value.tv_sec * remora::event::kSecond + value->it_value.tv_nsec);
  }
  return static_cast<int>(syscall(SYS_timerfd_settime, fd, flags, value, old));
}

int eventfd(unsigned int count, int flags) noexcept {
  if (Kernel* kernel = Kernel::Current()) return kernel->MakeEvent();
  return static_cast<int>(syscall(SYS_eventfd2, count, flags));
}

}  // extern "C"
