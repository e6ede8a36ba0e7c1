#include "source/http/connection_manager/server_stream.h"

#include <utility>

#include "source/http/codes.h"
#include "source/http/connection_manager/header_policy.h"
#include "source/http/connection_manager/session.h"
#include "source/http/http1/details.h"

namespace remora::connection_manager {

using http::CodecError;
using http::ErrorKind;
using http::HeaderId;
using http::LocalReply;
using http::ProxyError;
using http::RequestHead;
using http::ResponseFlag;
using http::ResponseHead;
using http::Side;

ServerStream::ServerStream(WorkerConfig& config)
    : config_(config),
      arena_(config.services().arenas),
      idle_timer_(config.services().worker.dispatcher.timers(), &OnIdle, this) {}

ServerStream::~ServerStream() = default;

void ServerStream::Start(Session& session, http::ServerCodecStream& codec) {
  session_ = &session;
  codec_ = &codec;
  active_ = true;
  idle_timeout_ = config_.config().stream_idle_timeout;
  const event::TimePoint now = config_.services().worker.dispatcher.now();
  info_.start = now;
  info_.start_wall = config_.services().dates.Wall(now);
  config_.stats().downstream_rq_total.Inc();
  config_.stats().downstream_rq_http1_total.Inc();
  config_.stats().downstream_rq_active.Inc();
  Touch();
}

void ServerStream::Touch() {
  if (idle_timeout_ > 0) {
    idle_timer_.Arm(config_.services().worker.dispatcher.now() + idle_timeout_);
  } else {
    idle_timer_.Disarm();
  }
}

void ServerStream::CreateChain(const RequestHead* head, bool routed) {
  const WorkerServices& services = config_.services();
  const http::FilterChain::Environment environment{
      services.worker.dispatcher,
      arena_,
      services.worker.blocks,
      services.worker.random,
      services.clusters,
      info_,
      *codec_,
      response_side_,
      routed ? config_.config().routes.get() : nullptr,
      config_.buffer_limit() == 0 ? UINT64_MAX : config_.buffer_limit(),  // 0: none, as Envoy
      session_->filter_states(),
  };
  chain_.emplace(environment, config_.filters(), head);
}

// --- the request ---

void ServerStream::OnHead(RequestHead& head) {
  request_ = &head;
  info_.version = head.version;
  std::optional<LocalReply> refusal = CheckRequest(head);
  if (refusal.has_value()) {
    if (refusal->status == 404) config_.stats().downstream_rq_non_relative_path.Inc();
    if (refusal->details == "path_normalization_failed") {
      config_.stats().downstream_rq_failed_path_normalization.Inc();
    }
    CreateChain(&head, false);
    chain_->SendLocalReply(*std::move(refusal));
    return;
  }
  if (head.expects_continue) {
    // Answered here, as Envoy does without proxy_100_continue: the upstream never waits for it.
    codec_->SendContinue();
    head.headers.Remove(HeaderId::kExpect);
  }
  // Its end comes in a call of its own, but an answer to it is no early one.
  request_done_ = head.framing == http::Framing::kNone;
  ApplyRequestPolicy(config_.config(), session_->peer(), config_.services().worker.random, head);
  CreateChain(&head, true);
  const route::Route* route = chain_->match().route;
  if (route != nullptr) {
    info_.route_name = route->name();
    const route::ForwardAction* forward = route->forward();
    if (forward != nullptr && forward->idle_timeout.has_value()) {
      idle_timeout_ = *forward->idle_timeout;
      Touch();
    }
  }
  chain_->OnHead(head);
}

void ServerStream::OnData(buffer::Buffer& data) {
  info_.bytes_received += data.length();
  Touch();
  chain_->OnData(data);
}

void ServerStream::OnEnd(http::HeaderMap* trailers) {
  request_done_ = true;
  info_.request_end = config_.services().worker.dispatcher.now();
  chain_->OnEnd(trailers);
}

void ServerStream::OnReset(const ProxyError& error) { Abort(error); }

void ServerStream::Reject(http::ServerCodecStream& codec, const CodecError& error) {
  codec_ = &codec;
  LocalReply reply;
  reply.status = error.status;
  reply.details = error.detail;
  // Envoy's connection manager, not its codec, refuses a request without Host: no body, no flag.
  if (error.detail != http1::detail::kMissingHostHeader) {
    reply.body = std::string(http::ReasonPhrase(error.status));
    reply.flag = ResponseFlag::kDownstreamProtocolError;
    info_.flags.Set(reply.flag);
  }
  if (!chain_.has_value()) CreateChain(request_, false);
  chain_->SendLocalReply(std::move(reply));
}

void ServerStream::OnIdle(void* self) {
  auto* stream = static_cast<ServerStream*>(self);
  if (!stream->active_) return;
  stream->config_.stats().downstream_rq_idle_timeout.Inc();
  LocalReply reply = http::ReplyTo({Side::kLocal, ErrorKind::kStreamIdleTimeout});
  if (!stream->request_done_) reply.status = 408;
  if (!stream->chain_.has_value()) stream->CreateChain(stream->request_, false);
  stream->chain_->SendLocalReply(std::move(reply));
}

// --- the response ---

void ServerStream::ResponseSide::OnHead(ResponseHead& head) {
  ServerStream& stream = stream_;
  stream.response_started_ = true;
  stream.info_.response_code = head.status;
  stream.Touch();
  const WorkerServices& services = stream.config_.services();
  ApplyResponsePolicy(stream.config_.config(), stream.request_,
                      services.dates.Date(services.worker.dispatcher.now()), head);
  // Nobody will read the rest of the request behind an early answer of our own: the connection
  // cannot serve another. A request without a body has no rest, even if its end is still to come.
  const bool complete = stream.request_done_ || (stream.request_ != nullptr &&
                                                 stream.request_->framing == http::Framing::kNone);
  if (stream.chain_->replied() && !complete) head.close_connection = true;
  if (stream.session_->ShouldCloseAfterResponse()) head.close_connection = true;
  if (stream.info_.response_code_details.empty()) {
    stream.info_.response_code_details = "via_upstream";
  }
  if (head.status == 413) stream.config_.stats().downstream_rq_too_large.Inc();
  stream.codec_->OnHead(head);
}

void ServerStream::ResponseSide::OnData(buffer::Buffer& data) {
  stream_.info_.bytes_sent += data.length();
  stream_.Touch();
  stream_.codec_->OnData(data);
}

void ServerStream::ResponseSide::OnEnd(http::HeaderMap* trailers) {
  ServerStream& stream = stream_;
  stream.response_done_ = true;
  const bool has_body =
      stream.request_ != nullptr && stream.request_->framing != http::Framing::kNone;
  if (!stream.request_done_ && has_body) {
    stream.config_.stats().downstream_rq_response_before_rq_complete.Inc();
  }
  stream.codec_->OnEnd(trailers);
}

void ServerStream::ResponseSide::OnReset(const ProxyError& error) {
  ServerStream& stream = stream_;
  if (stream.aborted_) return;
  stream.aborted_ = true;
  stream.config_.stats().downstream_rq_tx_reset.Inc();
  stream.codec_->OnReset(error);
  stream.session_->OnStreamAborted();
}

void ServerStream::OnOutputFull() {
  if (chain_.has_value()) chain_->PauseResponse(http::PauseReason::kConnectionFull);
}

void ServerStream::OnOutputDrained() {
  Touch();
  if (chain_.has_value()) chain_->ResumeResponse(http::PauseReason::kConnectionFull);
}

void ServerStream::Abort(const ProxyError& error) {
  if (aborted_) return;
  aborted_ = true;
  const http::ErrorReply& row = http::ReplyFor(error.kind);
  info_.flags.Set(row.flag);
  // It takes the place of "via_upstream", as in Envoy: the client did not get the whole answer.
  if (error.side == Side::kDownstream) {
    info_.response_code_details = row.details.empty() ? error.detail : row.details;
  }
  if (chain_.has_value()) chain_->OnReset(error);
}

// --- the end ---

void ServerStream::CountCode(uint16_t status) {
  const Stats& stats = config_.stats();
  const ListenerStats& listener = config_.listener_stats();
  stats.downstream_rq_completed.Inc();
  listener.downstream_rq_completed.Inc();
  switch (status / 100) {
    case 1:
      stats.downstream_rq_1xx.Inc(), listener.downstream_rq_1xx.Inc();
      break;
    case 2:
      stats.downstream_rq_2xx.Inc(), listener.downstream_rq_2xx.Inc();
      break;
    case 3:
      stats.downstream_rq_3xx.Inc(), listener.downstream_rq_3xx.Inc();
      break;
    case 4:
      stats.downstream_rq_4xx.Inc(), listener.downstream_rq_4xx.Inc();
      break;
    case 5:
      stats.downstream_rq_5xx.Inc(), listener.downstream_rq_5xx.Inc();
      break;
    default:
      break;
  }
}

void ServerStream::Finish() {
  if (!active_) return;
  active_ = false;
  idle_timer_.Disarm();
  if (chain_.has_value()) chain_->Complete();
  const Stats& stats = config_.stats();
  stats.downstream_rq_active.Dec();
  if (info_.response_code != 0) CountCode(info_.response_code);
  const event::TimePoint now = config_.services().worker.dispatcher.now();
  stats.downstream_rq_time.Record(static_cast<uint64_t>((now - info_.start) / event::kMillisecond));
}

void ServerStream::Recycle() {
  chain_.reset();
  info_ = http::StreamInfo();
  request_ = nullptr;
  session_ = nullptr;
  codec_ = nullptr;
  request_done_ = response_started_ = response_done_ = aborted_ = false;
  arena_.Reset();
}

}  // namespace remora::connection_manager
