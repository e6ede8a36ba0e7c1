#include "source/upstream/pool_connection.h"

#include <string.h>

#include <algorithm>
#include <utility>

#include "source/base/log.h"
#include "source/net/tls_facts.h"
#include "source/upstream/cluster_runtime.h"
#include "source/upstream/http2_exchanges.h"

namespace remora::upstream {

using http::ErrorKind;
using http::ProxyError;
using http::Side;
using Resource = ClusterRuntime::Resource;

namespace {

net::Connection::Options ConnectionOptions(Pool& pool) {
  net::Connection::Options options;
  options.output_limit = pool.cluster().config().per_connection_buffer_limit;
  options.received = pool.cluster().stats().upstream_cx_rx_bytes_total;
  options.sent = pool.cluster().stats().upstream_cx_tx_bytes_total;
  return options;
}

}  // namespace

PoolConnection::PoolConnection(Pool& pool, net::Socket socket,
                               std::unique_ptr<net::TransportSocket> transport)
    : pool_(pool),
      id_(pool.cluster().NextConnectionId()),
      started_(pool.cluster().worker().dispatcher.now()),
      timer_(pool.cluster().worker().dispatcher.timers(), &OnTimer, this),
      turn_end_(&OnTurnEnd, this),
      connection_(pool.cluster().worker().dispatcher, pool.cluster().worker().blocks,
                  std::move(socket), std::move(transport), *this, ConnectionOptions(pool)),
      codec_(*this, connection_.output(), pool.cluster().http1_options()) {
  if (pool.protocol() != Protocol::kByAlpn) Speak(pool.protocol());
}

PoolConnection::~PoolConnection() = default;

void PoolConnection::Speak(Protocol protocol) {
  const ClusterStats& stats = pool_.cluster().stats();
  if (protocol == Protocol::kHttp2) {
    stats.upstream_cx_http2_total.Inc();
    http2_ = std::make_unique<Http2Exchanges>(*this, connection_);
  } else {
    stats.upstream_cx_http1_total.Inc();
  }
}

void PoolConnection::Start() {
  timer_.Arm(started_ + pool_.cluster().config().connect_timeout);
  connection_.StartConnecting();
}

StreamLease PoolConnection::Begin(StreamUser& user) {
  timer_.Disarm();
  ++requests_;
  if (http2_ != nullptr) return StreamLease(*this, http2_->Begin(user));
  user_ = &user;
  priority_ = user.wish.priority;
  cancelled_ = false;
  connection_.WatchWrites();
  if (reused()) {
    idle_age_ = connection_.dispatcher().now() - idle_since_;
    if (user.wish.once) connection_.ReadBeforeWrite();
  }
  stream_ = &codec_.NewStream(user, user.arena());
  codec_.CountBytes(user.wire());
  return StreamLease(*this, *stream_);
}

void PoolConnection::OnConnected() {
  connecting_ = false;
  timer_.Disarm();
  local_ = connection_.LocalAddress();
  if (pool_.protocol() == Protocol::kByAlpn) {
    // As Envoy: a host that does not say what it chose speaks HTTP/1.
    const bool chose = tls() != nullptr && tls()->application_protocol() == "h2";
    Speak(chose ? Protocol::kHttp2 : Protocol::kHttp1);
  }
  const event::TimePoint now = connection_.dispatcher().now();
  idle_since_ = now;
  pool_.cluster().stats().upstream_cx_connect_ms.Record(
      static_cast<uint64_t>((now - started_) / event::kMillisecond));
  pool_.OnConnected(*this);
}

void PoolConnection::OnTimer(void* self) {
  auto* connection = static_cast<PoolConnection*>(self);
  const ClusterStats& stats = connection->pool_.cluster().stats();
  if (connection->connecting_) {
    stats.upstream_cx_connect_timeout.Inc();
    connection->End(EndedBy::kUs, {Side::kUpstream, ErrorKind::kConnectTimeout, {}, true});
  } else if (!connection->in_use()) {
    if (connection->Expired()) {
      stats.upstream_cx_max_duration_reached.Inc();
    } else {
      stats.upstream_cx_idle_timeout.Inc();
    }
    connection->End(EndedBy::kUs, {Side::kLocal, ErrorKind::kConnectionTermination});
  }
}

void PoolConnection::OnInput(buffer::Buffer& input) {
  if (http2_ != nullptr) {
    http2_->OnInput(input);
    return;
  }
  // In a tunnel that ends here the host may speak first.
  if (user_ != nullptr && !connection_.wrote() && !codec_.ResponseStarted()) {
    // An answer before the request has left: nobody asked for it, and it must not meet the request.
    pool_.cluster().stats().upstream_cx_protocol_error.Inc();
    input.Clear();
    End(EndedBy::kUs, {Side::kUpstream, ErrorKind::kConnectionTermination, {}, true});
    return;
  }
  in_dispatch_ = true;
  const absl::Status status = codec_.Dispatch(input);
  in_dispatch_ = false;
  if (ended_) return;
  if (!status.ok() && !cancelled_) {
    pool_.cluster().stats().upstream_cx_protocol_error.Inc();
    REMORA_LOG(kPool, kDebug, "cluster ", pool_.cluster().name(), " host ",
               pool_.host().address_text(), ": ", std::string(status.message()));
    End(EndedBy::kUs, {Side::kUpstream, ErrorKind::kProtocolError});
    return;
  }
  if (status.ok()) OnInputInterestChanged();
  AfterDispatch();
}

void PoolConnection::OnInputEnd() {
  if (connection_.input_cut() || http2_ != nullptr) {
    // Anybody on the way can send a FIN: what only the end delimits may have been cut off.
    End(EndedBy::kHost, {Side::kUpstream, ErrorKind::kConnectionTermination});
    return;
  }
  in_dispatch_ = true;
  const absl::Status status = codec_.OnInputEnd();
  in_dispatch_ = false;
  if (ended_) return;
  if (!status.ok()) {
    REMORA_LOG(kPool, kDebug, "cluster ", pool_.cluster().name(), " host ",
               pool_.host().address_text(), ": ", std::string(status.message()));
  }
  // A response that ran until here has ended properly and let go; one that was cut short is told.
  End(EndedBy::kHost, {Side::kUpstream, ErrorKind::kConnectionTermination});
}

// An exchange that ended inside Dispatch leaves the connection free or of no more use.
void PoolConnection::AfterDispatch() {
  if (user_ != nullptr || connecting_ || linked()) return;
  const bool worn_out = WornOut();
  const bool expired = Expired();
  if (!codec_.Reusable() || worn_out || expired) {
    if (worn_out) pool_.cluster().stats().upstream_cx_max_requests.Inc();
    if (expired) pool_.cluster().stats().upstream_cx_max_duration_reached.Inc();
    End(EndedBy::kUs, {Side::kLocal, ErrorKind::kConnectionTermination});
    return;
  }
  // Before the host does it, where it is known when the host does it.
  ArmIdleTimer(true);
  pool_.OnFree(*this);
}

bool PoolConnection::WornOut() const {
  const uint32_t limit = pool_.cluster().config().max_requests_per_connection;
  return limit != 0 && requests_ >= limit;
}

bool PoolConnection::Expired() const {
  return pool_.cluster().worker().dispatcher.now() >= ExpiresAt();
}

// Nobody uses it from now on. `learnt`: what is known of the host's own timeout counts.
void PoolConnection::ArmIdleTimer(bool learnt) {
  const event::TimePoint now = connection_.dispatcher().now();
  const event::Duration timeout = pool_.cluster().config().idle_timeout;
  idle_since_ = now;
  event::TimePoint close_at = ExpiresAt();
  if (timeout > 0) close_at = std::min(close_at, now + timeout);
  const event::Duration limit = pool_.idle_age().limit_any();
  if (learnt && limit != IdleAge::kNever) close_at = std::min(close_at, now + limit);
  if (close_at != event::Timer::kNever) timer_.Arm(close_at);
}

bool PoolConnection::in_use() const {
  return user_ != nullptr || (http2_ != nullptr && http2_->active());
}

// --- HTTP/2 ---

bool PoolConnection::TakesMore() const {
  return http2_ != nullptr && !connecting_ && !ended_ && http2_->MayBegin() && !WornOut() &&
         !Expired();
}

bool PoolConnection::wrote(http::ClientCodecStream& stream) const {
  return http2_ != nullptr ? http2_->Wrote(stream) : connection_.wrote();
}

void PoolConnection::Retire() {
  base::ListNode<PoolConnection>::Unlink();
  http2_->Retire();
}

void PoolConnection::OnHttp2Failed(std::string_view why) {
  pool_.cluster().stats().upstream_cx_protocol_error.Inc();
  REMORA_LOG(kPool, kDebug, "cluster ", pool_.cluster().name(), " host ",
             pool_.host().address_text(), ": ", std::string(why));
  End(EndedBy::kUs, {Side::kUpstream, ErrorKind::kProtocolError, why});
}

void PoolConnection::OnHttp2Dead() {
  End(EndedBy::kUs, {Side::kUpstream, ErrorKind::kConnectionTermination});
}

// Streams have come, ended or been allowed: does the connection take more, or is it done?
void PoolConnection::AfterHttp2Work() {
  if (ended_ || connecting_) return;
  const bool used_up = WornOut() || Expired();
  if (used_up && !http2_->retired()) {
    if (WornOut()) pool_.cluster().stats().upstream_cx_max_requests.Inc();
    if (Expired()) pool_.cluster().stats().upstream_cx_max_duration_reached.Inc();
    Retire();
  }
  if (http2_->retired()) {
    // It was free until the host said GOAWAY: one that we retire is not.
    if (linked()) pool_.cluster().stats().upstream_cx_close_notify.Inc();
    base::ListNode<PoolConnection>::Unlink();
    if (!http2_->active()) {
      End(EndedBy::kUs, {Side::kLocal, ErrorKind::kConnectionTermination});
    } else {
      pool_.ConnectForWaiters();
    }
    return;
  }
  if (!http2_->active() && !timer_.armed()) ArmIdleTimer(false);
  if (!TakesMore()) {
    base::ListNode<PoolConnection>::Unlink();
    pool_.ConnectForWaiters();
  } else if (!linked() || pool_.HasWaiting()) {
    pool_.OnFree(*this);
  }
}

event::TimePoint PoolConnection::ExpiresAt() const {
  const event::Duration allowed = pool_.cluster().config().max_connection_duration;
  return allowed > 0 ? started_ + allowed : event::Timer::kNever;
}

void PoolConnection::LearnFromClose() {
  // What ends a connection of HTTP/2 is no idle timeout alone, and GOAWAY tells of it.
  if (connecting_ || requests_ == 0 || http2_ != nullptr) return;
  if (user_ == nullptr) {
    pool_.LearnIdleAge(connection_.dispatcher().now() - idle_since_);
  } else if (reused() && !codec_.ResponseStarted()) {
    // It went while the request was on its way: it was closing when it was taken.
    pool_.LearnIdleAge(idle_age_);
  }
}

void PoolConnection::CountFinished(Priority priority) {
  pool_.cluster().Give(Resource::kRequest, priority);
  pool_.cluster().stats().upstream_rq_active.Dec();
  AddOwn<uint64_t>(pool_.host_counters_.rq_active, UINT64_MAX);
}

void PoolConnection::FinishExchange(http::ClientCodecStream& stream) {
  if (http2_ != nullptr) {
    CountFinished(http2_->Finish(stream));
    return;
  }
  user_ = nullptr;
  stream_ = nullptr;
  CountFinished(priority_);
  // Ended from the request's side (not from Dispatch): look again when the stack has unwound.
  if (!in_dispatch_ && !ended_) connection_.dispatcher().AtTurnEnd(turn_end_);
}

void PoolConnection::CancelExchange(http::ClientCodecStream& stream) {
  cancelled_ = true;
  FinishExchange(stream);
  if (ended_) return;
  if (http2_ != nullptr) {
    pool_.cluster().stats().upstream_rq_tx_reset.Inc();
    http2_->Cancel(stream);
    return;
  }
  cut_ = true;  // it ends with the turn, and by this
  stream.OnReset({Side::kLocal, ErrorKind::kLocalReset});
  connection_.dispatcher().AtTurnEnd(turn_end_);
}

void PoolConnection::OnUnusable() { connection_.dispatcher().AtTurnEnd(turn_end_); }

void PoolConnection::OnTurnEnd(void* self) {
  auto* connection = static_cast<PoolConnection*>(self);
  if (!connection->ended_) connection->AfterDispatch();
}

void PoolConnection::OnInputInterestChanged() {
  const ClusterStats& stats = pool_.cluster().stats();
  if (codec_.WantsInput()) {
    if (!connection_.reading_paused()) return;
    stats.upstream_flow_control_resumed_reading_total.Inc();
    connection_.ResumeReading();
  } else if (!connection_.reading_paused()) {
    stats.upstream_flow_control_paused_reading_total.Inc();
    connection_.PauseReading();
  }
}

void PoolConnection::OnOutputFull() {
  pool_.cluster().stats().upstream_flow_control_backed_up_total.Inc();
  if (http2_ != nullptr) http2_->OnOutputFull();
  if (user_ != nullptr) user_->OnUpstreamFull();
}

void PoolConnection::OnOutputDrained() {
  pool_.cluster().stats().upstream_flow_control_drained_total.Inc();
  if (http2_ != nullptr) http2_->OnOutputDrained();
  if (user_ != nullptr) user_->OnUpstreamDrained();
}

void PoolConnection::OnClosed(net::CloseReason reason, int error) {
  if (reason == net::CloseReason::kTransportFailed) {
    // The text lives as long as the connection: until the end of the turn.
    const std::string_view failure = connection_.transport_failure();
    const ErrorKind kind =
        connecting_ ? ErrorKind::kConnectFailure : ErrorKind::kConnectionTermination;
    End(EndedBy::kHost, {Side::kUpstream, kind, failure, connecting_, true});
    return;
  }
  if (connecting_) {
    REMORA_LOG(kPool, kDebug, "cluster ", pool_.cluster().name(), " host ",
               pool_.host().address_text(), ": connect failed, errno ", error);
    // The C library's text is a literal.
    const char* const text = strerrordesc_np(error);
    End(EndedBy::kHost, {Side::kUpstream, ErrorKind::kConnectFailure,
                         text != nullptr ? text : std::string_view(), true});
    return;
  }
  // A response that runs until the connection closes is cut short by a reset, not ended.
  End(EndedBy::kHost, {Side::kUpstream, ErrorKind::kConnectionTermination});
}

void PoolConnection::End(EndedBy by, const ProxyError& error) {
  if (ended_) return;
  ended_ = true;
  const ClusterStats& stats = pool_.cluster().stats();
  timer_.Disarm();
  if (by == EndedBy::kHost) LearnFromClose();
  connection_.Close();
  base::ListNode<PoolConnection>::Unlink();
  stats.upstream_cx_destroy.Inc();
  // As Envoy: what breaks HTTP/2 resets the streams first.
  const bool broken = http2_ != nullptr && error.kind == ErrorKind::kProtocolError;
  const bool active = (in_use() && !broken) || cut_;
  if (codec_.close_announced()) stats.upstream_cx_close_notify.Inc();
  if (active) stats.upstream_cx_destroy_with_active_rq.Inc();
  if (by == EndedBy::kUs) {
    stats.upstream_cx_destroy_local.Inc();
    if (active) stats.upstream_cx_destroy_local_with_active_rq.Inc();
  } else {
    stats.upstream_cx_destroy_remote.Inc();
    if (active) stats.upstream_cx_destroy_remote_with_active_rq.Inc();
  }
  const event::TimePoint now = connection_.dispatcher().now();
  stats.upstream_cx_length_ms.Record(static_cast<uint64_t>((now - started_) / event::kMillisecond));
  const bool was_connecting = connecting_;
  if (was_connecting) {
    connecting_ = false;
    --pool_.connecting_;
    stats.upstream_cx_connect_fail.Inc();
    AddOwn<uint64_t>(pool_.host_counters_.cx_connect_fail, 1);
  }
  Pool& pool = pool_;
  pool.Remove(*this);  // destroyed at the end of the turn
  StreamUser* user = user_;
  if (user != nullptr) {
    ProxyError told = error;
    told.safe_to_retry |= !connection_.wrote();
    user->OnReset(told);  // lets go of its lease
  }
  if (http2_ != nullptr) {
    http2_->ResetAll(error);
  }
  if (was_connecting) {
    pool.OnConnectFailed(error);
  } else {
    pool.ConnectForWaiters();
  }
}

}  // namespace remora::upstream
