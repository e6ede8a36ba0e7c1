#pragma once

// Pipe: a kernel pipe through which bytes go from one socket to another without being copied into
// this process (splice). PipePool: the pipes of one worker.
//
// Owner: whoever took it from the pool; the two connections that use it hold plain pointers.
// Thread: its worker. Failures are those of the socket, as an IoResult; no pipe can be had when the
// pool's limit or the process's descriptors are used up, which is no error: bytes are copied then.
// Source: splice(2), pipe(7).

#include <cstddef>
#include <memory>
#include <vector>

#include "source/net/socket.h"
#include "source/net/transport_socket.h"

namespace remora::net {

class Pipe {
 public:
  // What we ask of the kernel; it may give less.
  static constexpr int kCapacity = 1024 * 1024;

  // Null when the process cannot have one now.
  static std::unique_ptr<Pipe> Make();

  // From the socket, at most `budget` bytes. kWait means that the socket had no more and that the
  // pipe is empty; kAgain that there may be more, now or when the pipe was drained.
  IoResult Fill(int fd, size_t budget);
  // To the socket, until it takes no more. kWait.
  IoResult Drain(int fd);

  size_t bytes() const { return bytes_; }
  bool empty() const { return bytes_ == 0; }
  // It takes nothing more until half of it was drained.
  bool full() const { return full_at_ > 0; }

 private:
  Pipe(Socket read, Socket write) : read_(std::move(read)), write_(std::move(write)) {}

  Socket read_;  // descriptors; no sockets, but owned the same way
  Socket write_;
  size_t bytes_ = 0;
  size_t full_at_ = 0;  // bytes_ when it took no more; 0: it may take more
};

class PipePool {
 public:
  // Two descriptors each; a pipe holds memory only while bytes are in it.
  static constexpr size_t kLimit = 64;

  explicit PipePool(size_t limit = kLimit) : limit_(limit) {}
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;

  // Null: none can be had now.
  std::unique_ptr<Pipe> Take();
  // What is still in it is lost.
  void Give(std::unique_ptr<Pipe> pipe);

  size_t taken() const { return taken_; }

 private:
  size_t limit_;
  size_t taken_ = 0;
  std::vector<std::unique_ptr<Pipe>> idle_;
};

}  // namespace remora::net
