#include "source/server/active_listener.h"

#include <utility>

#include "source/base/check.h"
#include "source/http/connection_manager/session.h"
#include "source/net/plaintext.h"
#include "source/net/tls_facts.h"

namespace remora::server {

using connection_manager::WorkerConfig;

ActiveListener::ActiveListener(std::shared_ptr<const config::ListenerConfig> config,
                               net::Socket socket,
                               const connection_manager::WorkerServices& services,
                               const ListenerScopes& scopes, stats::Scope& worker_scope,
                               std::atomic<uint64_t>& connections)
    : config_(std::move(config)),
      dispatcher_(services.worker.dispatcher),
      services_(services),
      worker_config_(std::make_shared<WorkerConfig>(
          config_->http, services, config_->per_connection_buffer_limit,
          WorkerConfig::Scopes{*scopes.http, *scopes.listener_http, *scopes.http1}, scopes.drain)),
      stats_(scopes.listener->Make<ListenerStats>(services.worker.shard)),
      worker_stats_(worker_scope.Make<ListenerWorkerStats>(services.worker.shard)),
      connections_(connections),
      listener_(dispatcher_, std::move(socket), *this, config_->max_accepts_per_event) {
  if (config_->transport != nullptr) {
    transports_ = config_->transport->ForWorker(*scopes.listener, services.worker.shard);
  }
  if (config_->access_log.empty()) return;
  CHECK(services.log_files != nullptr);
  loggers_ = access_log::WorkerLoggers(config_->access_log, *services.log_files);
}

ActiveListener::~ActiveListener() = default;

void ActiveListener::DrainSessions() {
  // A session that ends at once takes itself out of the list: backwards, the ones still to come
  // stay where they are.
  for (size_t i = sessions_.size(); i > 0; --i) sessions_[i - 1]->Drain();
}

// One record a connection, at its end.
void ActiveListener::Log(net::DownstreamSession& session) {
  const net::SessionTotals totals = session.totals();
  http::ConnectionFacts facts;
  facts.id = totals.id;
  facts.local = &session.local();
  facts.direct_remote = &session.remote();
  facts.filter_chain_name = config_->filter_chain_name;
  facts.transport_failure = totals.transport_failure;
  if (totals.tls != nullptr) facts.requested_server_name = totals.tls->server_name();
  facts.tls = totals.tls;
  http::StreamInfo info;
  info.connection = &facts;
  info.downstream_remote = &session.remote();
  info.start = totals.started;
  info.start_wall = services_.dates.Wall(info.start);
  info.end = dispatcher_.now();
  info.bytes_received = totals.bytes_received;
  info.bytes_sent = totals.bytes_sent;
  info.version_known = totals.protocol_known;
  if (totals.broke_protocol) info.flags.Set(http::ResponseFlag::kDownstreamProtocolError);
  formatter::Exchange exchange{info};
  exchange.now = info.end;
  exchange.wall_now = services_.dates.Wall(info.end);
  loggers_.Log(exchange, {*services_.worker.runtime, services_.worker.random});
}

std::unique_ptr<net::TransportSocket> ActiveListener::MakeTransport(const net::Address& remote) {
  if (transports_ == nullptr) return std::make_unique<net::Plaintext>();
  net::TransportOptions options;
  options.peer = &remote;
  return transports_->Make(options);
}

void ActiveListener::OnAccept(net::Socket socket, const net::Address& remote) {
  std::unique_ptr<net::TransportSocket> transport = MakeTransport(remote);
  stats_.downstream_cx_total.Inc();
  if (transport == nullptr) {
    stats_.downstream_cx_destroy.Inc();
    return;
  }
  stats_.downstream_cx_active.Inc();
  worker_stats_.downstream_cx_total.Inc();
  worker_stats_.downstream_cx_active.Inc();
  upstream::AddOwn<uint64_t>(connections_, 1);
  net::Accepted accepted;
  accepted.socket = std::move(socket);
  accepted.remote = remote;
  accepted.direct_remote = remote;
  accepted.transport = std::move(transport);
  auto session =
      std::make_unique<connection_manager::Session>(worker_config_, *this, std::move(accepted));
  session->index = sessions_.size();
  net::DownstreamSession& started = *session;
  sessions_.push_back(std::move(session));
  // Asked while there is a socket.
  if (!loggers_.empty()) started.local();
  started.Start();
}

void ActiveListener::OnSessionClosed(net::DownstreamSession& session) {
  stats_.downstream_cx_destroy.Inc();
  stats_.downstream_cx_active.Dec();
  worker_stats_.downstream_cx_active.Dec();
  upstream::AddOwn<uint64_t>(connections_, UINT64_MAX);
  stats_.downstream_cx_length_ms.Record(
      static_cast<uint64_t>((dispatcher_.now() - session.totals().started) / event::kMillisecond));
  if (!loggers_.empty()) Log(session);
  const size_t index = session.index;
  std::unique_ptr<net::DownstreamSession> owned = std::move(sessions_[index]);
  if (index + 1 != sessions_.size()) {
    sessions_[index] = std::move(sessions_.back());
    sessions_[index]->index = index;
  }
  sessions_.pop_back();
  dispatcher_.DeferDelete(std::move(owned));
}

}  // namespace remora::server
