#include "source/net/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace remora::net {

std::unique_ptr<Pipe> Pipe::Make() {
  int ends[2];
  if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return nullptr;
  auto pipe = std::unique_ptr<Pipe>(new Pipe(Socket(ends[0]), Socket(ends[1])));
  // An unprivileged user may have used up what its pipes may hold: the default size serves too.
  [[maybe_unused]] const int size = fcntl(ends[1], F_SETPIPE_SZ, kCapacity);
  return pipe;
}

IoResult Pipe::Fill(int fd, size_t budget) {
  IoResult result;
  while (!full() && result.bytes < budget) {
    const ssize_t n = splice(fd, nullptr, write_.fd(), nullptr, budget - result.bytes,
                             SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n > 0) {
      result.bytes += static_cast<size_t>(n);
      bytes_ += static_cast<size_t>(n);
      continue;
    }
    if (n == 0) {
      result.next = IoResult::Next::kEnd;
      return result;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) {
      result.next = IoResult::Next::kError;
      result.error = errno;
      return result;
    }
    // The kernel does not say which of the two stopped it: the socket has no more, or the pipe, of
    // which a small piece takes a whole page, has no room.
    if (bytes_ == 0) return result;
    full_at_ = bytes_;
  }
  result.next = IoResult::Next::kAgain;
  return result;
}

IoResult Pipe::Drain(int fd) {
  IoResult result;
  while (bytes_ > 0) {
    const ssize_t n =
        splice(read_.fd(), nullptr, fd, nullptr, bytes_, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n > 0) {
      result.bytes += static_cast<size_t>(n);
      bytes_ -= static_cast<size_t>(n);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN && errno != ENOBUFS) {
      result.next = IoResult::Next::kError;
      result.error = errno;
    }
    break;
  }
  if (bytes_ <= full_at_ / 2) full_at_ = 0;
  return result;
}

std::unique_ptr<Pipe> PipePool::Take() {
  if (taken_ >= limit_) return nullptr;
  std::unique_ptr<Pipe> pipe;
  if (idle_.empty()) {
    pipe = Pipe::Make();
  } else {
    pipe = std::move(idle_.back());
    idle_.pop_back();
  }
  if (pipe != nullptr) ++taken_;
  return pipe;
}

void PipePool::Give(std::unique_ptr<Pipe> pipe) {
  --taken_;
  if (pipe->empty()) idle_.push_back(std::move(pipe));
}

}  // namespace remora::net
