#include "source/http/connection_manager/http2_connection.h"

#include <algorithm>
#include <utility>

#include "source/base/check.h"
#include "source/http/connection_manager/server_stream.h"
#include "source/http/connection_manager/session.h"
#include "source/runtime/runtime.h"

namespace remora::connection_manager {

using http::ErrorKind;
using http::ProxyError;
using http::Side;

Http2Connection::Http2Connection(Session& session, WorkerConfig& config,
                                 net::Connection& connection)
    : session_(session),
      config_(config),
      connection_(connection),
      drain_timer_(connection.dispatcher().timers(), &OnDrainTimer, this),
      turn_end_(&OnTurnEnd, this),
      keepalive_(connection.dispatcher().timers(), config.services().worker.random,
                 config.http2_options().protocol.keepalive, *this),
      codec_(*this, connection.output(), config.http2_options()) {
  keepalive_.Start(connection.dispatcher().now());
}

Http2Connection::~Http2Connection() { Drop(); }

void Http2Connection::Drop() {
  if (!ended_) AbortAll({Side::kLocal, ErrorKind::kLocalReset});
  turn_end_.Unlink();
  finished_.clear();
}

// --- bytes and turns ---

void Http2Connection::OnInput(buffer::Buffer& input) {
  if (ended_) {
    input.Clear();
    return;
  }
  keepalive_.OnInput(connection_.dispatcher().now());
  // The status is looked at below: a flush may fail, too.
  static_cast<void>(codec_.Dispatch(input));
  connection_.Cork();
  LookAtCodec();
}

void Http2Connection::OnOutput() { connection_.dispatcher().AtTurnEnd(turn_end_); }

void Http2Connection::OnInputInterestChanged() {
  resume_pending_ = true;
  connection_.dispatcher().AtTurnEnd(turn_end_);
}

void Http2Connection::OnTurnEnd(void* self) {
  auto* connection = static_cast<Http2Connection*>(self);
  if (!connection->ended_) {
    if (std::exchange(connection->resume_pending_, false)) {
      buffer::Buffer nothing(connection->connection_.output().pool());
      static_cast<void>(connection->codec_.Dispatch(nothing));
    }
    connection->codec_.Flush();
    connection->connection_.Cork();
    connection->LookAtCodec();
  }
  connection->RecycleFinished();
}

void Http2Connection::LookAtCodec() {
  if (ended_) return;
  if (codec_.failed()) {
    session_.OnHttp2Failed(codec_.error().detail);
  } else if ((drain_ == DrainState::kLast || codec_.peer_going_away()) && streams_.empty()) {
    session_.EndAfterFlush();
  }
}

void Http2Connection::RecycleFinished() {
  for (std::unique_ptr<ServerStream>& stream : finished_) {
    stream->Recycle();
    config_.GiveStream(std::move(stream));
  }
  finished_.clear();
}

// --- streams ---

http::ServerCodecEvents::NewRequest Http2Connection::OnNewRequest(http::ServerCodecStream& codec) {
  session_.OnRequestBegan();
  std::unique_ptr<ServerStream> stream = config_.TakeStream();
  ServerStream& begun = *stream;
  streams_[&codec] = {std::move(stream), false};
  begun.Start(session_, codec, 0);
  begun.info().version = http::Version::kHttp2;  // also of one that is refused
  if (output_full_) begun.OnOutputFull();
  return {&begun.arena(), &begun, &begun.info().downstream_wire};
}

void Http2Connection::OnStreamDone(http::ServerCodecStream& codec, bool) {
  const auto found = streams_.find(&codec);
  if (found == streams_.end()) return;
  std::unique_ptr<ServerStream> stream = std::move(found->second.stream);
  streams_.erase(found);
  CountReset(*stream);
  Finish(std::move(stream));
  if (streams_.empty() && !ended_) session_.OnNothingInFlight();
}

void Http2Connection::Finish(std::unique_ptr<ServerStream> stream) {
  stream->Finish();
  finished_.push_back(std::move(stream));
  connection_.dispatcher().AtTurnEnd(turn_end_);
}

// As Envoy: of many streams, or of as many as would make it so whatever comes, half were over
// before they had an answer.
void Http2Connection::CountReset(const ServerStream& stream) {
  constexpr uint64_t kStreams = 500;
  constexpr std::string_view kStreamsKey = "overload.premature_reset_total_stream_count";
  constexpr std::string_view kLifetimeKey = "overload.premature_reset_min_stream_lifetime_seconds";
  const runtime::View& runtime = config_.services().worker.runtime;
  ++closed_streams_;
  if (stream.answered()) return;
  const event::Duration lifetime = connection_.dispatcher().now() - stream.started();
  const auto least = static_cast<event::Duration>(runtime->Integer(kLifetimeKey, 1));
  if (lifetime > least * event::kSecond) return;
  ++premature_resets_;
  const uint64_t limit = runtime->Integer(kStreamsKey, kStreams);
  if (premature_resets_ * 2 < std::max(limit, closed_streams_) || codec_.failed()) return;
  config_.stats().downstream_rq_too_many_premature_resets.Inc();
  codec_.GiveUp("too_many_premature_resets");
}

void Http2Connection::AbortAll(const ProxyError& error) {
  ended_ = true;
  keepalive_.Stop();
  drain_timer_.Disarm();
  auto streams = std::move(streams_);
  streams_.clear();
  for (auto& [codec, entry] : streams) {
    entry.stream->Abort(error);
    codec->OnReset(error);  // it tells the stream nothing more
    Finish(std::move(entry.stream));
  }
}

// --- back-pressure ---

void Http2Connection::OnOutputFull() {
  output_full_ = true;
  for (auto& [codec, entry] : streams_) entry.stream->OnOutputFull();
}

void Http2Connection::OnOutputDrained() {
  output_full_ = false;
  for (auto& [codec, entry] : streams_) {
    if (!entry.window_full) entry.stream->OnOutputDrained();
  }
}

void Http2Connection::OnStreamOutputFull(http::ServerCodecStream& stream) {
  const auto found = streams_.find(&stream);
  if (found == streams_.end()) return;
  config_.stats().downstream_flow_control_paused_reading_total.Inc();
  found->second.window_full = true;
  found->second.stream->OnOutputFull();
}

void Http2Connection::OnStreamOutputDrained(http::ServerCodecStream& stream) {
  const auto found = streams_.find(&stream);
  if (found == streams_.end()) return;
  config_.stats().downstream_flow_control_resumed_reading_total.Inc();
  found->second.window_full = false;
  if (!output_full_) found->second.stream->OnOutputDrained();
}

// --- the end ---

void Http2Connection::StartDrain() {
  if (ended_ || drain_ != DrainState::kNone) return;
  drain_ = DrainState::kNoticed;
  codec_.SendShutdownNotice();
  drain_timer_.Arm(connection_.dispatcher().now() + config_.config().drain_timeout);
}

void Http2Connection::OnDrainTimer(void* self) {
  auto* connection = static_cast<Http2Connection*>(self);
  connection->drain_ = DrainState::kLast;
  connection->codec_.GoAway();
  connection->OnOutput();  // and looks whether that was all
}

void Http2Connection::OnPingAck() { keepalive_.OnPingAck(connection_.dispatcher().now()); }

void Http2Connection::OnKeepaliveTimeout() {
  config_.http2_options().stats.keepalive_timeout.Inc();
  session_.OnHttp2Dead();
}

}  // namespace remora::connection_manager
