#include "source/server/active_listener.h"

#include <utility>

#include "source/base/check.h"
#include "source/net/tls_facts.h"

namespace remora::server {

ActiveListener::ActiveListener(std::shared_ptr<const config::ListenerConfig> config,
                               net::Socket socket,
                               const connection_manager::WorkerServices& services,
                               const ListenerScopes& scopes, stats::Scope& worker_scope,
                               std::atomic<uint64_t>& connections)
    : config_(std::move(config)),
      dispatcher_(services.worker.dispatcher),
      services_(services),
      stats_(scopes.listener->Make<ListenerStats>(services.worker.shard)),
      worker_stats_(worker_scope.Make<ListenerWorkerStats>(services.worker.shard)),
      connections_(connections),
      listener_(dispatcher_, std::move(socket), *this, config_->max_accepts_per_event) {
  const auto chains = config_->AllChains();
  for (size_t i = 0; i < chains.size(); ++i) {
    chains_.push_back(std::make_unique<ListenerChain>(
        chains[i], scopes.chains[i],
        ListenerChain::Surroundings{config_->per_connection_buffer_limit, services,
                                    *scopes.listener, scopes.drain}));
  }
  if (config_->index == nullptr) {
    only_chain_ = chains_.back().get();
  } else if (config_->index->only().has_value()) {
    only_chain_ = chains_[*config_->index->only()].get();
  }
  if (config_->access_log.empty()) return;
  CHECK(services.log_files != nullptr);
  loggers_ = access_log::WorkerLoggers(config_->access_log, *services.log_files);
}

ActiveListener::~ActiveListener() = default;

void ActiveListener::DrainSessions() {
  // A session that ends at once takes itself out of the list: backwards, the ones still to come
  // stay where they are.
  for (size_t i = sessions_.size(); i > 0; --i) sessions_[i - 1].session->Drain();
}

// One record a connection, at its end.
void ActiveListener::Log(const Open& open) {
  const net::SessionTotals totals = open.session->totals();
  http::ConnectionFacts facts;
  facts.id = totals.id;
  facts.local = &open.session->local();
  facts.direct_remote = &open.session->remote();
  facts.filter_chain_name = open.chain->config().name;
  facts.transport_failure = totals.transport_failure;
  if (totals.tls != nullptr) facts.requested_server_name = totals.tls->server_name();
  facts.tls = totals.tls;
  if (open.refusal != nullptr) facts.termination_details = open.refusal->reason;
  http::StreamInfo info;
  info.connection = &facts;
  info.downstream_remote = &open.session->remote();
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

void ActiveListener::OnAccept(net::Socket socket, const net::Address& remote) {
  net::Findings findings;
  findings.accepted.socket = std::move(socket);
  findings.accepted.remote = remote;
  findings.accepted.direct_remote = remote;
  Begin(std::move(findings));
}

ListenerChain* ActiveListener::Choose(net::Findings& findings) {
  if (only_chain_ != nullptr) [[likely]]
    return only_chain_;
  net::Accepted& accepted = findings.accepted;
  if (!accepted.local.has_value()) accepted.local = net::LocalAddress(accepted.socket.fd());
  net::ConnectionTraits traits{*accepted.local,      accepted.remote,
                               accepted.direct_remote, accepted.server_name,
                               "raw_buffer",          &findings.application_protocols};
  if (!findings.transport_protocol.empty()) traits.transport_protocol = findings.transport_protocol;
  const std::optional<size_t> found = config_->index->Find(traits);
  if (found.has_value()) return chains_[*found].get();
  return config_->default_filter_chain != nullptr ? chains_.back().get() : nullptr;
}

void ActiveListener::Begin(net::Findings findings) {
  ListenerChain* chain = Choose(findings);
  if (chain == nullptr) {
    RefuseUnmatched(findings);
    return;
  }
  StartSession(*chain, std::move(findings.accepted));
}

void ActiveListener::RefuseUnmatched(net::Findings& findings) {
  stats_.no_filter_chain_match.Inc();
  if (loggers_.empty()) return;
  http::ConnectionFacts facts;
  facts.local = &*findings.accepted.local;
  facts.direct_remote = &findings.accepted.direct_remote;
  facts.requested_server_name = findings.accepted.server_name;
  http::StreamInfo info;
  info.connection = &facts;
  info.downstream_remote = &findings.accepted.remote;
  info.start = info.end = dispatcher_.now();
  info.start_wall = services_.dates.Wall(info.start);
  info.response_code_details = "filter_chain_not_found";
  info.version_known = false;
  info.flags.Set(http::ResponseFlag::kNoRouteFound);
  formatter::Exchange exchange{info};
  exchange.now = info.end;
  exchange.wall_now = info.start_wall;
  loggers_.Log(exchange, {*services_.worker.runtime, services_.worker.random});
}

void ActiveListener::StartSession(ListenerChain& chain, net::Accepted accepted) {
  stats_.downstream_cx_total.Inc();
  accepted.transport = chain.MakeTransport(accepted.direct_remote);
  if (accepted.transport == nullptr) {
    stats_.downstream_cx_destroy.Inc();
    return;
  }
  stats_.downstream_cx_active.Inc();
  worker_stats_.downstream_cx_total.Inc();
  worker_stats_.downstream_cx_active.Inc();
  upstream::AddOwn<uint64_t>(connections_, 1);
  std::unique_ptr<Refusal> refusal;
  event::Duration delay = 0;
  if (chain.guarded()) {
    if (!accepted.local.has_value()) accepted.local = net::LocalAddress(accepted.socket.fd());
    net::GuardedConnection connection(accepted);
    if (chain.Admit(connection) == net::Admission::kRefuse) {
      refusal = std::make_unique<Refusal>(dispatcher_, *this);
      refusal->reason = std::move(connection.refusal);
      delay = connection.delay;
    }
  }
  // A refused one gets its session, which counts it, but never starts it.
  std::unique_ptr<net::DownstreamSession> session = chain.MakeSession(*this, std::move(accepted));
  net::DownstreamSession& started = *session;
  started.index = sessions_.size();
  // Asked while there is a socket.
  if (!loggers_.empty()) started.local();
  if (refusal != nullptr) {
    refusal->session = &started;
    refusal->timer.Arm(dispatcher_.now() + delay);
  }
  const bool admitted = refusal == nullptr;
  sessions_.push_back({std::move(session), &chain, std::move(refusal)});
  if (admitted) started.Start();
}

void ActiveListener::OnRefusalEnd(void* refusal) {
  auto* ended = static_cast<Refusal*>(refusal);
  ended->session->Close();
  ended->listener.OnSessionClosed(*ended->session);
}

void ActiveListener::OnSessionClosed(net::DownstreamSession& session) {
  stats_.downstream_cx_destroy.Inc();
  stats_.downstream_cx_active.Dec();
  worker_stats_.downstream_cx_active.Dec();
  upstream::AddOwn<uint64_t>(connections_, UINT64_MAX);
  stats_.downstream_cx_length_ms.Record(
      static_cast<uint64_t>((dispatcher_.now() - session.totals().started) / event::kMillisecond));
  const size_t index = session.index;
  Open ended = std::move(sessions_[index]);
  if (!loggers_.empty()) Log(ended);
  if (ended.refusal == nullptr) ended.chain->OnConnectionEnd();
  if (index + 1 != sessions_.size()) {
    sessions_[index] = std::move(sessions_.back());
    sessions_[index].session->index = index;
  }
  sessions_.pop_back();
  dispatcher_.DeferDelete(std::move(ended.session));
}

}  // namespace remora::server
