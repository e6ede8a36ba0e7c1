#include "source/tcp/way.h"

#include <utility>

namespace remora::tcp {

void Way::Connect(net::Connection& from, net::Connection& to, bool may_pipe) {
  from_ = &from;
  to_ = &to;
  may_pipe_ = may_pipe;
}

void Way::ForgetSender() {
  if (pipe_ != nullptr && from_ != nullptr) from_->ReadInto(nullptr);
  from_ = nullptr;
}

void Way::Disconnect() {
  if (pipe_ != nullptr) LeavePipe();
  from_ = nullptr;
  to_ = nullptr;
}

void Way::OnInput(buffer::Buffer& input) {
  const size_t size = input.length();
  bytes_ += size;
  if (size <= kSmall && !to_->output().empty()) {
    // It joins what waits already: moved, each message would keep a block of its own.
    to_->output().Append(input.Front());
    input.Drain(input.Front().size());
  }
  to_->output().MoveFrom(input);
  to_->Cork();
  if (!may_pipe_) return;
  bulk_reads_ = size >= kBulk ? bulk_reads_ + 1 : 0;
  if (bulk_reads_ >= kBulkReads) EnterPipe();
}

void Way::OnPiped(size_t bytes) {
  bytes_ += bytes;
  burst_ += bytes;
  if (!pipe_->empty()) {
    to_->Cork();
  } else if (bytes == 0) {
    // Nothing more has come, and everything that came has gone.
    if (burst_ < kBurst) LeavePipe();
    burst_ = 0;
  }
}

void Way::OnInputEnd() {
  ended_ = true;
  to_->ShutdownAfterFlush();
}

void Way::EnterPipe() {
  bulk_reads_ = 0;
  burst_ = 0;
  pipe_ = pipes_.Take();
  if (pipe_ == nullptr) return;
  from_->ReadInto(pipe_.get());
  to_->WriteFrom(pipe_.get());
}

void Way::LeavePipe() {
  if (from_ != nullptr) from_->ReadInto(nullptr);
  to_->WriteFrom(nullptr);
  pipes_.Give(std::move(pipe_));
}

}  // namespace remora::tcp
