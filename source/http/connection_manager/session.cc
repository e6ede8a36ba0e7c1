#include "source/http/connection_manager/session.h"

#include <algorithm>
#include <utility>

#include "source/base/log.h"
#include "source/http/connection_manager/http2_connection.h"
#include "source/http/connection_manager/server_stream.h"
#include "source/net/tls_facts.h"

namespace remora::connection_manager {

using http::ErrorKind;
using http::ProxyError;
using http::Side;

namespace {

net::Connection::Options ConnectionOptions(const WorkerConfig& config) {
  net::Connection::Options options;
  options.output_limit = config.buffer_limit();
  options.received = config.stats().downstream_cx_rx_bytes_total;
  options.sent = config.stats().downstream_cx_tx_bytes_total;
  return options;
}

}  // namespace

Session::Session(std::shared_ptr<WorkerConfig> config, net::SessionOwner& owner,
                 net::Accepted accepted)
    : config_(std::move(config)),
      owner_(owner),
      findings_(TakeFindings(accepted)),
      remote_(std::move(accepted.remote)),
      local_(accepted.local.has_value()
                 ? std::make_unique<const net::Address>(*std::move(accepted.local))
                 : nullptr),
      // The worker's index in the low bits keeps numbers of different workers apart.
      id_(++config_->services().last_connection << 10 | config_->services().worker.index),
      started_(config_->services().worker.dispatcher.now()),
      timer_(config_->services().worker.dispatcher.timers(), &OnTimer, this),
      turn_end_(&OnTurnEnd, this),
      connection_(config_->services().worker.dispatcher, config_->services().worker.blocks,
                  std::move(accepted.socket), std::move(accepted.transport), *this,
                  ConnectionOptions(*config_)),
      codec_(*this, connection_.output(), config_->http1_options(connection_.tls() != nullptr)) {
  const Stats& stats = config_->stats();
  stats.downstream_cx_total.Inc();
  stats.downstream_cx_active.Inc();
  if (tls() != nullptr) {
    stats.downstream_cx_ssl_total.Inc();
    stats.downstream_cx_ssl_active.Inc();
  }
  AwaitRequest();
}

Session::~Session() { Close(); }

std::unique_ptr<const Session::Findings> Session::TakeFindings(net::Accepted& accepted) {
  if (accepted.server_name.empty() && accepted.metadata.empty() && accepted.tlvs.empty() &&
      accepted.fingerprints == nullptr && !accepted.local_restored && accepted.source == nullptr &&
      accepted.direct_remote == accepted.remote) [[likely]] {
    return nullptr;
  }
  auto findings = std::make_unique<Findings>();
  findings->direct_remote = std::move(accepted.direct_remote);
  findings->server_name = std::move(accepted.server_name);
  findings->fingerprints = std::move(accepted.fingerprints);
  for (net::ConnectionValue& value : accepted.metadata) {
    http::PutText(findings->metadata, value.name_space, value.key, std::move(value.value));
  }
  findings->local_restored = accepted.local_restored;
  findings->tlvs = std::move(accepted.tlvs);
  findings->source = std::move(accepted.source);
  return findings;
}

const net::Address& Session::local() {
  if (local_ == nullptr) {
    local_ = std::make_unique<const net::Address>(connection_.LocalAddress());
  }
  return *local_;
}

net::Passage& Session::passage() {
  if (passage_ == nullptr) {
    std::vector<net::ConnectionTlv> tlvs;
    std::shared_ptr<const net::Source> source;
    if (findings_ != nullptr) {
      tlvs = findings_->tlvs;
      source = findings_->source;
    }
    passage_ = std::make_unique<net::Passage>(remote_, local(), std::move(tlvs), std::move(source));
  }
  return *passage_;
}

net::SessionTotals Session::totals() const {
  net::SessionTotals totals;
  totals.id = id_;
  totals.started = started_;
  totals.bytes_received = connection_.bytes_received();
  totals.bytes_sent = connection_.bytes_sent();
  totals.protocol_known = requests_ > 0;
  totals.broke_protocol = broke_protocol_;
  totals.handshaking = connection_.handshaking();
  totals.tls = connection_.tls();
  totals.fingerprints = fingerprints();
  totals.transport_failure = connection_.transport_failure();
  totals.http2 = http2_ != nullptr;
  return totals;
}

bool Session::presented_certificate() {
  return config_->config().client_certificate.mode != ClientCertificateMode::kSanitize &&
         tls() != nullptr && tls()->peer() != nullptr;
}

std::string_view Session::certificate_element() {
  const ClientCertificatePolicy& policy = config_->config().client_certificate;
  if (!policy.describes() || tls() == nullptr || tls()->peer() == nullptr) return {};
  if (certificate_element_ == nullptr) {
    certificate_element_ =
        std::make_unique<const std::string>(DescribeClientCertificate(policy.details, *tls()));
  }
  return *certificate_element_;
}

// --- timeouts ---

void Session::ArmTimer() { timer_.Arm(std::min(wait_end_, DurationEnd())); }

// Nothing is in flight.
void Session::AwaitRequest() {
  const event::Duration timeout = config_->config().idle_timeout;
  wait_end_ = timeout > 0 ? connection_.dispatcher().now() + timeout : event::Timer::kNever;
  ArmTimer();
}

// A stream begins for Envoy with its first byte; for us with its head. So what would end it sooner
// runs here.
void Session::AwaitHead() {
  const Config& config = config_->config();
  AwaitRequest();
  drain_waiting_ = false;
  head_since_ = connection_.dispatcher().now();
  for (const event::Duration timeout : {config.request_headers_timeout, config.request_timeout,
                                        config.max_stream_duration, config.stream_idle_timeout}) {
    if (timeout > 0) wait_end_ = std::min(wait_end_, head_since_ + timeout);
  }
  ArmTimer();
}

void Session::OnTimer(void* self) {
  auto* session = static_cast<Session*>(self);
  const event::TimePoint now = session->connection_.dispatcher().now();
  if (now >= session->DurationEnd()) session->OnMaxDuration();
  if (session->connection_.closed() || session->closing_) return;
  if (now < session->wait_end_) {
    session->ArmTimer();
  } else if (session->head_since_ != 0) {
    session->OnHeadTimeout();
  } else if (session->drain_waiting_) {
    session->EndUnused();
  } else {
    session->OnIdle();
  }
}

void Session::OnIdle() {
  config_->stats().downstream_cx_idle_timeout.Inc();
  if (http2_ != nullptr) {
    // A request may be on its way.
    http2_->StartDrain();
    return;
  }
  EndUnused();
}

void Session::EndUnused() {
  closing_ = true;
  connection_.CloseAfterFlush(false);
}

void Session::OnHeadTimeout() {
  const Config& config = config_->config();
  const event::Duration waited = connection_.dispatcher().now() - head_since_;
  const auto over = [waited](event::Duration timeout) { return timeout > 0 && waited >= timeout; };
  ErrorKind kind = ErrorKind::kStreamIdleTimeout;
  if (over(config.request_headers_timeout)) {
    kind = ErrorKind::kRequestHeadersTimeout;
  } else if (over(config.request_timeout)) {
    kind = ErrorKind::kRequestTimeout;
  } else if (over(config.max_stream_duration)) {
    kind = ErrorKind::kMaxStreamDuration;
  } else if (!over(config.stream_idle_timeout)) {
    OnIdle();  // the connection's own time was up first
    return;
  }
  closing_ = true;
  connection_.PauseReading();
  http::ServerCodecStream& answer = codec_.RejectHead();
  stream_ = config_->TakeStream();
  stream_->Start(*this, answer, head_since_);
  head_since_ = 0;
  stream_->OnTimeout(kind);
}

void Session::OnMaxDuration() {
  const Config& config = config_->config();
  config_->stats().downstream_cx_max_duration_reached.Inc();
  draining_ = true;
  if (http2_ != nullptr) {
    http2_->StartDrain();
    return;
  }
  if (config.http1_safe_max_connection_duration) {
    // Only a response may end it: a request on its way is never cut off.
    config_->stats().downstream_cx_http1_soft_drain.Inc();
    return;
  }
  if (stream_ != nullptr || head_since_ != 0 || closing_) return;
  if (config.drain_timeout > 0) {
    drain_waiting_ = true;
    wait_end_ = std::min(wait_end_, connection_.dispatcher().now() + config.drain_timeout);
  } else {
    EndUnused();
  }
}

// --- bytes in ---

void Session::Recognize(const buffer::Buffer& input) {
  // RFC 9113 section 3.4. As Envoy: so much of it is unlike any request.
  constexpr std::string_view kPreface = "PRI * HTTP/2";
  switch (config_->config().codec) {
    case CodecType::kHttp1:
      StartHttp1();
      return;
    case CodecType::kHttp2:
      StartHttp2();
      return;
    case CodecType::kAuto:
      break;
  }
  const net::TlsFacts* tls = connection_.tls();
  if (tls != nullptr && !tls->application_protocol().empty()) {
    // ALPN has settled it.
    if (tls->application_protocol() == "h2") {
      StartHttp2();
    } else {
      StartHttp1();
    }
    return;
  }
  char bytes[kPreface.size()];
  const size_t size = std::min(input.length(), kPreface.size());
  input.CopyOut(0, size, bytes);
  if (std::string_view(bytes, size) != kPreface.substr(0, size)) {
    StartHttp1();
  } else if (size == kPreface.size()) {
    StartHttp2();
  }
}

void Session::StartHttp1() {
  speaks_http1_ = true;
  config_->stats().downstream_cx_http1_total.Inc();
  config_->stats().downstream_cx_http1_active.Inc();
}

void Session::StartHttp2() {
  config_->stats().downstream_cx_http2_total.Inc();
  config_->stats().downstream_cx_http2_active.Inc();
  head_since_ = 0;
  AwaitRequest();
  http2_ = std::make_unique<Http2Connection>(*this, *config_, connection_);
}

void Session::OnInput(buffer::Buffer& input) {
  if (__builtin_expect(!speaks_http1_, 0)) {
    if (http2_ == nullptr) Recognize(input);
    if (http2_ != nullptr) {
      http2_->OnInput(input);
      return;
    }
  }
  if (closing_ && stream_ == nullptr) {
    input.Clear();
    return;
  }
  in_dispatch_ = true;
  const absl::Status status = codec_.Dispatch(input);
  in_dispatch_ = false;
  if (connection_.closed()) return;
  if (!status.ok()) {
    if (!codec_.error().connection_usable) input.Clear();
    OnProtocolError();
    return;
  }
  UpdateReading();
  if (stream_ == nullptr && head_since_ == 0 && codec_.HeadStarted()) AwaitHead();
}

void Session::OnInputEnd() {
  if (http2_ != nullptr) {
    if (!closing_) peer_ended_ = true;
    closing_ = true;
    cut_ |= http2_->active();
    http2_->AbortAll({Side::kDownstream, ErrorKind::kDownstreamClosed});
    connection_.CloseAfterFlush(false);
    return;
  }
  in_dispatch_ = true;
  const absl::Status status = codec_.OnInputEnd();
  in_dispatch_ = false;
  if (connection_.closed()) return;
  if (!closing_) peer_ended_ = true;
  closing_ = true;
  if (!status.ok()) {
    // The request was cut short: it must not look complete to anybody.
    if (stream_ != nullptr) {
      cut_ = true;
      stream_->Abort({Side::kDownstream, ErrorKind::kDownstreamClosed});
      FinishStream();
    }
    connection_.CloseAfterFlush(false);
    return;
  }
  // Half-closed: what is in flight is still answered.
  if (stream_ == nullptr) connection_.CloseAfterFlush(false);
}

void Session::OnProtocolError() {
  const http::CodecError& error = codec_.error();
  config_->stats().downstream_cx_protocol_error.Inc();
  broke_protocol_ = true;
  REMORA_LOG(kHttp, kDebug, "protocol error from ", remote_.ToString(), ": ",
             std::string(error.detail));
  closing_ = !error.connection_usable;
  connection_.PauseReading();
  if (stream_ != nullptr && stream_->response_started()) {
    stream_->Abort({Side::kDownstream, ErrorKind::kDownstreamProtocolError, error.detail});
    FinishStream();
    connection_.CloseAfterFlush(true, config_->config().delayed_close_timeout);
    return;
  }
  http::ServerCodecStream& answer = codec_.RejectedStream();
  if (stream_ == nullptr) {
    stream_ = config_->TakeStream();
    stream_->Start(*this, answer, head_since_);
  }
  timer_.Disarm();
  stream_->Reject(answer, error);
}

void Session::UpdateReading() {
  if (codec_.WantsInput()) {
    // What is in flight goes on to be read when the connection is to close behind it.
    const bool wanted = !closing_ || stream_ != nullptr;
    if (connection_.reading_paused() && wanted) connection_.ResumeReading();
  } else if (!connection_.reading_paused()) {
    connection_.PauseReading();
  }
}

void Session::OnInputInterestChanged() {
  if (!in_dispatch_) UpdateReading();
}

// --- streams ---

http::ServerCodecEvents::NewRequest Session::OnNewRequest(http::ServerCodecStream& codec) {
  wait_end_ = event::Timer::kNever;
  timer_.Arm(DurationEnd());
  ++requests_;
  stream_ = config_->TakeStream();
  stream_->Start(*this, codec, head_since_);
  head_since_ = 0;
  return {&stream_->arena(), stream_.get(), &stream_->info().downstream_wire};
}

bool Session::ShouldCloseAfterResponse() {
  // A connection of HTTP/2 goes on beside the response; it is told to end once.
  if (http2_ != nullptr && http2_->draining()) return false;
  const uint32_t limit = config_->config().max_requests_per_connection;
  if (limit != 0 && requests_ >= limit) {
    config_->stats().downstream_cx_max_requests_reached.Inc();
  } else if (closing_ || draining_) {
    return http2_ == nullptr;
  } else if (config_->DrainCloses()) {
    config_->stats().downstream_cx_drain_close.Inc();
  } else {
    return false;
  }
  if (http2_ == nullptr) return true;
  http2_->StartDrain();
  return false;
}

// --- HTTP/2 ---

void Session::OnRequestBegan() {
  wait_end_ = event::Timer::kNever;
  timer_.Arm(DurationEnd());
  ++requests_;
}

void Session::OnNothingInFlight() {
  if (!closing_) AwaitRequest();
}

void Session::OnHttp2Failed(std::string_view why) {
  config_->stats().downstream_cx_protocol_error.Inc();
  broke_protocol_ = true;
  REMORA_LOG(kHttp, kDebug, "protocol error from ", remote_.ToString(), ": ", std::string(why));
  closing_ = true;
  timer_.Disarm();
  cut_ |= http2_->active();
  http2_->AbortAll({Side::kDownstream, ErrorKind::kDownstreamProtocolError, why});
  connection_.CloseAfterFlush(true, config_->config().delayed_close_timeout);
}

void Session::OnHttp2Dead() {
  closing_ = true;
  timer_.Disarm();
  cut_ |= http2_->active();
  http2_->AbortAll({Side::kDownstream, ErrorKind::kDownstreamClosed});
  connection_.CloseAfterFlush(false);
}

void Session::EndAfterFlush() {
  closing_ = true;
  timer_.Disarm();
  connection_.CloseAfterFlush(true, config_->config().delayed_close_timeout);
}

// The stream may still be on the stack: it is recycled when the turn ends.
void Session::FinishStream() {
  stream_->Finish();
  if (finished_ != nullptr) {
    // A pipelined request ended in the same turn as the one before it.
    finished_->Recycle();
    config_->GiveStream(std::move(finished_));
  }
  finished_ = std::move(stream_);
  connection_.dispatcher().AtTurnEnd(turn_end_);
}

void Session::OnStreamDone(http::ServerCodecStream&, bool keep_alive) {
  const bool request_done = stream_->request_done();
  FinishStream();
  if (!keep_alive || closing_) {
    closing_ = true;
    connection_.CloseAfterFlush(!request_done, config_->config().delayed_close_timeout);
    return;
  }
  AwaitRequest();
  if (!in_dispatch_) UpdateReading();
}

void Session::OnStreamAborted() {
  if (http2_ != nullptr) return;  // its codec resets the stream, and goes on
  aborted_ = true;
  closing_ = true;
  connection_.dispatcher().AtTurnEnd(turn_end_);
}

void Session::OnTurnEnd(void* self) {
  auto* session = static_cast<Session*>(self);
  if (session->finished_ != nullptr) {
    session->finished_->Recycle();
    session->config_->GiveStream(std::move(session->finished_));
  }
  if (!session->aborted_ || session->connection_.closed()) return;
  session->aborted_ = false;
  if (session->stream_ != nullptr) session->FinishStream();
  session->connection_.CloseAfterFlush(false);
}

void Session::OnOutputFull() {
  config_->stats().downstream_flow_control_paused_reading_total.Inc();
  if (http2_ != nullptr) http2_->OnOutputFull();
  if (stream_ != nullptr) stream_->OnOutputFull();
}

void Session::OnOutputDrained() {
  config_->stats().downstream_flow_control_resumed_reading_total.Inc();
  if (http2_ != nullptr) http2_->OnOutputDrained();
  if (stream_ != nullptr) stream_->OnOutputDrained();
}

// --- the end ---

void Session::CountClose(bool remote) {
  if (ended_) return;
  ended_ = true;
  const Stats& stats = config_->stats();
  const bool active = stream_ != nullptr || cut_ || (http2_ != nullptr && http2_->active());
  stats.downstream_cx_active.Dec();
  if (tls() != nullptr) stats.downstream_cx_ssl_active.Dec();
  if (speaks_http1_) stats.downstream_cx_http1_active.Dec();
  if (http2_ != nullptr) stats.downstream_cx_http2_active.Dec();
  stats.downstream_cx_destroy.Inc();
  if (active) stats.downstream_cx_destroy_active_rq.Inc();
  if (remote) {
    stats.downstream_cx_destroy_remote.Inc();
    if (active) stats.downstream_cx_destroy_remote_active_rq.Inc();
  } else {
    stats.downstream_cx_destroy_local.Inc();
    if (active) stats.downstream_cx_destroy_local_active_rq.Inc();
  }
  const event::TimePoint now = connection_.dispatcher().now();
  stats.downstream_cx_length_ms.Record(
      static_cast<uint64_t>((now - started_) / event::kMillisecond));
}

void Session::OnClosed(net::CloseReason reason, int) {
  if (reason == net::CloseReason::kLingerTimeout) {
    config_->stats().downstream_cx_delayed_close_timeout.Inc();
  }
  CountClose(peer_ended_ || !closing_);
  if (stream_ != nullptr) {
    stream_->Abort({Side::kDownstream, ErrorKind::kDownstreamClosed});
    FinishStream();
  }
  if (http2_ != nullptr) http2_->AbortAll({Side::kDownstream, ErrorKind::kDownstreamClosed});
  timer_.Disarm();
  owner_.OnSessionClosed(*this);
}

void Session::Drain() {
  if (http2_ != nullptr) {
    http2_->StartDrain();
    return;
  }
  closing_ = true;
  if (stream_ == nullptr) connection_.CloseAfterFlush(false);
}

void Session::Close() {
  CountClose(false);
  if (stream_ != nullptr) {
    stream_->Abort({Side::kLocal, ErrorKind::kLocalReset});
    stream_->Finish();
    stream_.reset();
  }
  finished_.reset();
  if (http2_ != nullptr) http2_->Drop();
  timer_.Disarm();
  connection_.Close();
}

}  // namespace remora::connection_manager
