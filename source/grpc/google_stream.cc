#include "source/grpc/google_stream.h"

#include <utility>

namespace remora::grpc {

GoogleStream::GoogleStream(GoogleClient& client, const Service& service, uint64_t id,
                           StreamUser& user)
    : client_(client),
      stats_(client.StatsOf(service.google->stat_prefix)),
      user_(user),
      id_(id),
      buffer_limit_(service.google->buffer_limit),
      turn_end_(&OnTurnEnd, this),
      input_(client.blocks_) {
  client_.streams_.emplace(id_, this);
  stats_.total.Inc();
}

void GoogleStream::Use(GoogleCallPtr call) {
  call_ = std::move(call);
  if (call_ == nullptr) dispatcher().AtTurnEnd(turn_end_);
}

void GoogleStream::Close() {
  if (std::exchange(closed_, true)) return;
  client_.streams_.erase(id_);
  call_.reset();
}

void GoogleStream::OnTurnEnd(void* self) {
  auto* const stream = static_cast<GoogleStream*>(self);
  if (stream->closed_) return;
  if (stream->call_ == nullptr) {
    return stream->Finish({GrpcCode::kUnavailable, "the gRPC library is not there any more"});
  }
  if (stream->paused_) return;
  if (stream->has_input_) return stream->Deliver();
  if (stream->end_.has_value()) stream->Finish(*stream->end_);
}

void GoogleStream::OnEvent(GoogleEvent& event) {
  switch (event.step) {
    case GoogleStep::kStart:
      if (!event.ok) return call_->Finish();
      started_ = true;
      call_->Read();
      WriteNext();
      return user_.OnWritable();
    case GoogleStep::kRead:
      if (!event.ok) return call_->Finish();
      input_.Append(event.text);
      has_input_ = true;
      if (!paused_) Deliver();
      return;
    case GoogleStep::kWrite:
      // Of one that is lost, reading says so.
      if (event.ok) OnWritten();
      return;
    case GoogleStep::kEndWriting:
      return;
    case GoogleStep::kFinish: {
      const bool known = event.code >= 0 && event.code <= static_cast<int>(GrpcCode::kLast);
      end_ = {known ? static_cast<GrpcCode>(event.code) : GrpcCode::kUnknown,
              std::move(event.text)};
      // As over a cluster: nothing is told to who is paused.
      if (!paused_) Finish(*end_);
      return;
    }
  }
}

void GoogleStream::Deliver() {
  has_input_ = false;
  call_->Read();
  user_.OnMessage(input_);
}

void GoogleStream::Finish(const Status& status) {
  stats_.closed[static_cast<size_t>(status.code)].Inc();
  Close();
  user_.OnClosed(status, nullptr);
}

void GoogleStream::Send(buffer::Buffer& message) {
  if (closed_) return message.Clear();
  waiting_bytes_ += message.length();
  waiting_.push_back(message.ToString());
  message.Clear();
  WriteNext();
}

void GoogleStream::EndSending() {
  if (std::exchange(ending_, true)) return;
  WriteNext();
}

void GoogleStream::WriteNext() {
  if (closed_ || !started_ || writing_) return;
  if (!waiting_.empty()) {
    writing_ = true;
    call_->Write(waiting_.front());
  } else if (ending_) {
    writing_ = true;  // for good
    call_->EndWriting();
  }
}

void GoogleStream::OnWritten() {
  const bool was_full = !writable();
  writing_ = false;
  waiting_bytes_ -= waiting_.front().size();
  waiting_.pop_front();
  WriteNext();
  if (was_full && writable()) user_.OnWritable();
}

void GoogleStream::Resume() {
  paused_ = false;
  dispatcher().AtTurnEnd(turn_end_);
}

}  // namespace remora::grpc
