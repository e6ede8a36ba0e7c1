#include "source/upstream/http2_exchanges.h"

#include <utility>
#include <vector>

#include "source/base/check.h"
#include "source/upstream/cluster_runtime.h"
#include "source/upstream/pool_connection.h"

namespace remora::upstream {

using http::ProxyError;

Http2Exchanges::Http2Exchanges(PoolConnection& owner, net::Connection& connection)
    : owner_(owner),
      connection_(connection),
      received_at_(connection.dispatcher().now()),
      turn_end_(&OnTurnEnd, this),
      keepalive_(connection.dispatcher().timers(), owner.cluster().worker().random,
                 owner.cluster().http2_options().protocol.keepalive, *this),
      codec_(*this, connection.output(), owner.cluster().http2_options()) {
  keepalive_.Start(received_at_);
  OnOutput();  // the preface
}

Http2Exchanges::~Http2Exchanges() = default;

// --- exchanges ---

http::ClientCodecStream& Http2Exchanges::Begin(StreamUser& user) {
  const event::TimePoint now = connection_.dispatcher().now();
  const event::Duration idle = owner_.cluster().http2_options().protocol.keepalive.idle_interval;
  if (idle > 0 && now - received_at_ > idle) keepalive_.PingNow(now);
  http::ClientCodecStream& stream = codec_.NewStream(user, user.arena());
  codec_.CountBytes(stream, user.wire());
  exchanges_[&stream] = {&user, user.wish.priority, connection_.bytes_sent(), false};
  if (output_full_) user.OnUpstreamFull();
  return stream;
}

Priority Http2Exchanges::Finish(http::ClientCodecStream& stream) {
  const auto found = exchanges_.find(&stream);
  CHECK(found != exchanges_.end());
  const Priority priority = found->second.priority;
  exchanges_.erase(found);
  connection_.dispatcher().AtTurnEnd(turn_end_);
  return priority;
}

void Http2Exchanges::Cancel(http::ClientCodecStream& stream) {
  if (!ended_) stream.OnReset({http::Side::kLocal, http::ErrorKind::kLocalReset});
}

bool Http2Exchanges::Wrote(http::ClientCodecStream& stream) const {
  const auto found = exchanges_.find(&stream);
  return found == exchanges_.end() || connection_.bytes_sent() > found->second.sent_before;
}

void Http2Exchanges::Retire() {
  if (std::exchange(retired_, true) || ended_) return;
  codec_.SendGoAway();
  connection_.dispatcher().AtTurnEnd(turn_end_);
}

void Http2Exchanges::ResetAll(const ProxyError& error) {
  ended_ = true;
  keepalive_.Stop();
  turn_end_.Unlink();
  while (!exchanges_.empty()) {
    http::ClientCodecStream* const stream = exchanges_.begin()->first;
    const Exchange exchange = exchanges_.begin()->second;
    ProxyError told = error;
    told.safe_to_retry |= connection_.bytes_sent() <= exchange.sent_before;
    const size_t before = exchanges_.size();
    exchange.user->OnReset(told);  // lets go of its lease
    stream->OnReset(told);         // and hears nothing more from the codec
    CHECK(exchanges_.size() < before);
  }
}

// --- bytes and turns ---

void Http2Exchanges::OnInput(buffer::Buffer& input) {
  if (ended_) {
    input.Clear();
    return;
  }
  received_at_ = connection_.dispatcher().now();
  keepalive_.OnInput(received_at_);
  // The status is looked at below: a flush may fail, too.
  static_cast<void>(codec_.Dispatch(input));
  if (ended_) return;
  connection_.Cork();
  LookAtCodec();
}

void Http2Exchanges::OnOutput() {
  if (!ended_) connection_.dispatcher().AtTurnEnd(turn_end_);
}

void Http2Exchanges::OnInputInterestChanged() {
  resume_pending_ = true;
  OnOutput();
}

void Http2Exchanges::OnCapacityChanged() { OnOutput(); }

void Http2Exchanges::OnTurnEnd(void* self) {
  auto* exchanges = static_cast<Http2Exchanges*>(self);
  if (exchanges->ended_) return;
  if (std::exchange(exchanges->resume_pending_, false)) {
    buffer::Buffer nothing(exchanges->connection_.output().pool());
    static_cast<void>(exchanges->codec_.Dispatch(nothing));
    if (exchanges->ended_) return;
  }
  exchanges->codec_.Flush();
  exchanges->connection_.Cork();
  exchanges->LookAtCodec();
}

void Http2Exchanges::LookAtCodec() {
  if (codec_.failed()) {
    owner_.OnHttp2Failed(codec_.error().detail);
  } else {
    owner_.AfterHttp2Work();
  }
}

// --- back-pressure, signs of life ---

void Http2Exchanges::OnOutputFull() {
  output_full_ = true;
  for (auto& [stream, exchange] : exchanges_) exchange.user->OnUpstreamFull();
}

void Http2Exchanges::OnOutputDrained() {
  output_full_ = false;
  // Who may send may also end, or begin another.
  std::vector<http::ClientCodecStream*> streams;
  for (const auto& [stream, exchange] : exchanges_) streams.push_back(stream);
  for (http::ClientCodecStream* stream : streams) {
    const auto found = exchanges_.find(stream);
    if (output_full_ || found == exchanges_.end() || found->second.window_full) continue;
    found->second.user->OnUpstreamDrained();
  }
}

void Http2Exchanges::OnStreamOutputFull(http::ClientCodecStream& stream) {
  const auto found = exchanges_.find(&stream);
  if (found == exchanges_.end()) return;
  owner_.cluster().stats().upstream_flow_control_backed_up_total.Inc();
  found->second.window_full = true;
  found->second.user->OnUpstreamFull();
}

void Http2Exchanges::OnStreamOutputDrained(http::ClientCodecStream& stream) {
  const auto found = exchanges_.find(&stream);
  if (found == exchanges_.end()) return;
  owner_.cluster().stats().upstream_flow_control_drained_total.Inc();
  found->second.window_full = false;
  if (!output_full_) found->second.user->OnUpstreamDrained();
}

void Http2Exchanges::OnPingAck() { keepalive_.OnPingAck(connection_.dispatcher().now()); }

void Http2Exchanges::OnKeepaliveTimeout() {
  owner_.cluster().http2_options().stats.keepalive_timeout.Inc();
  owner_.OnHttp2Dead();
}

}  // namespace remora::upstream
