#include "source/http/router/attempt.h"

#include <utility>

#include "source/http/router/router_filter.h"
#include "source/net/tls_facts.h"
#include "source/upstream/cluster_runtime.h"
#include "source/upstream/pool_connection.h"

namespace remora::router {

using http::ErrorKind;
using http::ProxyError;
using http::Side;

void Attempt::Begin(upstream::Pool& pool) {
  End();
  pool_ = &pool;
  host_ = &pool.host();
  replaced_ = false;
  wish.fresh = always_fresh_;
  http::StreamInfo& info = context_.stream_info();
  info.upstream_host = pool.host().address_text();
  info.upstream_remote = &pool.host().address();
  info.upstream_host_metadata = pool.host().config().metadata.get();
  info.upstream_local = nullptr;
  info.upstream_tls = nullptr;
  info.upstream_connection_id = 0;
  info.upstream_failure = {};
  info.upstream_wire = {};
  if (router_.try_loggers() != nullptr) StartRecord();
  Acquire();
}

void Attempt::Acquire() {
  upstream::Pool::Acquired acquired = pool_->Acquire(*this);
  if (acquired.error.has_value()) {
    if (acquired.error->detail == upstream::Pool::kPendingFull) {
      http::StreamInfo& info = context_.stream_info();
      info.upstream_host = {};
      info.upstream_remote = nullptr;
      info.upstream_host_metadata = nullptr;
    }
    NoteEnd(*acquired.error);
    FinishRecord();
    router_.OnTryFailed(*acquired.error, false);
  } else if (acquired.lease.active()) {
    Use(std::move(acquired.lease));
  } else {
    waiting_ = true;
    router_.OnTryWaits();
  }
}

void Attempt::Use(upstream::StreamLease lease) {
  lease_ = std::move(lease);
  const upstream::PoolConnection& connection = *lease_.connection();
  http::StreamInfo& info = context_.stream_info();
  // A copy: the connection may be gone before the log line is written.
  info.upstream_local = arena().New<net::Address>(connection.local_address());
  if (connection.tls() != nullptr) info.upstream_tls = connection.tls()->Keep();
  info.upstream_connection_id = connection.id();
  info.upstream_request_begin = context_.dispatcher().now();
  context_.SetResponseSource(lease_.stream());
  const event::Duration limit = pool_->cluster().config().max_stream_duration;
  if (limit > 0) [[unlikely]]
    EnsureTimers().stream.Arm(context_.dispatcher().now() + limit);
  if (record_ != nullptr && router_.config().log_new_tries) {
    WriteLog(formatter::LogType::kUpstreamPoolReady);
  }
  router_.OnTryReady();
}

void Attempt::OnStreamReady(upstream::StreamLease lease) {
  waiting_ = false;
  Use(std::move(lease));
}

void Attempt::OnStreamFailed(const ProxyError& error) {
  waiting_ = false;
  NoteEnd(error);
  FinishRecord();
  router_.OnTryFailed(error, false);
}

void Attempt::OnUpstreamFull() {
  if (!discarding_) context_.request_source().Pause(http::PauseReason::kConnectionFull);
}

void Attempt::OnUpstreamDrained() {
  if (!discarding_) context_.request_source().Resume(http::PauseReason::kConnectionFull);
}

void Attempt::OnInterim(http::ResponseHead& head) {
  if (!discarding_) router_.OnTryInterim(head);
}

void Attempt::OnHead(http::ResponseHead& head) {
  Touch();
  if (record_ != nullptr) record_->head = &head;
  router_.OnTryHead(head);
}

void Attempt::OnData(buffer::Buffer& data) {
  if (discarding_) {
    data.Clear();
    return;
  }
  Touch();
  if (record_ != nullptr) record_->received += data.length();
  router_.OnTryData(data);
}

void Attempt::OnEnd(http::HeaderMap* trailers) {
  const bool discarding = std::exchange(discarding_, false);
  if (timers_ != nullptr) timers_.reset();
  if (!discarding) context_.SetResponseSource(nullptr);
  lease_.Finish();
  if (record_ != nullptr) {
    record_->trailers = trailers;
    context_.stream_info().upstream_last_byte = context_.dispatcher().now();
    FinishRecord();
  }
  if (!discarding) router_.OnTryEnd(trailers);
}

void Attempt::OnReset(const ProxyError& error) {
  if (timers_ != nullptr) timers_.reset();
  const bool stale = error.kind == ErrorKind::kConnectionTermination &&
                     error.side == Side::kUpstream && lease_.reused_connection() &&
                     !lease_.response_began();
  // An upstream of HTTP/2 says itself that it has not looked at the request (RFC 9113 section 8.7).
  const bool refused = error.kind == ErrorKind::kRemoteRefused;
  if (refused || error.kind == ErrorKind::kRemoteReset) {
    pool_->cluster().stats().upstream_rq_rx_reset.Inc();
  } else if (error.kind == ErrorKind::kProtocolError && lease_.active() &&
             lease_.connection()->multiplexes()) {
    pool_->cluster().stats().upstream_rq_tx_reset.Inc();
  }
  const bool began = lease_.wrote() && !refused;
  lease_.Finish();
  if (std::exchange(discarding_, false)) return;
  context_.SetResponseSource(nullptr);
  // The lost connection's output may have been full.
  context_.request_source().Resume(http::PauseReason::kConnectionFull);
  // What was given to the kernel may have been acted on; an idempotent request may be sent again
  // all the same (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1).
  const bool safe = error.safe_to_retry || !wish.once;
  if ((stale || refused) && safe && router_.CanSendAgain() && Replace()) return;
  NoteEnd(error);
  FinishRecord();
  router_.OnTryFailed(error, began);
}

bool Attempt::Replace() {
  if (replaced_) return false;
  replaced_ = true;
  wish.fresh = true;
  const upstream::Pool::Acquired acquired = pool_->Acquire(*this);
  // A connection that is none yet is never there at once.
  if (acquired.error.has_value()) return false;
  pool_->cluster().stats().upstream_rq_stale_replaced.Inc();
  waiting_ = true;
  router_.OnTryWaits();
  return true;
}

void Attempt::Discard(const http::ResponseHead& head) {
  // More than a socket buffer would keep the connection, and us, longer than it is worth.
  constexpr uint64_t kCheap = 64 * 1024;
  timers_.reset();
  FinishRecord();
  context_.SetResponseSource(nullptr);
  if (head.framing == http::Framing::kNone ||
      (head.framing == http::Framing::kLength && head.length <= kCheap)) {
    discarding_ = true;
  } else {
    lease_.Cancel();
  }
}

void Attempt::StopWaiting() {
  if (!waiting_) return;
  waiting_ = false;
  pool_->CancelWaiting(*this);
}

void Attempt::End() {
  if (timers_ != nullptr) timers_.reset();
  discarding_ = false;
  StopWaiting();
  if (lease_.active()) {
    context_.SetResponseSource(nullptr);
    lease_.Cancel();
  }
  if (record_ != nullptr) FinishRecord();
}

// --- the try's own log ---

void Attempt::StartRecord() {
  event::Dispatcher& dispatcher = context_.dispatcher();
  record_ = arena().Make<Record>(dispatcher.timers(), *this);
  record_->start = dispatcher.now();
  const http::StreamInfo& info = context_.stream_info();
  record_->start_wall = info.start_wall + (record_->start - info.start);
  if (router_.config().log_interval > 0) {
    record_->timer.Arm(record_->start + router_.config().log_interval);
  }
}

void Attempt::NoteEnd(const ProxyError& error) {
  if (record_ == nullptr) return;
  record_->flags.Set(http::ReplyFor(error.kind).flag);
}

void Attempt::OnLogTimer(void* self) {
  auto* attempt = static_cast<Attempt*>(self);
  attempt->WriteLog(formatter::LogType::kUpstreamPeriodic);
  attempt->record_->timer.Arm(attempt->context_.dispatcher().now() +
                              attempt->router_.config().log_interval);
}

void Attempt::FinishRecord() {
  if (record_ == nullptr) return;
  WriteLog(formatter::LogType::kUpstreamEnd);
  record_.reset();
}

// The exchange's facts with the try's own in their place.
void Attempt::WriteLog(formatter::LogType type) {
  http::StreamInfo info = context_.stream_info();
  info.start = record_->start;
  info.start_wall = record_->start_wall;
  info.end = type == formatter::LogType::kUpstreamEnd ? context_.dispatcher().now() : 0;
  info.bytes_received = record_->received;
  info.bytes_sent = record_->sent;
  info.response_code = record_->head != nullptr ? record_->head->status : 0;
  info.response_code_details = {};
  info.flags = record_->flags;
  formatter::Exchange exchange{info};
  exchange.request = context_.request_head();
  exchange.response = record_->head;
  exchange.response_trailers = record_->trailers;
  exchange.log_type = type;
  exchange.now = context_.dispatcher().now();
  exchange.wall_now = info.start_wall + (exchange.now - info.start);
  router_.try_loggers()->Log(exchange, {context_.runtime(), context_.random()});
}

// --- the try's own timeouts ---

Attempt::Timers& Attempt::EnsureTimers() {
  if (timers_ == nullptr) timers_ = arena().Make<Timers>(context_.dispatcher().timers(), *this);
  return *timers_;
}

void Attempt::StartTimers(const Timeouts& timeouts) {
  if (std::exchange(EnsureTimers().started, true)) return;
  const event::TimePoint now = context_.dispatcher().now();
  if (timeouts.per_try > 0) timers_->total.Arm(now + timeouts.per_try);
  timers_->idle_time = timeouts.per_try_idle;
  TouchIdle();
}

void Attempt::TouchIdle() {
  if (timers_->idle_time > 0) {
    timers_->idle.Arm(context_.dispatcher().now() + timers_->idle_time);
  }
}

void Attempt::OnTotal(void* self) {
  static_cast<Attempt*>(self)->router_.OnTryTimeout(ErrorKind::kPerTryTimeout);
}

void Attempt::OnIdle(void* self) {
  static_cast<Attempt*>(self)->router_.OnTryTimeout(ErrorKind::kPerTryIdleTimeout);
}

void Attempt::OnStreamDuration(void* self) {
  static_cast<Attempt*>(self)->router_.OnTryTimeout(ErrorKind::kUpstreamMaxStreamDuration);
}

}  // namespace remora::router
