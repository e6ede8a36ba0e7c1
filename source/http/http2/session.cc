#include "source/http/http2/session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <string>
#include <utility>

#include "source/base/check.h"
#include "source/http/http2/details.h"
#include "source/http/http2/library.h"

namespace remora::http2 {

Session::Session(Role role, SessionEvents& events, buffer::Buffer& output,
                 const CodecOptions& options)
    : role_(role),
      events_(events),
      output_(output),
      options_(options),
      library_(std::make_unique<Library>(*this)),
      guard_(options.protocol),
      block_(options) {
  SendPreface();
}

Session::~Session() {
  // Streams may still be linked into our lists.
  for (const std::unique_ptr<Stream>& stream : streams_) {
    options_.stats.streams_active.Dec();
    options_.stats.pending_send_bytes.Sub(stream->pending_.length());
    if (stream->closed_) options_.stats.deferred_stream_close.Dec();
  }
  options_.stats.outbound_frames_active.Sub(told_frames_);
  options_.stats.outbound_control_frames_active.Sub(told_control_frames_);
  streams_.clear();
}

void Session::SendPreface() {
  const ProtocolOptions& protocol = options_.protocol;
  std::vector<nghttp2_settings_entry> settings;
  const auto add = [&settings](int32_t id, uint32_t value) { settings.push_back({id, value}); };
  if (protocol.hpack_table_size != NGHTTP2_DEFAULT_HEADER_TABLE_SIZE) {
    add(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, protocol.hpack_table_size);
  }
  if (role_ == Role::kClient) {
    add(NGHTTP2_SETTINGS_ENABLE_PUSH, 0);
  } else {
    add(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, protocol.max_concurrent_streams);
    if (protocol.allow_connect) add(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1);
  }
  add(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.StreamWindow());
  // RFC 9218: no tree of priorities, so none that a peer could make us walk.
  add(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1);
  for (const auto& [id, value] : protocol.custom_settings) add(id, value);
  nghttp2_session* const session = library_->session;
  int result =
      nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  CHECK(result == 0);
  result = nghttp2_session_set_local_window_size(
      session, NGHTTP2_FLAG_NONE, 0, static_cast<int32_t>(protocol.initial_connection_window_size));
  CHECK(result == 0);
}

// --- input ---

absl::Status Session::Dispatch(buffer::Buffer& input) {
  if (dispatching_) return absl::OkStatus();  // the call below us goes on with the same bytes
  dispatching_ = true;
  guard_.Drained(written_ - output_.length());
  input_ = &input;
  while (!input.empty() && !failed_) {
    const std::string_view piece = input.Front();
    if (!ReadPiece(piece)) break;
    input.Drain(piece.size());
    // Streams that the peer has made us reset are over with this block, and are counted.
    FlushFrames();
  }
  input_ = nullptr;
  DeliverResumed();
  dispatching_ = false;
  // What the peer is owed, or nghttp2's last word to one that broke the rules; and sources whose
  // bytes have left with this input are told.
  if (!failed_ && (nghttp2_session_want_write(library_->session) != 0 || !drained_.empty())) {
    Flush();
    events_.OnOutput();
  }
  if (failed_) input.Clear();
  return Result();
}

bool Session::ReadPiece(std::string_view piece) {
  const size_t size = role_ == Role::kServer ? watch_.Read(piece) : piece.size();
  const ssize_t taken = nghttp2_session_mem_recv(
      library_->session, reinterpret_cast<const uint8_t*>(piece.data()), size);
  if (failed_) return false;
  if (taken < 0 || watch_.found() == FrameWatch::Finding::kPriority) {
    Fail(NGHTTP2_PROTOCOL_ERROR, detail::kProtocolError);
  } else if (watch_.found() == FrameWatch::Finding::kStreamClosed) {
    Fail(NGHTTP2_STREAM_CLOSED, detail::kProtocolError);
  }
  return !failed_;
}

absl::Status Session::Result() const {
  if (!failed_) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::string_view(error_.detail.data(), error_.detail.size()));
}

void Session::Queue(Stream& stream) {
  if (!stream.base::ListNode<Stream, ResumedTag>::linked()) resumed_.PushBack(stream);
  if (!dispatching_) events_.OnResumed();
}

void Session::DeliverResumed() {
  // What is resumed meanwhile waits for the next call.
  base::IntrusiveList<Stream, ResumedTag> now;
  now.Splice(resumed_);
  while (!now.empty()) {
    Stream& stream = now.PopFront();
    stream.Deliver();
    if (stream.closed_ && stream.input_ == Stream::Direction::kEnded) Remove(stream);
  }
  if (!resumed_.empty()) events_.OnResumed();
}

bool Session::OnFrameBegin(uint8_t type, int32_t id) {
  if (type == NGHTTP2_HEADERS && role_ == Role::kServer && id < last_peer_stream_ &&
      WasSkipped(id)) {
    // RFC 9113 section 5.1.1; nghttp2 takes it for a stream that is over.
    Fail(NGHTTP2_PROTOCOL_ERROR, detail::kProtocolError);
  } else if (type == NGHTTP2_PRIORITY && !guard_.AddPriority()) {
    options_.stats.inbound_priority_frames_flood.Inc();
    Fail(NGHTTP2_ENHANCE_YOUR_CALM, detail::kPriorityFlood);
  } else if (type == NGHTTP2_WINDOW_UPDATE && !guard_.AddWindowUpdate()) {
    options_.stats.inbound_window_update_frames_flood.Inc();
    Fail(NGHTTP2_ENHANCE_YOUR_CALM, detail::kWindowUpdateFlood);
  }
  return !failed_;
}

void Session::CountFrame(Stream* stream, size_t payload, bool head, bool sent) {
  if (stream == nullptr) return;
  if (sent) {
    stream->CountSent(payload, head);
  } else {
    stream->CountReceived(payload, head);
  }
}

bool Session::OnPayload(size_t size, bool ends) {
  if (size > 0 || ends) {
    guard_.AddUsefulFrame();
  } else if (!guard_.AddEmptyFrame()) {
    options_.stats.inbound_empty_frames_flood.Inc();
    Fail(NGHTTP2_ENHANCE_YOUR_CALM, detail::kEmptyFramesFlood);
  }
  return !failed_;
}

bool Session::WasSkipped(int32_t id) const {
  return std::any_of(skipped_.begin(), skipped_.end(),
                     [id](const auto& range) { return range.first < id && id < range.second; });
}

Stream* Session::BeginPeerStream(int32_t id) {
  // Clients count by twos. Of those that do not, the last few leaps are remembered.
  constexpr size_t kMaxSkipped = 16;
  if (id > last_peer_stream_ + 2) {
    if (skipped_.size() == kMaxSkipped) skipped_.erase(skipped_.begin());
    skipped_.emplace_back(last_peer_stream_, id);
  }
  last_peer_stream_ = id;
  std::unique_ptr<Stream> stream = events_.OnPeerStream();
  if (stream == nullptr) {
    options_.stats.stream_refused_errors.Inc();
    const int result =
        nghttp2_submit_rst_stream(library_->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    DCHECK(result == 0);
    return nullptr;
  }
  Stream* const begun = stream.get();
  begun->id_ = id;
  const int result = nghttp2_session_set_stream_user_data(library_->session, id, begun);
  DCHECK(result == 0);
  Adopt(std::move(stream));
  return begun;
}

void Session::OnBlockBegin(Stream* stream) {
  if (stream == nullptr) options_.stats.headers_cb_no_stream.Inc();
  block_stream_ = stream;
  block_.Start();
}

void Session::OnField(std::string_view name, std::string_view value) {
  if (block_stream_ != nullptr) block_.Add(name, value);
}

bool Session::OnBlockEnd(bool ends) {
  Stream* const stream = std::exchange(block_stream_, nullptr);
  if (stream == nullptr || stream->reset_) return true;
  // Also one with a fault: a request that is refused has begun, and is counted and logged.
  stream->OnBlock(block_, ends);
  return !failed_;
}

bool Session::OnBody(Stream* stream, const char* data, size_t size) {
  if (stream == nullptr || stream->reset_) {
    Consume(stream, size);
    return !failed_;
  }
  buffer::Buffer body(input_->pool());
  body.AppendFront(*input_, static_cast<size_t>(data - input_->Front().data()), size);
  if (!stream->TakeData(body)) stream->OnMalformed(HeaderBlock::Fault::kWrongLength);
  return !failed_;
}

bool Session::OnBodyEnd(Stream& stream) {
  if (stream.reset_) return true;
  if (!stream.FinishInput()) stream.OnMalformed(HeaderBlock::Fault::kWrongLength);
  return !failed_;
}

void Session::OnPeerGoAway() {
  peer_going_away_ = true;
  events_.OnPeerLimits();
}

void Session::Consume(const Stream* stream, size_t size) {
  if (size == 0 || failed_) return;
  const int result = stream != nullptr && stream->id_ != 0 && !stream->end_received_
                         ? nghttp2_session_consume(library_->session, stream->id_, size)
                         : nghttp2_session_consume_connection(library_->session, size);
  DCHECK(result == 0);
  if (result != 0) return;
  if (!dispatching_ && nghttp2_session_want_write(library_->session) != 0) events_.OnOutput();
}

void Session::OnMalformed(Stream& stream, HeaderBlock::Fault fault) {
  const Stats& stats = options_.stats;
  if (fault == HeaderBlock::Fault::kTooLarge) {
    stats.header_overflow.Inc();
    stream.SendReset(NGHTTP2_INTERNAL_ERROR);
  } else if (fault == HeaderBlock::Fault::kUnderscore) {
    stream.SendReset(NGHTTP2_PROTOCOL_ERROR);
  } else {
    // As in Envoy, a message of another length than announced costs its stream alone.
    const bool length = fault == HeaderBlock::Fault::kWrongLength;
    if (!length || role_ == Role::kServer) stats.rx_messaging_error.Inc();
    if (!length && !options_.protocol.stream_error_on_invalid_message) {
      Fail(NGHTTP2_PROTOCOL_ERROR, fault == HeaderBlock::Fault::kInvalidField
                                       ? detail::kInvalidHeaderField
                                       : detail::kMessagingViolation);
      return;
    }
    stream.SendReset(NGHTTP2_PROTOCOL_ERROR);
  }
  // A peer that sends little else costs as much as one that resets its streams.
  constexpr uint32_t kMaxMalformed = 500;
  if (++malformed_ > kMaxMalformed) {
    Fail(NGHTTP2_ENHANCE_YOUR_CALM, detail::kMalformedFlood);
  }
}

// --- streams ---

bool Session::MayBegin() const {
  if (failed_ || peer_going_away_ || draining_) return false;
  if (nghttp2_session_check_request_allowed(library_->session) == 0) return false;
  const uint32_t theirs = nghttp2_session_get_remote_settings(
      library_->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return streams_.size() < std::min(theirs, options_.protocol.max_concurrent_streams);
}

void Session::Adopt(std::unique_ptr<Stream> stream) {
  stream->index_ = streams_.size();
  streams_.push_back(std::move(stream));
  guard_.AddStream();
  options_.stats.streams_active.Inc();
}

void Session::OnStreamClosed(Stream& stream, uint32_t error_code) {
  if (stream.end_received_) watch_.AddEnded(stream.id_);
  stream.id_ = 0;
  // The rest of its block may still come.
  if (block_stream_ == &stream) block_stream_ = nullptr;
  if (error_code != NGHTTP2_NO_ERROR) stream.reset_ = true;
  // Only the answer's reader decides when all of it was read.
  if (role_ == Role::kClient && !stream.reset_ && stream.input_ == Stream::Direction::kBody) {
    stream.closed_ = true;
    options_.stats.deferred_stream_close.Inc();
    return;
  }
  stream.StopInput();
  stream.OnClosed(error_code);
  Remove(stream);
}

void Session::Remove(Stream& stream) {
  const size_t index = stream.index_;
  options_.stats.streams_active.Dec();
  options_.stats.pending_send_bytes.Sub(stream.pending_.length());
  if (stream.closed_) options_.stats.deferred_stream_close.Dec();
  if (index + 1 != streams_.size()) {
    std::swap(streams_[index], streams_.back());
    streams_[index]->index_ = index;
  }
  streams_.pop_back();
}

// --- output ---

void Session::Flush() {
  if (flushing_ || dispatching_) return;
  flushing_ = true;
  guard_.Drained(written_ - output_.length());
  FlushFrames();
  if (!resetting_.empty()) {
    while (!resetting_.empty()) resetting_.PopFront().SubmitReset();
    FlushFrames();
  }
  TellOutbound();
  flushing_ = false;
  TellDrained();
}

void Session::FlushFrames() {
  while (!failed_) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(library_->session, &bytes);
    if (size == 0) return;
    if (size < 0) {
      if (!failed_) Fail(NGHTTP2_INTERNAL_ERROR, detail::kProtocolError);
      return;
    }
    output_.Append({reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)});
    written_ += static_cast<uint64_t>(size);
    if (goaway_written_) Fail(NGHTTP2_PROTOCOL_ERROR, detail::kProtocolError);
  }
}

void Session::MoveData(Stream& stream, std::string_view frame_head, size_t size) {
  // More than one read brings: the peer is slow, and bytes that wait are packed, because in front
  // of moved ones the head would keep a block to itself.
  constexpr size_t kBacklog = 256 * 1024;
  const bool packs = output_.length() > kBacklog;
  output_.Append(frame_head);
  for (size_t left = packs ? size : 0; left > 0;) {
    const std::string_view piece = stream.pending_.Front().substr(0, left);
    left -= piece.size();
    output_.Append(piece);
    stream.pending_.Drain(piece.size());
  }
  if (!packs) output_.MoveFrom(stream.pending_, size);
  written_ += frame_head.size() + size;
  options_.stats.pending_send_bytes.Sub(size);
  if (stream.output_full_ && stream.pending_.length() <= options_.stream_buffer_limit / 2) {
    stream.output_full_ = false;
    drained_.PushBack(stream);
  }
}

bool Session::OnFrameSent(FloodGuard::Outbound kind) {
  switch (guard_.AddOutbound(kind, written_)) {
    case FloodGuard::Verdict::kFine:
      break;
    case FloodGuard::Verdict::kFlood:
      options_.stats.outbound_flood.Inc();
      Fail(NGHTTP2_ENHANCE_YOUR_CALM, detail::kOutboundFlood);
      break;
    case FloodGuard::Verdict::kControlFlood:
      options_.stats.outbound_control_flood.Inc();
      Fail(NGHTTP2_ENHANCE_YOUR_CALM, detail::kControlFlood);
      break;
  }
  return !failed_;
}

void Session::OnEndSent(Stream& stream) {
  // RFC 9113 section 8.1: an answer that came before the end of its request.
  if (role_ == Role::kServer && !stream.end_received_) stream.SendReset(NGHTTP2_NO_ERROR);
}

void Session::OnGoAwaySent(uint32_t error_code) {
  options_.stats.goaway_sent.Inc();
  // nghttp2 has found out something that we leave to it. The frame's bytes are still to come.
  if (error_code != NGHTTP2_NO_ERROR) goaway_written_ = true;
}

// The gauges of frames that wait to leave.
void Session::TellOutbound() {
  const Stats& stats = options_.stats;
  stats.outbound_frames_active.Add(guard_.outbound_frames() - told_frames_);
  stats.outbound_control_frames_active.Add(guard_.outbound_control_frames() - told_control_frames_);
  told_frames_ = guard_.outbound_frames();
  told_control_frames_ = guard_.outbound_control_frames();
}

void Session::TellDrained() {
  while (!drained_.empty()) drained_.PopFront().OnOutputDrained();
}

void Session::SendShutdownNotice() {
  if (failed_ || draining_) return;
  draining_ = true;
  const int result = nghttp2_submit_shutdown_notice(library_->session);
  DCHECK(result == 0);
  if (result == 0) events_.OnOutput();
}

void Session::SendGoAway() {
  if (failed_) return;
  draining_ = true;
  const int32_t last = nghttp2_session_get_last_proc_stream_id(library_->session);
  const int result = nghttp2_submit_goaway(library_->session, NGHTTP2_FLAG_NONE, last,
                                           NGHTTP2_NO_ERROR, nullptr, 0);
  DCHECK(result == 0);
  if (result == 0) events_.OnOutput();
}

void Session::SendPing() {
  if (failed_) return;
  const int result = nghttp2_submit_ping(library_->session, NGHTTP2_FLAG_NONE, nullptr);
  DCHECK(result == 0);
  if (result == 0) events_.OnOutput();
}

void Session::Fail(uint32_t error_code, std::string_view why) {
  if (failed_) return;
  failed_ = true;
  error_ = {400, why};
  if (!goaway_written_) SendRawGoAway(error_code);
  events_.OnOutput();
}

// The library is done for: RFC 9113 section 6.8 by hand.
void Session::SendRawGoAway(uint32_t error_code) {
  goaway_written_ = true;
  const auto last =
      static_cast<uint32_t>(nghttp2_session_get_last_proc_stream_id(library_->session));
  constexpr char kFrameHead[] = {0, 0, 8, NGHTTP2_GOAWAY, 0, 0, 0, 0, 0};
  std::string frame(kFrameHead, sizeof(kFrameHead));
  for (const uint32_t word : {last, error_code}) {
    for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(word >> shift & 0xff);
  }
  output_.Append(frame);
  written_ += frame.size();
  options_.stats.goaway_sent.Inc();
}

}  // namespace remora::http2
