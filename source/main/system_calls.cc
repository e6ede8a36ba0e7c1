// The three system calls that every message costs, for the whole program, libevent included: a
// definition in the program comes before the C library's.
//
// The C library's own are points where a thread may be cancelled, and to be one takes more
// instructions than all else that they do. No thread of ours is ever cancelled. Threads: any.
// Results and errno are those of recv(2), send(2) and epoll_wait(2).
// Only in the shipped program: tests put the simulated kernel's in the same place.

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

extern "C" {

// Without <sys/socket.h>, whose checked versions are inline and would be these.
ssize_t recv(int fd, void* to, size_t size, int flags) {
  return syscall(SYS_recvfrom, fd, to, size, flags, nullptr, nullptr);
}

ssize_t send(int fd, const void* from, size_t size, int flags) {
  return syscall(SYS_sendto, fd, from, size, flags, nullptr, 0);
}

int epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
  return static_cast<int>(syscall(SYS_epoll_wait, epoll, events, most, timeout));
}

}  // extern "C"
