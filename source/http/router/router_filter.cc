#include "source/http/router/router_filter.h"

#include <charconv>
#include <utility>

#include "source/base/log.h"
#include "source/http/router/route_action.h"
#include "source/upstream/cluster_runtime.h"

namespace remora::router {

using http::Answer;
using http::ErrorKind;
using http::HeaderId;
using http::ProxyError;
using http::Side;
using upstream::AddOwn;

namespace {

// A number as arena text.
std::string_view NumberText(base::Arena& arena, int64_t number) {
  constexpr size_t kMax = 20;
  char* text = arena.AllocateBytes(kMax);
  const auto [end, error] = std::to_chars(text, text + kMax, number);
  static_cast<void>(error);  // 20 characters hold any 64-bit number
  return {text, static_cast<size_t>(end - text)};
}

}  // namespace

RouterFilter::RouterFilter(const Config& config, http::FilterContext& context)
    : config_(config),
      context_(context),
      pending_(context.blocks()),
      timeout_(context.dispatcher().timers(), &OnTimeout, this) {}

RouterFilter::~RouterFilter() = default;

// --- the request ---

Answer RouterFilter::OnRequestHead(http::RequestHead& head) {
  request_ = &head;
  stats().rq_total.Inc();
  const route::Route* route = context_.route();
  if (route == nullptr) {
    stats().no_route.Inc();
    Reply({Side::kLocal, ErrorKind::kNoRoute});
    return Answer::kContinue;
  }
  if (route->answers()) {
    ReplyDirectly(*route);
    return Answer::kContinue;
  }
  const std::string_view name = context_.match().cluster->NameFor(head);
  cluster_ = context_.clusters().Find(name);
  if (cluster_ == nullptr) {
    stats().no_cluster.Inc();
    Reply({Side::kLocal, ErrorKind::kNoCluster}, {}, ClusterNotFoundStatus(*route));
    return Answer::kContinue;
  }
  context_.stream_info().cluster_name = name;
  if (route->timeout() > 0 && !config_.suppress_envoy_headers) {
    head.headers.SetReference(HeaderId::kXEnvoyExpectedRqTimeoutMs,
                              NumberText(arena(), route->timeout() / event::kMillisecond));
  }
  FinalizeRequest(context_, !config_.suppress_envoy_headers, head);
  Connect();
  return Answer::kContinue;
}

void RouterFilter::ReplyDirectly(const route::Route& route) {
  stats().rq_direct_response.Inc();
  done_ = true;
  std::optional<http::LocalReply> reply = OwnReply(route, *request_);
  if (reply->status >= 300 && reply->status < 400) stats().rq_redirect.Inc();
  context_.SendLocalReply(*std::move(reply));
}

void RouterFilter::Connect() {
  pool_ = cluster_->PickPool();
  if (pool_ == nullptr) {
    Reply({Side::kLocal, ErrorKind::kNoHealthyHost});
    return;
  }
  http::StreamInfo& info = context_.stream_info();
  info.upstream_host = pool_->host().address_text();
  ++info.upstream_attempts;
  RewriteHost(context_, pool_->host().config().hostname, !config_.suppress_envoy_headers, *request_);
  upstream::Pool::Acquired acquired = pool_->Acquire(*this);
  if (acquired.error.has_value()) {
    Reply(*acquired.error);
    return;
  }
  if (acquired.lease.active()) {
    lease_ = std::move(acquired.lease);
    context_.SetResponseSource(lease_.stream());
    lease_.stream()->OnHead(*request_);
    return;
  }
  waiting_ = true;
  context_.request_source().Pause(http::PauseReason::kSinkFull);
}

void RouterFilter::OnStreamReady(upstream::StreamLease lease) {
  waiting_ = false;
  lease_ = std::move(lease);
  context_.SetResponseSource(lease_.stream());
  SendRequest();
  context_.request_source().Resume(http::PauseReason::kSinkFull);
}

void RouterFilter::SendRequest() {
  lease_.stream()->OnHead(*request_);
  if (!pending_.empty()) lease_.stream()->OnData(pending_);
  if (!request_ended_) return;
  lease_.stream()->OnEnd(trailers_);
  ArmTimeout();
}

void RouterFilter::OnStreamFailed(const ProxyError& error) {
  waiting_ = false;
  context_.request_source().Resume(http::PauseReason::kSinkFull);
  Reply(error);
}

Answer RouterFilter::OnRequestData(buffer::Buffer& data) {
  if (done_) {
    data.Clear();
  } else if (lease_.active()) {
    lease_.stream()->OnData(data);
  } else {
    pending_.MoveFrom(data);
  }
  return Answer::kContinue;
}

Answer RouterFilter::OnRequestEnd(http::HeaderMap* trailers) {
  request_ended_ = true;
  trailers_ = trailers;
  request_end_ = context_.dispatcher().now();
  if (done_) return Answer::kContinue;
  if (lease_.active()) {
    lease_.stream()->OnEnd(trailers);
    ArmTimeout();
  } else if (waiting_) {
    ArmTimeout();
  }
  return Answer::kContinue;
}

void RouterFilter::OnUpstreamFull() {
  context_.request_source().Pause(http::PauseReason::kConnectionFull);
}

void RouterFilter::OnUpstreamDrained() {
  context_.request_source().Resume(http::PauseReason::kConnectionFull);
}

void RouterFilter::ArmTimeout() {
  const event::Duration timeout = context_.route()->timeout();
  if (timeout > 0 && !timeout_.armed()) timeout_.Arm(request_end_ + timeout);
}

void RouterFilter::OnTimeout(void* self) {
  auto* router = static_cast<RouterFilter*>(self);
  if (router->done_) return;
  router->cluster_->stats().upstream_rq_timeout.Inc();
  AddOwn<uint64_t>(router->pool_->host().counters(router->cluster_->worker().index).rq_timeout, 1);
  router->FinishUpstream();
  if (router->response_started_) {
    router->stats().rq_reset_after_downstream_response_started.Inc();
    router->context_.stream_info().flags.Set(http::ResponseFlag::kUpstreamRequestTimeout);
    router->context_.response_sink().OnReset({Side::kLocal, ErrorKind::kRouteTimeout});
    return;
  }
  router->Reply({Side::kLocal, ErrorKind::kRouteTimeout});
}

// --- the response ---

void RouterFilter::OnHead(http::ResponseHead& head) {
  response_started_ = true;
  http::StreamInfo& info = context_.stream_info();
  info.upstream_first_byte = context_.dispatcher().now();
  cluster_->CountResponse(head.status, request_->headers.Has(HeaderId::kXEnvoyInternal));
  CountHostResult(head.status);
  if (!config_.suppress_envoy_headers) {
    // An early answer has waited for nothing yet.
    const event::Duration waited = request_ended_ ? info.upstream_first_byte - request_end_ : 0;
    head.headers.SetReference(HeaderId::kXEnvoyUpstreamServiceTime,
                              NumberText(arena(), waited / event::kMillisecond));
  }
  FinalizeResponse(context_, head);
  context_.response_sink().OnHead(head);
}

void RouterFilter::OnData(buffer::Buffer& data) { context_.response_sink().OnData(data); }

void RouterFilter::OnEnd(http::HeaderMap* trailers) {
  const event::TimePoint now = context_.dispatcher().now();
  if (request_ended_) {
    cluster_->stats().upstream_rq_time.Record(
        static_cast<uint64_t>((now - request_end_) / event::kMillisecond));
  }
  done_ = true;
  timeout_.Disarm();
  context_.SetResponseSource(nullptr);
  lease_.Finish();
  // The connection's output may have been full: nothing is sent to it any more.
  context_.request_source().Resume(http::PauseReason::kConnectionFull);
  context_.response_sink().OnEnd(trailers);
}

void RouterFilter::OnReset(const ProxyError& error) {
  lease_.Finish();
  if (done_) return;
  if (!response_started_) {
    Reply(error);
    return;
  }
  done_ = true;
  timeout_.Disarm();
  context_.SetResponseSource(nullptr);
  stats().rq_reset_after_downstream_response_started.Inc();
  http::StreamInfo& info = context_.stream_info();
  info.flags.Set(http::ReplyFor(error.kind).flag);
  info.response_code_details = arena().Copy(http::UpstreamResetDetails(error.kind, true));
  context_.response_sink().OnReset(error);
}

void RouterFilter::CountHostResult(uint16_t status) {
  upstream::HostCounters& counters = pool_->host().counters(cluster_->worker().index);
  AddOwn<uint64_t>(status >= 500 ? counters.rq_error : counters.rq_success, 1);
}

// --- the end ---

// Answers in the upstream's place.
void RouterFilter::Reply(const ProxyError& error, std::string_view details, uint16_t status) {
  FinishUpstream();
  http::LocalReply reply = http::ReplyTo(error);
  if (status != 0) reply.status = status;
  if (!details.empty()) reply.details = details;
  if (reply.details.empty()) {
    reply.details = arena().Copy(http::UpstreamResetDetails(error.kind, false));
  }
  if (cluster_ != nullptr) {
    cluster_->CountResponse(reply.status, request_->headers.Has(HeaderId::kXEnvoyInternal));
    if (pool_ != nullptr) CountHostResult(reply.status);
  }
  context_.SendLocalReply(std::move(reply));
}

void RouterFilter::FinishUpstream() {
  done_ = true;
  timeout_.Disarm();
  pending_.Clear();
  context_.SetResponseSource(nullptr);
  if (waiting_) {
    waiting_ = false;
    pool_->CancelWaiting(*this);
  }
  lease_.Cancel();
}

void RouterFilter::OnComplete() { FinishUpstream(); }

}  // namespace remora::router
