#include "source/tcp/session.h"

#include <errno.h>

#include <algorithm>
#include <utility>

#include "source/base/hash.h"
#include "source/base/log.h"
#include "source/net/tls_facts.h"

namespace remora::tcp {

using http::ResponseFlag;
using Failure = Upstream::Failure;
using Resource = upstream::ClusterRuntime::Resource;

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
      direct_remote_(std::move(accepted.direct_remote)),
      local_(accepted.local.has_value()
                 ? std::make_unique<const net::Address>(*std::move(accepted.local))
                 : nullptr),
      server_name_(std::move(accepted.server_name)),
      fingerprints_(std::move(accepted.fingerprints)),
      // The worker's index in the low bits keeps numbers of different workers apart.
      id_(++config_->services().last_connection << 10 | config_->services().worker.index),
      started_(config_->services().worker.dispatcher.now()),
      backoff_(config_->config().backoff_base),
      timer_(config_->services().worker.dispatcher.timers(), &OnTimer, this),
      turn_end_(&OnTurnEnd, this),
      connection_(config_->services().worker.dispatcher, config_->services().worker.blocks,
                  std::move(accepted.socket), std::move(accepted.transport), *this,
                  ConnectionOptions(*config_)),
      to_upstream_(config_->services().pipes),
      to_client_(config_->services().pipes) {
  cluster_name_ = std::move(accepted.cluster);
  config_->stats().downstream_cx_total.Inc();
}

Session::~Session() { Close(); }

std::unique_ptr<Session::Findings> Session::TakeFindings(net::Accepted& accepted) {
  if (accepted.metadata.empty() && accepted.tlvs.empty() && !accepted.local_restored &&
      accepted.source == nullptr) {
    return nullptr;
  }
  auto findings = std::make_unique<Findings>();
  for (net::ConnectionValue& value : accepted.metadata) {
    http::PutText(findings->metadata, value.name_space, value.key, std::move(value.value));
  }
  findings->local_restored = accepted.local_restored;
  findings->tlvs = std::move(accepted.tlvs);
  findings->source = std::move(accepted.source);
  return findings;
}

net::Passage& Session::passage() {
  if (passage_ == nullptr) {
    std::vector<net::ConnectionTlv> tlvs;
    std::shared_ptr<const net::Source> source;
    if (findings_ != nullptr) {
      tlvs = std::move(findings_->tlvs);
      source = findings_->source;
    }
    passage_ = std::make_unique<net::Passage>(remote_, local(), std::move(tlvs), std::move(source));
  }
  return *passage_;
}

const net::Address& Session::local() {
  if (local_ == nullptr) {
    local_ = std::make_unique<const net::Address>(connection_.LocalAddress());
  }
  return *local_;
}

net::SessionTotals Session::totals() const {
  net::SessionTotals totals;
  totals.id = id_;
  totals.started = started_;
  totals.bytes_received = connection_.bytes_received();
  totals.bytes_sent = connection_.bytes_sent();
  totals.handshaking = connection_.handshaking();
  totals.tls = connection_.tls();
  totals.fingerprints = fingerprints_.get();
  totals.transport_failure = connection_.transport_failure();
  return totals;
}

void Session::Start() {
  const Config& config = config_->config();
  // Asked while there is a socket.
  if (!config_->loggers().empty()) local();
  if (config.access_log_on_start) Log(formatter::LogType::kTcpConnectionStart);
  ArmDuration();
  ArmLogTimer();
  if (!config.reads_early) connection_.PauseReading();
  if (config.holds_handshake) connection_.HoldHandshake();
  connection_.StartAccepted();
  holding_ = config.holds_handshake && connection_.handshaking();
  if (config.connect_mode == ConnectMode::kOnData ||
      (config.connect_mode == ConnectMode::kOnHandshake && connection_.handshaking())) {
    phase_ = Phase::kWaiting;
    if (config.idle_timeout > 0) timer_.Arm(started_ + config.idle_timeout);
    return;
  }
  Connect();
}

// The client's handshake is done.
void Session::OnConnected() {
  if (phase_ == Phase::kOpen) {
    upstream_->connection().ResumeReading();
  } else if (phase_ == Phase::kWaiting &&
             config_->config().connect_mode == ConnectMode::kOnHandshake) {
    Connect();
  }
}

void Session::OnHandshakeHeld() {
  greeted_ = true;
  if (phase_ == Phase::kRefusing) Refuse();
}

// --- the upstream connection ---

void Session::Connect() {
  phase_ = Phase::kConnecting;
  timer_.Disarm();
  const Config& config = config_->config();
  if (cluster_name_.empty()) {
    cluster_name_ = PickCluster(config, config_->services().worker.random.Next());
  }
  upstream::ClusterRuntime* cluster = config_->services().clusters.Find(cluster_name_);
  if (cluster == nullptr) {
    config_->stats().downstream_cx_no_route.Inc();
    flags_.Set(ResponseFlag::kNoClusterFound);
    cluster_name_.clear();
    Refuse();
    return;
  }
  cluster_stat_name_ = cluster->config().alt_stat_name;
  switch (BeginUpstream(*cluster)) {
    case Failure::kNone:
      return;
    case Failure::kNoHost:
      flags_.Set(ResponseFlag::kNoHealthyUpstream);
      Refuse();
      return;
    case Failure::kOverflow:
      flags_.Set(ResponseFlag::kUpstreamOverflow);
      Refuse();
      return;
    case Failure::kRefused:
      flags_.Set(ResponseFlag::kUpstreamConnectionFailure);
      TryAgain();
      return;
    case Failure::kNoAttemptLeft:
      cluster->stats().upstream_cx_connect_attempts_exceeded.Inc();
      flags_.Set(ResponseFlag::kUpstreamRetryLimitExceeded);
      Refuse();
      return;
    default:
      TryAgain();
      return;
  }
}

Failure Session::BeginUpstream(upstream::ClusterRuntime& cluster) {
  // In Envoy's order: an open breaker counts before the number of attempts.
  if (!cluster.Allows(Resource::kConnection, upstream::Priority::kDefault)) {
    cluster.stats().upstream_cx_overflow.Inc();
    return Failure::kOverflow;
  }
  if (attempts_ >= config_->config().max_connect_attempts) return Failure::kNoAttemptLeft;
  constexpr uint32_t kMorePicks = 3;
  upstream::HostWish wish;
  if (failed_host_ != nullptr) {
    wish.avoid = &failed_host_;
    wish.avoid_count = 1;
    wish.more_picks = kMorePicks;
  }
  if (config_->config().hash_source_ip && cluster.wants_hash() && remote_.is_ip()) {
    wish.hash = base::XxHash64(remote_.IpString());
  }
  if (cluster.wants_passage() || (findings_ != nullptr && findings_->source != nullptr)) {
    wish.passage = &passage();
  }
  std::optional<net::Address> destination;
  if (cluster.wants_destination() && findings_ != nullptr) {
    destination = cluster.FindDestination(&findings_->metadata, nullptr,
                                          findings_->local_restored ? &local() : nullptr);
  }
  if (destination.has_value()) wish.destination = &*destination;
  connect_begin_ = connection_.dispatcher().now();
  Failure failure = Failure::kNone;
  upstream_ = Upstream::Begin(*this, cluster, wish, failure);
  if (failure != Failure::kNoHost) ++attempts_;
  if (upstream_ == nullptr) return failure;
  if (!config_->loggers().empty()) {
    host_ = upstream_->host().address_text();
    host_name_ = upstream_->host().config().hostname;
    host_address_ = upstream_->host().address();
    upstream_id_ = upstream_->id();
  }
  return Failure::kNone;
}

void Session::OnConnectFailed(Failure failure) {
  if (failure == Failure::kRefused || failure == Failure::kTimeout) {
    flags_.Set(ResponseFlag::kUpstreamConnectionFailure);
  }
  upstream_failure_ = upstream_->failure_text();
  failed_host_ = &upstream_->host();
  DropUpstream();
  TryAgain();
}

// Never on the stack of the attempt that failed.
void Session::TryAgain() {
  const Config& config = config_->config();
  if (config.backoff_base == 0 || attempts_ >= config.max_connect_attempts) {
    connection_.dispatcher().AtTurnEnd(turn_end_);
    return;
  }
  base::Random& random = config_->services().worker.random;
  timer_.Arm(connection_.dispatcher().now() +
             static_cast<event::Duration>(random.Below(static_cast<uint64_t>(backoff_))));
  backoff_ = backoff_ < config.backoff_max / 2 ? backoff_ * 2 : config.backoff_max;
}

void Session::OnTurnEnd(void* self) { static_cast<Session*>(self)->Connect(); }

void Session::OnUpstreamConnected() {
  phase_ = Phase::kOpen;
  net::Connection& upstream = upstream_->connection();
  connect_end_ = connection_.dispatcher().now();
  upstream_failure_.clear();
  // A pipe's bytes are seen by nobody, so nobody may have to change them.
  const bool plain = connection_.tls() == nullptr && upstream.tls() == nullptr;
  to_upstream_.Connect(connection_, upstream, plain);
  to_client_.Connect(upstream, connection_, plain);
  if (!config_->loggers().empty()) {
    upstream_local_ = upstream.LocalAddress();
    if (upstream.tls() != nullptr) upstream_tls_ = upstream.tls()->Keep();
  }
  const Config& config = config_->config();
  if (config.access_log_on_connected) Log(formatter::LogType::kTcpUpstreamConnected);
  if (config.idle_timeout > 0) timer_.Arm(connect_end_ + config.idle_timeout);
  if (holding_) {
    holding_ = false;
    connection_.ReleaseHandshake();
  }
  // Nothing can be sent to the client before its handshake is done: nothing is taken for it.
  if (connection_.handshaking()) upstream.PauseReading();
  // What came early is offered now.
  connection_.ResumeReading();
  if (client_ended_early_ && connection_.input().empty()) OnInputEnd();
}

// It may be on the stack.
void Session::DropUpstream() {
  to_upstream_.Disconnect();
  to_client_.ForgetSender();
  connection_.dispatcher().DeferDelete(std::move(upstream_));
}

// --- bytes ---

void Session::OnInput(buffer::Buffer& input) {
  if (phase_ == Phase::kOpen) {
    to_upstream_.OnInput(input);
    if (client_ended_early_) {
      OnInputEnd();
    } else if (config_->config().drain_closes) {
      MaybeDrain();
    }
    return;
  }
  if (phase_ != Phase::kWaiting && phase_ != Phase::kConnecting) {
    input.Clear();
    return;
  }
  if (input.length() == early_bytes_) return;  // offered again, with nothing new
  config_->stats().early_data_received_count_total.Inc();
  early_bytes_ = input.length();
  if (early_bytes_ > config_->config().max_early_bytes) connection_.PauseReading();
  if (phase_ == Phase::kWaiting && config_->config().connect_mode == ConnectMode::kOnData) {
    Connect();
  }
}

void Session::OnPiped(size_t bytes) {
  to_upstream_.OnPiped(bytes);
  if (config_->config().drain_closes) MaybeDrain();
}

void Session::OnInputEnd() {
  switch (phase_) {
    case Phase::kOpen:
      to_upstream_.OnInputEnd();
      // As Envoy: TLS that ends without saying so has ended both ways.
      if (to_client_.ended() || connection_.input_cut()) {
        CountFlush();
        CloseBoth(Upstream::EndedBy::kUs);
      }
      return;
    case Phase::kConnecting:
      client_ended_early_ = true;
      return;
    case Phase::kWaiting:
      Refuse();  // there will be no first byte
      return;
    default:
      return;
  }
}

void Session::OnUpstreamInput(buffer::Buffer& input) { to_client_.OnInput(input); }

void Session::OnUpstreamPiped(size_t bytes) { to_client_.OnPiped(bytes); }

void Session::OnUpstreamInputEnd() {
  to_client_.OnInputEnd();
  if (to_upstream_.ended() || upstream_->connection().input_cut()) {
    CloseBoth(Upstream::EndedBy::kHost);
  }
}

// --- back-pressure ---

void Session::OnOutputFull() {
  if (phase_ != Phase::kOpen) return;
  upstream_->CountPaused();
  upstream_->connection().PauseReading();
}

void Session::OnOutputDrained() {
  if (phase_ != Phase::kOpen) return;
  upstream_->CountResumed();
  upstream_->connection().ResumeReading();
}

void Session::OnUpstreamFull() {
  if (phase_ != Phase::kOpen) return;
  config_->stats().downstream_flow_control_paused_reading_total.Inc();
  connection_.PauseReading();
}

void Session::OnUpstreamDrained() {
  if (phase_ != Phase::kOpen) return;
  config_->stats().downstream_flow_control_resumed_reading_total.Inc();
  connection_.ResumeReading();
}

// --- the end ---

void Session::Refuse() {
  timer_.Disarm();
  if (holding_ && !greeted_ && phase_ != Phase::kRefusing) {
    phase_ = Phase::kRefusing;
    timer_.Arm(connection_.dispatcher().now() + net::Connection::kDefaultLinger);
    return;
  }
  phase_ = Phase::kClosing;
  connection_.CloseAfterFlush(false);
}

void Session::CloseBoth(Upstream::EndedBy by) {
  phase_ = Phase::kClosing;
  ended_by_ = by;
  // Neither waits for the other, and only idleness bounds how long a slow reader takes.
  connection_.CloseAfterFlush(false, 0);
  upstream_->connection().CloseAfterFlush(false, 0);
}

// The client is gone, and the host has not got everything.
void Session::CountFlush() {
  if (flushing_) return;
  flushing_ = !upstream_->connection().output().empty() || to_upstream_.pipe_filled();
  if (!flushing_) return;
  config_->stats().upstream_flush_total.Inc();
  config_->stats().upstream_flush_active.Inc();
}

void Session::MaybeDrain() {
  if (phase_ != Phase::kOpen || !config_->DrainCloses()) return;
  config_->stats().downstream_cx_drain_close.Inc();
  CloseBoth(Upstream::EndedBy::kUs);
}

void Session::Drain() { MaybeDrain(); }

void Session::OnClosed(net::CloseReason, int error) {
  if (upstream_ == nullptr) {
    Finish();
    return;
  }
  if (phase_ == Phase::kOpen && error != ECONNRESET) {
    // It can take nothing any more, but what it sent may still arrive.
    CloseBoth(Upstream::EndedBy::kUs);
  }
  if (phase_ == Phase::kClosing) {
    CountFlush();
    return;
  }
  upstream_->End(Upstream::EndedBy::kUs, phase_ == Phase::kOpen);
  DropUpstream();
  Finish();
}

void Session::OnUpstreamClosed(int error) {
  const bool reset = error == ECONNRESET;
  if (phase_ == Phase::kClosing) {
    upstream_->End(ended_by_);
    DropUpstream();
    if (connection_.closed()) Finish();
    return;
  }
  upstream_->End(Upstream::EndedBy::kHost);
  DropUpstream();
  if (!reset) {
    Refuse();
    return;
  }
  flags_.Set(ResponseFlag::kUpstreamRemoteReset);
  net::ResetOnClose(connection_.fd());
  Abort();
}

void Session::Abort() {
  connection_.ResetIfCut();
  connection_.Close();
  if (upstream_ != nullptr) {
    upstream_->connection().ResetIfCut();
    upstream_->End(Upstream::EndedBy::kUs);
    DropUpstream();
  }
  Finish();
}

void Session::Finish() {
  if (phase_ == Phase::kOver) return;
  NoteEnd();
  owner_.OnSessionClosed(*this);
}

void Session::Close() {
  if (phase_ == Phase::kOver) return;
  connection_.Close();
  to_upstream_.Disconnect();
  to_client_.Disconnect();
  if (upstream_ != nullptr) upstream_->End(Upstream::EndedBy::kUs);
  NoteEnd();
}

// Nothing that was asked for comes any more.
void Session::NoteEnd() {
  if (flushing_) config_->stats().upstream_flush_active.Dec();
  phase_ = Phase::kOver;
  timer_.Disarm();
  if (duration_timer_.has_value()) duration_timer_->Disarm();
  if (log_timer_.has_value()) log_timer_->Disarm();
  turn_end_.Unlink();
  to_client_.Disconnect();
  Log(formatter::LogType::kTcpConnectionEnd);
}

}  // namespace remora::tcp
