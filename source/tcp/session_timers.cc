// Session's timers and its log records.

#include <algorithm>

#include "source/net/tls_facts.h"
#include "source/tcp/session.h"

namespace remora::tcp {

using http::ResponseFlag;

void Session::OnTimer(void* self) {
  auto* session = static_cast<Session*>(self);
  switch (session->phase_) {
    case Phase::kConnecting:
      session->Connect();
      return;
    case Phase::kRefusing:
      session->Refuse();
      return;
    default:
      session->OnIdleCheck();
      return;
  }
}

event::TimePoint Session::LastMoved() const {
  event::TimePoint last = std::max(started_, connection_.last_moved());
  if (upstream_ != nullptr) {
    last = std::max({last, upstream_->connected(), upstream_->connection().last_moved()});
  }
  return last;
}

// The timer is not moved for every byte: when it fires, it is asked when the last one moved.
void Session::OnIdleCheck() {
  const event::TimePoint idle_at = LastMoved() + config_->config().idle_timeout;
  if (connection_.dispatcher().now() < idle_at) {
    timer_.Arm(idle_at);
    return;
  }
  config_->stats().idle_timeout.Inc();
  Abort();
}

void Session::ArmDuration() {
  const Config& config = config_->config();
  if (config.max_connection_duration == 0) return;
  duration_timer_.emplace(connection_.dispatcher().timers(), &OnDurationOver, this);
  auto longest = static_cast<double>(config.max_connection_duration);
  event::Duration more = 0;
  longest *= config.max_connection_duration_jitter;
  if (longest >= 1) {
    base::Random& random = config_->services().worker.random;
    more = static_cast<event::Duration>(random.Below(static_cast<uint64_t>(longest)));
  }
  duration_timer_->Arm(started_ + config.max_connection_duration + more);
}

void Session::OnDurationOver(void* self) {
  auto* session = static_cast<Session*>(self);
  session->config_->stats().max_downstream_connection_duration.Inc();
  session->flags_.Set(ResponseFlag::kDurationTimeout);
  session->Abort();
}

void Session::ArmLogTimer() {
  const event::Duration interval = config_->config().access_log_interval;
  if (interval == 0) return;
  if (!log_timer_.has_value()) {
    log_timer_.emplace(connection_.dispatcher().timers(), &OnLogTimer, this);
  }
  log_timer_->Arm(connection_.dispatcher().now() + interval);
}

void Session::OnLogTimer(void* self) {
  auto* session = static_cast<Session*>(self);
  session->Log(formatter::LogType::kTcpPeriodic);
  session->ArmLogTimer();
}

// What came before there was an upstream connection counts too.
uint64_t Session::bytes_received() const {
  return connect_end_ == 0 ? early_bytes_ : std::max<uint64_t>(to_upstream_.bytes(), early_bytes_);
}

void Session::Log(formatter::LogType type) {
  if (config_->loggers().empty()) return;
  http::ConnectionFacts facts;
  facts.id = id_;
  facts.local = &local();
  facts.direct_remote = &direct_remote_;
  facts.tls = connection_.tls();
  facts.fingerprints = fingerprints_.get();
  facts.transport_failure = connection_.transport_failure();
  facts.requested_server_name = server_name_;
  if (facts.tls != nullptr) facts.requested_server_name = facts.tls->server_name();
  http::StreamInfo info;
  info.connection = &facts;
  info.downstream_remote = &remote_;
  event::Dispatcher& dispatcher = connection_.dispatcher();
  const int64_t wall_now = dispatcher.wall_now();
  info.start = started_;
  info.start_wall = wall_now - (dispatcher.now() - started_);
  if (phase_ == Phase::kOver) info.end = dispatcher.now();
  if (findings_ != nullptr) info.dynamic_metadata = &findings_->metadata;
  info.bytes_received = bytes_received();
  info.bytes_sent = to_client_.bytes();
  info.version_known = false;
  info.flags = flags_;
  info.cluster_name = cluster_name_;
  info.cluster_stat_name = cluster_stat_name_;
  info.upstream_host = host_;
  info.upstream_host_name = host_name_;
  if (host_address_.has_value()) info.upstream_remote = &*host_address_;
  if (upstream_local_.has_value()) info.upstream_local = &*upstream_local_;
  info.upstream_tls = upstream_tls_;
  info.upstream_failure = upstream_failure_;
  info.upstream_attempts = attempts_;
  info.upstream_connection_id = upstream_id_;
  info.upstream_connect_begin = connect_begin_;
  info.upstream_connect_end = connect_end_;
  formatter::Exchange exchange{info};
  exchange.log_type = type;
  exchange.now = dispatcher.now();
  exchange.wall_now = wall_now;
  const upstream::WorkerResources& worker = config_->services().worker;
  config_->loggers().Log(exchange, {*worker.runtime, worker.random});
}

}  // namespace remora::tcp
