#include "source/http/connection_manager/server_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "source/http/ascii.h"
#include "source/http/codes.h"
#include "source/http/connection_manager/header_policy.h"
#include "source/http/connection_manager/session.h"
#include "source/http/connection_manager/target_policy.h"
#include "source/http/connection_manager/upgrade_policy.h"
#include "source/http/grpc_status.h"
#include "source/http/grpc_timeout.h"
#include "source/http/http1/details.h"
#include "source/net/tls_facts.h"

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
      idle_timer_(config.services().worker.dispatcher.timers(), &OnIdle, this),
      deadline_timer_(config.services().worker.dispatcher.timers(), &OnDeadline, this) {}

ServerStream::~ServerStream() = default;

void ServerStream::Start(Session& session, http::ServerCodecStream& codec, event::TimePoint since) {
  session_ = &session;
  codec_ = &codec;
  active_ = true;
  idle_timeout_ = config_.config().stream_idle_timeout;
  info_.start = since != 0 ? since : config_.services().worker.dispatcher.now();
  info_.start_wall = config_.services().dates.Wall(info_.start);
  info_.connection = &connection_;
  info_.downstream_remote = &session.remote();
  connection_.id = session.id();
  connection_.direct_remote = &session.direct_remote();
  connection_.remote = &session.remote();
  connection_.requested_server_name = session.server_name();
  connection_.filter_chain_name = config_.chain_name();
  connection_.filter_chain_metadata = config_.chain_metadata();
  info_.dynamic_metadata = session.metadata();
  connection_.lookup = this;
  connection_.local_restored = session.local_restored();
  connection_.names_source = session.names_source();
  connection_.tls = session.tls();
  connection_.fingerprints = session.fingerprints();
  if (connection_.tls != nullptr) {
    connection_.requested_server_name = connection_.tls->server_name();
  }
  config_.stats().downstream_rq_total.Inc();
  if (session.speaks_http2()) {
    config_.stats().downstream_rq_http2_total.Inc();
  } else {
    config_.stats().downstream_rq_http1_total.Inc();
  }
  config_.stats().downstream_rq_active.Inc();
  if (config_.stream_deadlines()) {
    const Config& config = config_.config();
    if (config.request_timeout > 0) request_deadline_ = info_.start + config.request_timeout;
    if (config.max_stream_duration > 0) {
      duration_deadline_ = info_.start + config.max_stream_duration;
    }
    ArmDeadlines();
  }
  if (config_.config().access_log_flush_interval > 0) ArmLogTimer();
  Touch();
}

const net::Address* ServerStream::FindLocal() {
  return session_ != nullptr ? &session_->local() : nullptr;
}

net::Passage* ServerStream::FindPassage() {
  return session_ != nullptr ? &session_->passage() : nullptr;
}

void ServerStream::ArmDeadlines() {
  deadline_timer_.Arm(std::min(request_deadline_, duration_deadline_));
}

// The route has its own word on how long an exchange may take.
void ServerStream::LimitDuration(const route::MaxStreamDuration& limit) {
  std::optional<event::Duration> duration = limit.duration;
  if (limit.grpc_timeout_header_max.has_value()) {
    const std::optional<event::Duration> asked =
        http::ParseGrpcTimeout(request_->headers.Get(HeaderId::kGrpcTimeout));
    if (asked.has_value()) {
      const event::Duration most = *limit.grpc_timeout_header_max;
      duration = most > 0 ? std::min(*asked, most) : *asked;
      // What is not above zero is over at once.
      duration = std::max<event::Duration>(*duration - limit.grpc_timeout_header_offset, 1);
    }
  }
  if (!duration.has_value()) return;
  duration_deadline_ = *duration > 0 ? info_.start + *duration : event::Timer::kNever;
  ArmDeadlines();
}

void ServerStream::Touch() {
  if (idle_timeout_ > 0) {
    idle_timer_.Arm(config_.services().worker.dispatcher.now() + idle_timeout_);
  } else {
    idle_timer_.Disarm();
  }
}

const route::RouteTable* ServerStream::FindRoutes(const RequestHead& head) {
  const Config& config = config_.config();
  if (config.routes != nullptr) return config.routes.get();
  // The stream keeps the table that it matched, whatever becomes of the slot.
  if (pinned_routes_ == nullptr) PinRoutes(head);
  return pinned_routes_.get();
}

void ServerStream::PinRoutes(const RequestHead& head) {
  const Config& config = config_.config();
  const size_t worker = config_.services().worker.index;
  const std::shared_ptr<const route::RouteSlot>* slot = &config.route_slot;
  if (config.scopes != nullptr) {
    const route::Scope* scope = config.scopes->Find(head, worker);
    if (scope == nullptr) return;
    pinned_routes_ = scope->table;
    slot = &scope->slot;
  }
  if (*slot == nullptr) return;
  pinned_routes_ = (*slot)->Get(worker);
  // All workers count the slot's owners: only who may wait for hosts becomes one.
  if (pinned_routes_ != nullptr && pinned_routes_->host_finder() != nullptr) pinned_slot_ = *slot;
}

bool ServerStream::AwaitHost(std::string_view host, http::Waiter& waiter) {
  return pinned_slot_ != nullptr &&
         pinned_slot_->AwaitHost(config_.services().worker.index, host, waiter);
}

const route::RouteTable* ServerStream::NewestRoutes() {
  earlier_routes_.push_back(std::move(pinned_routes_));
  pinned_routes_ = pinned_slot_->Get(config_.services().worker.index);
  return pinned_routes_.get();
}

void ServerStream::OnRoute(const route::Route& route) {
  info_.route_name = route.name();
  const route::ForwardAction* forward = route.forward();
  if (forward == nullptr) return;
  if (forward->idle_timeout.has_value()) {
    idle_timeout_ = *forward->idle_timeout;
    Touch();
  }
  if (forward->max_stream_duration.has_value()) LimitDuration(*forward->max_stream_duration);
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
      routed ? FindRoutes(*head) : nullptr,
      config_.buffer_limit() == 0 ? UINT64_MAX : config_.buffer_limit(),  // 0: none, as Envoy
      config_.config().local_replies.get(),
      session_->filter_states(),
      pinned_slot_ != nullptr ? this : nullptr,
  };
  chain_.emplace(environment, config_.FiltersFor(head), head);
}

// --- the request ---

// Answers a request that no filter shall see before the answer.
void ServerStream::Refuse(RequestHead& head, LocalReply reply) {
  const Stats& stats = config_.stats();
  if (reply.status == 404) stats.downstream_rq_non_relative_path.Inc();
  if (reply.details == kPathRefused) {
    if (reply.status == 400) {
      stats.downstream_rq_failed_path_normalization.Inc();
    } else {
      stats.downstream_rq_redirected_with_normalized_path.Inc();
    }
  }
  CreateChain(&head, false);
  chain_->SendLocalReply(std::move(reply));
}

// As Envoy does without proxy_100_continue: the upstream never hears of it.
void ServerStream::AnswerExpectation(RequestHead& head) {
  if (head.expects_continue) {
    codec_->SendContinue();
    CountCode(100);
  } else if (!http::EqualsWord(head.headers.Get(HeaderId::kExpect), "100-continue")) {
    return;
  }
  head.headers.Remove(HeaderId::kExpect);
}

void ServerStream::OnHead(RequestHead& head) {
  request_ = &head;
  info_.version = head.version;
  // Its end comes in a call of its own, but an answer to it is no early one.
  request_done_ = head.framing == http::Framing::kNone;
  std::optional<LocalReply> refusal = PrepareTarget(
      config_.config(), config_.target_policy(), *config_.services().worker.runtime,
      [this] { return session_->local().port(); }, head);
  if (refusal.has_value()) {
    Refuse(head, *std::move(refusal));
    return;
  }
  if (head.headers.Has(HeaderId::kExpect) && !config_.config().proxy_100_continue) {
    AnswerExpectation(head);
  }
  const WorkerServices& services = config_.services();
  Peer peer{session_->remote(), services.own_ip};
  if (config_.config().append_x_forwarded_port) peer.local_port = session_->local().port();
  if (connection_.tls != nullptr) {
    peer.tls = true;
    peer.certificate_element = session_->certificate_element();
    peer.presented_certificate = session_->presented_certificate();
  }
  info_.downstream_remote =
      ApplyRequestPolicy(config_.config(), FindRoutes(head), peer, services.worker.random, head);
  CreateChain(&head, true);
  if (const route::Route* route = chain_->match().route; route != nullptr) OnRoute(*route);
  if (config_.config().access_log_on_new_request) WriteLog(formatter::LogType::kDownstreamStart);
  if (head.framing == http::Framing::kTunnel && !AcceptUpgrade(head)) return;
  chain_->OnHead(head);
}

// False when the answer is on its way: 403.
bool ServerStream::AcceptUpgrade(const RequestHead& head) {
  const Stats& stats = config_.stats();
  if (!AllowsUpgrade(config_.config(), chain_->match().route, head)) {
    stats.downstream_rq_ws_on_non_ws_route.Inc();
    LocalReply reply;
    reply.status = 403;
    reply.details = http1::detail::kUpgradeFailed;
    chain_->SendLocalReply(std::move(reply));
    return false;
  }
  upgraded_ = true;
  stats.downstream_cx_upgrades_total.Inc();
  stats.downstream_cx_upgrades_active.Inc();
  return true;
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
  if (error.connection_usable) request_done_ = true;
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
  static_cast<ServerStream*>(self)->OnTimeout(ErrorKind::kStreamIdleTimeout);
}

void ServerStream::OnDeadline(void* self) {
  auto* stream = static_cast<ServerStream*>(self);
  const event::TimePoint now = stream->config_.services().worker.dispatcher.now();
  // The request's own deadline is over with the request; nothing was done about it then.
  if (stream->request_done_) stream->request_deadline_ = event::Timer::kNever;
  if (now >= stream->request_deadline_) {
    stream->OnTimeout(ErrorKind::kRequestTimeout);
  } else if (now >= stream->duration_deadline_) {
    stream->OnTimeout(ErrorKind::kMaxStreamDuration);
  } else {
    stream->ArmDeadlines();
  }
}

void ServerStream::OnTimeout(ErrorKind kind) {
  if (!active_) return;
  const Stats& stats = config_.stats();
  if (response_done_ || aborted_) {
    // HTTP/2: the client's window does not let the answer through.
    config_.http2_options().stats.tx_flush_timeout.Inc();
    codec_->OnReset({Side::kLocal, kind});
    return;
  }
  LocalReply reply = http::ReplyTo({Side::kLocal, kind});
  if (!request_done_) reply.status = 408;
  switch (kind) {
    case ErrorKind::kRequestHeadersTimeout:
      stats.downstream_rq_header_timeout.Inc();
      break;
    case ErrorKind::kRequestTimeout:
      stats.downstream_rq_timeout.Inc();
      break;
    case ErrorKind::kMaxStreamDuration:
      stats.downstream_rq_max_duration_reached.Inc();
      reply.grpc_status = static_cast<uint32_t>(http::GrpcCode::kDeadlineExceeded);
      break;
    default:
      stats.downstream_rq_idle_timeout.Inc();
  }
  if (!chain_.has_value()) CreateChain(request_, false);
  chain_->SendLocalReply(std::move(reply));
}

// --- the response ---

void ServerStream::ResponseSide::OnInterim(ResponseHead& head) {
  if (!stream_.config_.config().proxy_100_continue || stream_.response_started_) return;
  stream_.CountCode(head.status);
  stream_.codec_->OnHead(head);
}

void ServerStream::ResponseSide::OnHead(ResponseHead& head) {
  ServerStream& stream = stream_;
  stream.response_started_ = true;
  stream.response_ = &head;
  stream.info_.response_code = head.status;
  stream.Touch();
  const WorkerServices& services = stream.config_.services();
  stream.info_.response_begin = services.worker.dispatcher.now();
  ApplyResponsePolicy(stream.config_.config(), stream.request_,
                      services.dates.Date(services.worker.dispatcher.now()), head);
  // Nobody will read the rest of the request behind an early answer of our own: the connection
  // cannot serve another. A request without a body has no rest, even if its end is still to come.
  const bool complete = stream.request_done_ || (stream.request_ != nullptr &&
                                                 stream.request_->framing == http::Framing::kNone);
  if (stream.chain_->replied() && !complete) head.close_connection = true;
  if (stream.session_->ShouldCloseAfterResponse()) head.close_connection = true;
  if (stream.info_.response_code_details.empty() && !stream.chain_->replied()) {
    stream.info_.response_code_details = "via_upstream";
  }
  // Our own: an upstream's 413 has its limits.
  if (stream.chain_->replied()) {
    const std::string_view too_large = http::ReplyFor(ErrorKind::kResponseTooLarge).details;
    if (head.status == 413) stream.config_.stats().downstream_rq_too_large.Inc();
    if (stream.info_.response_code_details == too_large) stream.config_.stats().rs_too_large.Inc();
  }
  if (head.framing == http::Framing::kTunnel && stream.config_.config().access_log_on_tunnel) {
    stream.WriteLog(formatter::LogType::kDownstreamTunnelSuccessfullyEstablished);
  }
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
  stream.response_trailers_ = trailers;
  stream.info_.response_end = stream.config_.services().worker.dispatcher.now();
  if (!stream.request_done_) {
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
  if (info_.health_check) return;  // as Envoy: it says nothing of the traffic
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
  deadline_timer_.Disarm();
  const event::TimePoint now = config_.services().worker.dispatcher.now();
  info_.end = now;
  if (chain_.has_value()) chain_->Complete();
  const Stats& stats = config_.stats();
  stats.downstream_rq_active.Dec();
  // As Envoy: whatever was left undone, and whoever left it.
  if (!request_done_ || !response_done_) stats.downstream_rq_rx_reset.Inc();
  if (upgraded_) stats.downstream_cx_upgrades_active.Dec();
  if (info_.response_code != 0) CountCode(info_.response_code);
  if (info_.health_check) stats.tracing_health_check.Inc();
  stats.downstream_rq_time.Record(static_cast<uint64_t>((now - info_.start) / event::kMillisecond));
  if (log_timer_ != nullptr) log_timer_->Disarm();
  if (!config_.loggers().empty()) WriteLog(formatter::LogType::kDownstreamEnd);
}

// --- the log ---

void ServerStream::WriteLog(formatter::LogType type) {
  const WorkerServices& services = config_.services();
  formatter::Exchange exchange{info_};
  exchange.request = request_;
  exchange.response = response_;
  exchange.response_trailers = response_trailers_;
  exchange.log_type = type;
  exchange.now = services.worker.dispatcher.now();
  exchange.wall_now = services.dates.Wall(exchange.now);
  config_.loggers().Log(exchange, {*services.worker.runtime, services.worker.random});
}

void ServerStream::ArmLogTimer() {
  event::Dispatcher& dispatcher = config_.services().worker.dispatcher;
  if (log_timer_ == nullptr) {
    log_timer_ = std::make_unique<event::Timer>(dispatcher.timers(), &OnLogTimer, this);
  }
  log_timer_->Arm(dispatcher.now() + config_.config().access_log_flush_interval);
}

void ServerStream::OnLogTimer(void* self) {
  auto* stream = static_cast<ServerStream*>(self);
  stream->WriteLog(formatter::LogType::kDownstreamPeriodic);
  stream->ArmLogTimer();
}

void ServerStream::Recycle() {
  chain_.reset();
  pinned_routes_ = nullptr;
  pinned_slot_ = nullptr;
  earlier_routes_.clear();
  // In place: an assignment would make another one and copy it.
  std::destroy_at(&info_);
  std::construct_at(&info_);
  request_deadline_ = duration_deadline_ = event::Timer::kNever;
  request_ = nullptr;
  response_ = nullptr;
  response_trailers_ = nullptr;
  session_ = nullptr;
  codec_ = nullptr;
  request_done_ = response_started_ = response_done_ = aborted_ = upgraded_ = false;
  arena_.Reset();
}

}  // namespace remora::connection_manager
