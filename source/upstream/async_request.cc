#include "source/upstream/async_request.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/upstream/pool_connection.h"

namespace remora::upstream {

using http::ErrorKind;
using http::HeaderId;
using http::ProxyError;
using http::Side;

namespace {

void AppendOwnAddress(const net::Address& local, http::HeaderMap& headers) {
  if (!local.is_ip()) return;
  std::string forwarded(headers.Get(HeaderId::kXForwardedFor));
  if (!forwarded.empty()) forwarded += ',';
  forwarded += local.IpString();
  headers.Set(HeaderId::kXForwardedFor, forwarded);
}

}  // namespace

AsyncRequest::AsyncRequest(ClusterRuntime& cluster, AsyncUser& user, const Options& options)
    : cluster_(cluster),
      dispatcher_(cluster.worker().dispatcher),
      user_(user),
      options_(options),
      arena_(*cluster.worker().arenas),
      head_(arena_),
      trailers_(arena_),
      body_(cluster.worker().blocks),
      timeout_(cluster.worker().dispatcher.timers(), &OnTimeout, this),
      turn_end_(&OnTurnEnd, this) {
  cluster_.AddUser();
}

AsyncRequest::~AsyncRequest() { Close(); }

void AsyncRequest::Start() {
  state_ = State::kStarting;
  Begin();
  if (state_ == State::kStarting) state_ = State::kOpen;
}

void AsyncRequest::Begin() {
  if (options_.envoy_fields) {
    head_.headers.SetReference(HeaderId::kXEnvoyInternal, "true");
    if (options_.timeout > 0) {
      head_.headers.Set(HeaderId::kXEnvoyExpectedRqTimeoutMs,
                        absl::StrCat(options_.timeout / event::kMillisecond));
    }
  }
  if (options_.timeout > 0 && !options_.timeout_from_end) {
    timeout_.Arm(dispatcher().now() + options_.timeout);
  }
  pool_ =
      cluster_.reads_requests() ? cluster_.PickPool(cluster_.WishFor(head_)) : cluster_.PickPool();
  if (pool_ == nullptr) return FailLater({Side::kLocal, ErrorKind::kNoHealthyHost});
  Pool::Acquired acquired = pool_->Acquire(*this);
  if (acquired.error.has_value()) return FailLater(*acquired.error);
  if (acquired.lease.active()) return Use(std::move(acquired.lease));
  waiting_ = true;
}

void AsyncRequest::FailLater(const ProxyError& error) {
  failure_ = error;
  failure_->detail = arena_.Copy(error.detail);
  dispatcher().AtTurnEnd(turn_end_);
}

void AsyncRequest::OnTurnEnd(void* self) {
  auto* request = static_cast<AsyncRequest*>(self);
  request->Fail(*request->failure_);
}

void AsyncRequest::Use(StreamLease lease) {
  lease_ = std::move(lease);
  if (options_.envoy_fields && options_.forwarded_for) {
    AppendOwnAddress(lease_.connection()->local_address(), head_.headers);
  }
  lease_.stream()->OnHead(head_);
  if (!lease_.active()) return;
  if (paused_) lease_.stream()->Pause(http::PauseReason::kFilterPaused);
  FlushBody();
}

void AsyncRequest::OnStreamReady(StreamLease lease) {
  waiting_ = false;
  Use(std::move(lease));
  if (state_ == State::kOpen && writable() && !end_sent_) user_.OnRequestDrained();
}

void AsyncRequest::OnStreamFailed(const ProxyError& error) {
  waiting_ = false;
  Fail(error);
}

void AsyncRequest::SendData(buffer::Buffer& data) {
  if (state_ == State::kClosed || request_ended_) return data.Clear();
  body_.MoveFrom(data);
  if (writable()) FlushBody();
}

void AsyncRequest::SendEnd(bool with_trailers) {
  if (state_ == State::kClosed || request_ended_) return;
  request_ended_ = true;
  with_trailers_ = with_trailers;
  request_end_ = dispatcher().now();
  if (options_.timeout > 0 && options_.timeout_from_end) {
    timeout_.Arm(request_end_ + options_.timeout);
  }
  if (writable()) FlushBody();
}

// Sends what there is. The answer may be complete before the request: then nobody asks for more.
void AsyncRequest::FlushBody() {
  // The connection's output may drain behind the end.
  if (end_sent_) return;
  if (!body_.empty()) lease_.stream()->OnData(body_);
  if (!request_ended_ || !lease_.active()) return;
  end_sent_ = true;
  lease_.stream()->OnEnd(with_trailers_ ? &trailers_ : nullptr);
}

void AsyncRequest::OnUpstreamFull() {
  full_ = true;
  user_.OnRequestFull();
}

void AsyncRequest::OnUpstreamDrained() {
  full_ = false;
  FlushBody();
  if (state_ == State::kOpen && writable() && !end_sent_) user_.OnRequestDrained();
}

void AsyncRequest::Pause() {
  paused_ = true;
  if (lease_.active()) lease_.stream()->Pause(http::PauseReason::kFilterPaused);
}

void AsyncRequest::Resume() {
  paused_ = false;
  if (lease_.active()) lease_.stream()->Resume(http::PauseReason::kFilterPaused);
}

void AsyncRequest::OnHead(http::ResponseHead& head) {
  answered_ = true;
  cluster_.CountResponse(head.status, true);
  HostCounters& counters = pool_->host().counters(cluster_.worker().index);
  AddOwn<uint64_t>(head.status >= 500 ? counters.rq_error : counters.rq_success, 1);
  user_.OnHead(head);
}

void AsyncRequest::OnData(buffer::Buffer& data) {
  if (state_ == State::kClosed) return data.Clear();
  user_.OnData(data);
}

void AsyncRequest::OnEnd(http::HeaderMap* trailers) {
  lease_.Finish();
  if (state_ == State::kClosed) return;
  if (request_ended_) {
    cluster_.stats().upstream_rq_time.Record(
        static_cast<uint64_t>((dispatcher().now() - request_end_) / event::kMillisecond));
  }
  Close();
  user_.OnEnd(trailers);
}

void AsyncRequest::OnReset(const ProxyError& error) {
  lease_.Finish();
  if (state_ == State::kStarting) return FailLater(error);
  Fail(error);
}

void AsyncRequest::OnTimeout(void* self) {
  auto* request = static_cast<AsyncRequest*>(self);
  request->cluster_.stats().upstream_rq_timeout.Inc();
  request->Fail({Side::kLocal, ErrorKind::kRouteTimeout});
}

// Counted as what a client would have been answered.
void AsyncRequest::Fail(const ProxyError& error) {
  if (state_ == State::kClosed) return;
  if (!answered_) cluster_.CountResponse(http::ReplyFor(error.kind).status, true);
  Close();
  user_.OnReset(error);
}

void AsyncRequest::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  timeout_.Disarm();
  if (std::exchange(waiting_, false)) pool_->CancelWaiting(*this);
  lease_.Cancel();
  body_.Clear();
  cluster_.RemoveUser();
}

}  // namespace remora::upstream
