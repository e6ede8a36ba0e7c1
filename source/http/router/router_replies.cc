// RouterFilter: its timeouts, and what it answers in the upstream's place.

#include <utility>

#include "source/http/router/route_action.h"
#include "source/http/router/router_filter.h"
#include "source/upstream/cluster_runtime.h"

namespace remora::router {

using http::ErrorKind;
using http::HeaderId;
using http::ProxyError;
using http::ResponseFlag;
using http::Side;
using upstream::AddOwn;

// --- timeouts ---

void RouterFilter::ArmTimeout() {
  // A tunnel may stay open when one side has said all it had to say.
  if (request_->framing == http::Framing::kTunnel) return;
  if (timeouts_.global > 0 && !timeout_.armed()) timeout_.Arm(request_end_ + timeouts_.global);
}

void RouterFilter::OnTimeout(void* self) {
  auto* router = static_cast<RouterFilter*>(self);
  if (router->done_) return;
  if (router->attempt_.active() || router->attempt_.waiting()) {
    router->cluster_->stats().upstream_rq_timeout.Inc();
    router->counted_in_.Inc(&RequestStats::timeout);
    const upstream::Host& host = *router->attempt_.host();
    AddOwn<uint64_t>(host.counters(router->cluster_->worker().index).rq_timeout, 1);
  }
  const ProxyError error{Side::kLocal, ErrorKind::kRouteTimeout};
  router->attempt_.NoteEnd(error);
  if (router->response_started_) {
    router->ResetResponse(error);
  } else {
    router->Reply(error);
  }
}

void RouterFilter::OnTryTimeout(ErrorKind kind) {
  const ProxyError error{Side::kLocal, kind};
  const bool lasts_too_long = kind == ErrorKind::kUpstreamMaxStreamDuration;
  // A response that has begun may go on to the end of the route's timeout.
  if (response_started_ && kind == ErrorKind::kPerTryTimeout) return;
  CountTryTimeout(kind);
  attempt_.NoteEnd(error);
  attempt_.End();
  if (response_started_) {
    ResetResponse(error);
    return;
  }
  if (!lasts_too_long && policy_ != nullptr && policy_->mark_timeout_retries) {
    request_->headers.Set("x-envoy-is-timeout-retry", "true");
  }
  if (retry_ != nullptr && ActOn(retry_->OnFailure(ErrorKind::kLocalReset, true))) return;
  Reply(error, lasts_too_long && !request_ended_ ? 408 : 0);
}

void RouterFilter::CountTryTimeout(ErrorKind kind) {
  const upstream::ClusterStats& stats = cluster_->stats();
  if (kind == ErrorKind::kUpstreamMaxStreamDuration) {
    stats.upstream_rq_max_duration_reached.Inc();
    return;
  }
  if (kind == ErrorKind::kPerTryIdleTimeout) {
    stats.upstream_rq_per_try_idle_timeout.Inc();
  } else {
    stats.upstream_rq_per_try_timeout.Inc();
  }
  const upstream::Host& host = *attempt_.host();
  AddOwn<uint64_t>(host.counters(cluster_->worker().index).rq_timeout, 1);
}

// --- answers in the upstream's place ---

void RouterFilter::ReplyDirectly() {
  stats().rq_direct_response.Inc();
  done_ = true;
  context_.SendLocalReply(*OwnReply(context_, *request_));
}

void RouterFilter::ReplyRefusedField(const http::HeaderEntry& field) {
  done_ = true;
  http::LocalReply reply;
  reply.status = 400;
  reply.flag = ResponseFlag::kInvalidEnvoyRequestHeaders;
  reply.body = RefusedFieldBody(field);
  reply.details =
      arena().Copy("request_headers_failed_strict_check{" + std::string(field.name()) + "}");
  context_.SendLocalReply(std::move(reply));
}

void RouterFilter::Reply(const ProxyError& error, uint16_t status) {
  // What is still to come of the request is read and dropped.
  if (attempt_.active()) context_.request_source().Resume(http::PauseReason::kConnectionFull);
  FinishUpstream();
  ResumeSource();
  const uint32_t attempts = context_.stream_info().upstream_attempts;
  http::LocalReply reply = http::ReplyTo(error);
  if (status != 0) reply.status = status;
  if (reply.details.empty()) {
    reply.details = arena().Copy(
        http::UpstreamResetDetails(error.kind, false, context_.stream_info().upstream_failure));
    if (attempts > 1) reply.body = http::UpstreamResetBody(error.kind, true);
  }
  if (reply.status == 504 && timeouts_.status != 504) {
    reply.status = timeouts_.status;
    reply.body.clear();
  }
  if (config_.suppress_envoy_headers) reply.headers.clear();
  if (policy_ != nullptr && policy_->count_attempts_in_response) {
    reply.headers.emplace_back(HeaderId::kXEnvoyAttemptCount, std::to_string(attempts));
  }
  // As Envoy, which counts it under its own name alone.
  if (cluster_ != nullptr && error.kind != ErrorKind::kUpstreamMaxStreamDuration) {
    CountResponse(reply.status);
    if (attempt_.host() != nullptr) CountHostResult(reply.status);
  }
  context_.SendLocalReply(std::move(reply));
}

}  // namespace remora::router
