#pragma once

// Way: one direction of a proxied connection: what comes from one peer goes to the other, and then
// its end.
//
// Owner: Session, one for each direction. Thread: its worker. Bytes move by changing owner: from
// the input of one connection to the output of the other, without being copied; a long transfer
// between two plain sockets goes through a kernel pipe instead and is not seen here at all:
//
//   buffer ---two reads in a row of kBulk or more---> pipe
//          <--the sender paused, and what it had sent in one go was less than kBurst--
//
// Small messages stay with the buffer, because splice costs the same number of system calls and
// more in each. Back-pressure is the session's: it pauses `from` while `to` is full.

#include <cstdint>
#include <memory>

#include "source/net/connection.h"
#include "source/net/pipe.h"

namespace remora::tcp {

class Way {
 public:
  static constexpr size_t kSmall = 4 * 1024;
  static constexpr size_t kBulk = 64 * 1024;
  static constexpr int kBulkReads = 2;
  static constexpr size_t kBurst = 256 * 1024;

  explicit Way(net::PipePool& pipes) : pipes_(pipes) {}
  ~Way() { Disconnect(); }
  Way(const Way&) = delete;
  Way& operator=(const Way&) = delete;

  // Both outlive this, or are forgotten first. `may_pipe`: neither changes or looks at bytes.
  void Connect(net::Connection& from, net::Connection& to, bool may_pipe);
  // The sender is gone; what it has sent still goes on its way.
  void ForgetSender();
  // Forgets both; what is still in the pipe is lost.
  void Disconnect();

  void OnInput(buffer::Buffer& input);
  void OnPiped(size_t bytes);
  void OnInputEnd();

  bool ended() const { return ended_; }
  bool piped() const { return pipe_ != nullptr; }
  // There is something in the pipe.
  bool pipe_filled() const { return pipe_ != nullptr && !pipe_->empty(); }
  // Taken from the sender.
  uint64_t bytes() const { return bytes_; }

 private:
  void EnterPipe();
  void LeavePipe();

  net::PipePool& pipes_;
  net::Connection* from_ = nullptr;
  net::Connection* to_ = nullptr;
  bool may_pipe_ = false;
  bool ended_ = false;
  int bulk_reads_ = 0;  // in a row
  uint64_t bytes_ = 0;
  uint64_t burst_ = 0;  // since the sender last paused
  std::unique_ptr<net::Pipe> pipe_;
};

}  // namespace remora::tcp
