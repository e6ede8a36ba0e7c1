#include "source/http/http2/stream.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <utility>

#include "source/base/check.h"
#include "source/http/http2/library.h"

namespace remora::http2 {
namespace {

// What a resumed stream delivers in one turn, so that a pause has its effect in between.
constexpr size_t kDeliveredAtOnce = 256 * 1024;
constexpr size_t kFrameHeadSize = 9;

}  // namespace

void OwnedFields::Assign(const std::vector<WireField>& fields) {
  text_.clear();
  for (const WireField& field : fields) text_.append(field.name).append(field.value);
  fields_ = fields;
  size_t at = 0;
  for (WireField& field : fields_) {
    for (std::string_view* part : {&field.name, &field.value}) {
      *part = std::string_view(text_).substr(at, part->size());
      at += part->size();
    }
  }
}

Stream::Stream(Session& session)
    : session_(session), held_(session.output_.pool()), pending_(session.output_.pool()) {}

Stream::~Stream() = default;

void* Stream::operator new(size_t size, Memory* memory) {
  void* const piece = Memory::Allocate(memory, size);
  CHECK(piece != nullptr);
  return piece;
}

void Stream::CountReceived(size_t payload, bool head) {
  if (wire_ == nullptr) return;
  wire_->received += payload + kFrameHeadSize;
  if (head) wire_->head_received += payload + kFrameHeadSize;
}

void Stream::CountSent(size_t payload, bool head) {
  if (wire_ == nullptr) return;
  wire_->sent += payload + kFrameHeadSize;
  if (head) wire_->head_sent += payload + kFrameHeadSize;
}

// --- input ---

void Stream::BeginInput(uint64_t length) {
  input_ = Direction::kBody;
  expected_ = length;
}

bool Stream::TakeData(buffer::Buffer& data) {
  const size_t size = data.length();
  if (expected_ != kAnyLength) {
    if (size > expected_) {
      Credit(size);
      return false;
    }
    expected_ -= size;
  }
  if (input_ != Direction::kBody) {
    // The sink is not there any more, or the message has no body.
    Credit(size);
    return input_ == Direction::kEnded;
  }
  if (pause_.paused() || delivering_ || !held_.empty() || AwaitsEnd()) {
    held_.MoveFrom(data);
    return true;
  }
  delivering_ = true;
  DeliverData(data);
  delivering_ = false;
  Credit(size);
  return true;
}

bool Stream::AwaitsEnd() const {
  return session_.role_ == Session::Role::kServer && expected_ == 0 && !end_received_;
}

bool Stream::FinishInput() {
  end_received_ = true;
  if (input_ == Direction::kHead) return false;
  if (expected_ != kAnyLength && expected_ != 0) return false;
  Deliver();
  return true;
}

void Stream::Deliver() {
  if (delivering_ || input_ != Direction::kBody || AwaitsEnd()) return;
  delivering_ = true;
  size_t left = kDeliveredAtOnce;
  while (!held_.empty() && !pause_.paused() && left > 0 && input_ == Direction::kBody) {
    constexpr size_t kPiece = 64 * 1024;
    const size_t size = std::min({held_.length(), left, kPiece});
    buffer::Buffer data(held_.pool());
    data.MoveFrom(held_, size);
    left -= size;
    DeliverData(data);
    Credit(size);
  }
  delivering_ = false;
  if (input_ != Direction::kBody) return;
  if (!held_.empty()) {
    if (!pause_.paused()) session_.Queue(*this);
  } else if (end_received_) {
    input_ = Direction::kEnded;
    DeliverEnd();
  }
}

void Stream::Credit(size_t size) { session_.Consume(this, size); }

void Stream::StopInput() {
  input_ = Direction::kEnded;
  Credit(held_.length());
  held_.Clear();
  if (closed_) session_.Queue(*this);
}

void Stream::ResumeInput(http::PauseReason reason) {
  if (!pause_.Clear(reason) || input_ != Direction::kBody) return;
  if (!held_.empty() || end_received_) session_.Queue(*this);
}

// --- output ---

void Stream::SendInterim(const std::vector<WireField>& fields) {
  if (reset_ || id_ == 0) return;
  const std::vector<nghttp2_nv>& list = session_.library_->List(fields);
  const int result = nghttp2_submit_headers(session_.library_->session, NGHTTP2_FLAG_NONE, id_,
                                            nullptr, list.data(), list.size(), nullptr);
  DCHECK(result == 0);
  if (result == 0) session_.events_.OnOutput();
}

void Stream::SendHead(const std::vector<WireField>& fields, bool ends) {
  DCHECK(output_ == Direction::kHead);
  output_ = ends ? Direction::kEnded : Direction::kBody;
  const bool server = session_.role_ == Session::Role::kServer;
  if (reset_ || session_.failed_ || (server && id_ == 0)) return;
  nghttp2_session* const library = session_.library_->session;
  const std::vector<nghttp2_nv>& list = session_.library_->List(fields);
  nghttp2_data_provider provider;
  provider.source.ptr = this;
  provider.read_callback = [](nghttp2_session* session, int32_t id, uint8_t*, size_t length,
                              uint32_t* flags, nghttp2_data_source* source, void*) -> ssize_t {
    auto& stream = *static_cast<Stream*>(source->ptr);
    const bool ended = stream.output_ == Direction::kEnded;
    const size_t size = std::min(length, stream.pending_.length());
    if (size == 0 && !ended) {
      stream.deferred_ = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (!ended || size < stream.pending_.length()) return static_cast<ssize_t>(size);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream.trailers_.empty()) return static_cast<ssize_t>(size);
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const std::vector<nghttp2_nv>& trailers =
        stream.session_.library_->List(stream.trailers_.fields());
    if (nghttp2_submit_trailer(session, id, trailers.data(), trailers.size()) != 0) {
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return static_cast<ssize_t>(size);
  };
  const nghttp2_data_provider* const source = ends ? nullptr : &provider;
  const int32_t result =
      server ? nghttp2_submit_response(library, id_, list.data(), list.size(), source)
             : nghttp2_submit_request(library, nullptr, list.data(), list.size(), source, this);
  if (result < 0) {
    session_.Fail(NGHTTP2_INTERNAL_ERROR, {});
    return;
  }
  if (!server) id_ = result;
  session_.events_.OnOutput();
}

void Stream::SendData(buffer::Buffer& data) {
  DCHECK(output_ == Direction::kBody);
  if (reset_ || id_ == 0) {
    data.Clear();
    return;
  }
  session_.options_.stats.pending_send_bytes.Add(data.length());
  pending_.MoveFrom(data);
  const uint32_t limit = session_.options_.stream_buffer_limit;
  if (limit != 0 && pending_.length() > limit && !output_full_) {
    output_full_ = true;
    base::ListNode<Stream, DrainedTag>::Unlink();
    OnOutputFull();
  }
  WakeLibrary();
}

void Stream::SendEnd(const std::vector<WireField>& trailers) {
  DCHECK(output_ == Direction::kBody);
  output_ = Direction::kEnded;
  if (reset_ || id_ == 0) return;
  trailers_.Assign(trailers);
  WakeLibrary();
}

void Stream::WakeLibrary() {
  if (std::exchange(deferred_, false)) {
    const int result = nghttp2_session_resume_data(session_.library_->session, id_);
    DCHECK(result == 0);
  }
  session_.events_.OnOutput();
}

void Stream::SendReset(uint32_t error_code) {
  if (reset_) return;
  reset_ = true;
  reset_code_ = error_code;
  SubmitReset();
  StopInput();
}

void Stream::SendResetBehindOutput(uint32_t error_code) {
  if (reset_) return;
  if (output_ != Direction::kBody || id_ == 0) {
    SendReset(error_code);
    return;
  }
  reset_ = true;
  reset_code_ = error_code;
  StopInput();
  session_.resetting_.PushBack(*this);
  session_.events_.OnOutput();
}

void Stream::SubmitReset() {
  session_.options_.stats.pending_send_bytes.Sub(pending_.length());
  pending_.Clear();
  base::ListNode<Stream, DrainedTag>::Unlink();
  if (id_ == 0) {
    // Never begun, or over for the library: it only has to go.
    if (!std::exchange(closed_, true)) session_.options_.stats.deferred_stream_close.Inc();
    session_.Queue(*this);
    return;
  }
  const int result =
      nghttp2_submit_rst_stream(session_.library_->session, NGHTTP2_FLAG_NONE, id_, reset_code_);
  DCHECK(result == 0);
  if (result == 0) session_.events_.OnOutput();
}

}  // namespace remora::http2
