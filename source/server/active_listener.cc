#include "source/server/active_listener.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/check.h"
#include "source/net/tls_facts.h"

namespace remora::server {
namespace {

constexpr std::string_view kGlobalLimit = "overload.global_downstream_max_connections";

uint64_t Milliseconds(event::Duration duration) {
  return static_cast<uint64_t>(duration / event::kMillisecond);
}

}  // namespace

ActiveListener::ActiveListener(std::shared_ptr<const config::ListenerConfig> config,
                               std::vector<net::Socket> sockets, const ListenerScopes& scopes,
                               const Surroundings& surroundings)
    : scopes_keeper_(scopes.keeper),
      config_(std::move(config)),
      dispatcher_(surroundings.services.worker.dispatcher),
      services_(surroundings.services),
      directory_(surroundings.directory),
      usage_(scopes.usage),
      global_usage_(scopes.global_usage),
      limit_key_(
          absl::StrCat("envoy.resource_limits.listener.", config_->name, ".connection_limit")),
      pipes_(surroundings.pipes),
      stats_(scopes.listener->Make<ListenerStats>(services_.worker.shard)),
      worker_stats_(surroundings.worker_scope.Make<ListenerWorkerStats>(services_.worker.shard)),
      connections_(surroundings.connections) {
  MakeChains(scopes, {});
  ReadConfig();
  made_of_ = config_;
  for (size_t i = 0; i < config_->listener_filters.size(); ++i) {
    const net::ListenerFilterFactory& factory = config_->listener_filters[i];
    filters_.filters.push_back(
        factory.create(factory.config.get(), {*scopes.filters[i], services_.worker.shard}));
  }
  OnRuntime();
  for (net::Socket& socket : sockets) {
    addresses_.push_back(net::LocalAddress(socket.fd()));
    listeners_.push_back(std::make_unique<net::Listener>(dispatcher_, std::move(socket), *this,
                                                         config_->max_accepts_per_event));
  }
  if (config_->binds) return;
  addresses_ = config_->additional_addresses;
  addresses_.push_back(config_->address);
}

ActiveListener::~ActiveListener() = default;

// `known` are those of the version before; the ones that stay move over.
void ActiveListener::MakeChains(const ListenerScopes& scopes,
                                std::vector<std::unique_ptr<ListenerChain>> known) {
  const auto configs = config_->AllChains();
  chains_.clear();
  for (size_t i = 0; i < configs.size(); ++i) {
    const auto same = std::find_if(known.begin(), known.end(), [&](const auto& chain) {
      return chain != nullptr && chain->shared_config() == configs[i];
    });
    if (same != known.end()) {
      (*same)->Keep(scopes.keeper);
      chains_.push_back(std::move(*same));
      continue;
    }
    chains_.push_back(std::make_unique<ListenerChain>(
        configs[i], scopes.chains[i],
        ListenerChain::Surroundings{config_->per_connection_buffer_limit, services_, pipes_,
                                    *scopes.listener, scopes.drain, scopes.keeper}));
  }
  only_chain_ = nullptr;
  if (config_->index == nullptr) {
    only_chain_ = chains_.back().get();
  } else if (config_->index->only().has_value()) {
    only_chain_ = chains_[*config_->index->only()].get();
  }
  for (auto& chain : known) {
    if (chain != nullptr) leaving_.push_back(std::move(chain));
  }
}

// What stands in the configuration and is used from there.
void ActiveListener::ReadConfig() {
  filters_.factories = &config_->listener_filters;
  filters_.timeout = config_->listener_filters_timeout;
  filters_.continues_on_timeout = config_->continues_on_timeout;
  if (config_->access_log.empty()) return;
  CHECK(services_.log_files != nullptr);
  loggers_ = access_log::WorkerLoggers(config_->access_log, *services_.log_files);
}

void ActiveListener::Adopt(std::shared_ptr<const config::ListenerConfig> config,
                           const ListenerScopes& scopes, const net::Drain* leaving) {
  config_ = std::move(config);
  scopes_keeper_ = scopes.keeper;
  MakeChains(scopes, std::exchange(chains_, {}));
  ReadConfig();
  for (auto& chain : leaving_) {
    if (chain->leaving() == nullptr) chain->Leave(leaving);
    if (chain->sessions == 0) dispatcher_.DeferDelete(std::move(chain));
  }
  std::erase(leaving_, nullptr);
}

void ActiveListener::Retire(bool last, absl::AnyInvocable<void()> when_empty) {
  if (last) {
    StopAccepting();
  } else {
    stopped_ = true;
    for (const auto& listener : listeners_) listener->Leave();
  }
  WhenEmpty(std::move(when_empty));
}

void ActiveListener::WhenEmpty(absl::AnyInvocable<void()> when_empty) {
  when_empty_ = std::move(when_empty);
  TellIfEmpty();
}

void ActiveListener::TellIfEmpty() {
  if (when_empty_ == nullptr || !empty()) return;
  dispatcher_.Post(std::exchange(when_empty_, nullptr));
}

void ActiveListener::EndSessions(const net::Drain* leaving) {
  // One that ends takes itself out of the list, and the last one takes its place.
  for (size_t i = sessions_.size(); i > 0; --i) {
    if (leaving != nullptr && sessions_[i - 1].chain->leaving() != leaving) continue;
    net::DownstreamSession& session = *sessions_[i - 1].session;
    session.Close();
    OnSessionClosed(session);
  }
  while (leaving == nullptr && !pending_.empty()) {
    PendingConnection& connection = *pending_.back();
    connection.Stop();
    OnPendingEnd(connection, End::kTimeout);
  }
}

void ActiveListener::StopAccepting() {
  stopped_ = true;
  for (const auto& listener : listeners_) listener->Stop();
}

void ActiveListener::DrainSessions() {
  // A session that ends at once takes itself out of the list: backwards, the ones still to come
  // stay where they are.
  for (size_t i = sessions_.size(); i > 0; --i) sessions_[i - 1].session->Drain();
}

// --- limits ---

void ActiveListener::OnRuntime() {
  const runtime::Snapshot& runtime = *services_.worker.runtime;
  limit_ = usage_ == nullptr ? UINT64_MAX : runtime.Integer(limit_key_, UINT64_MAX);
  global_limit_ = global_usage_ == nullptr || config_->ignores_global_limit
                      ? UINT64_MAX
                      : runtime.Integer(kGlobalLimit, UINT64_MAX);
}

bool ActiveListener::WithinLimits() {
  if (limit_ != UINT64_MAX && usage_->Sum() >= limit_) {
    stats_.downstream_cx_overflow.Inc();
    return false;
  }
  if (global_limit_ != UINT64_MAX && global_usage_->Sum() >= global_limit_) {
    stats_.downstream_global_cx_overflow.Inc();
    return false;
  }
  return true;
}

void ActiveListener::Count() {
  if (usage_ != nullptr) usage_->Add(services_.worker.index);
  if (global_usage_ != nullptr) global_usage_->Add(services_.worker.index);
}

void ActiveListener::Uncount() {
  if (usage_ != nullptr) usage_->Remove(services_.worker.index);
  if (global_usage_ != nullptr) global_usage_->Remove(services_.worker.index);
}

// --- from the socket to the chain ---

void ActiveListener::OnAccept(net::Socket socket, const net::Address& remote) {
  if (!WithinLimits()) return;
  if (config_->balances && usage_ != nullptr) {
    const size_t least = usage_->AddToLeast(services_.worker.index);
    if (least != services_.worker.index) {
      usage_->worker(least).Give(*usage_, std::move(socket), remote);
      return;
    }
    Take(std::move(socket), remote);
    return;
  }
  Count();
  net::Findings findings;
  findings.accepted.socket = std::move(socket);
  findings.accepted.remote = remote;
  findings.accepted.direct_remote = remote;
  Inspect(std::move(findings));
}

// The giver has counted it for this worker's listener.
void ActiveListener::Take(net::Socket socket, const net::Address& remote) {
  if (global_usage_ != nullptr) global_usage_->Add(services_.worker.index);
  net::Findings findings;
  findings.accepted.socket = std::move(socket);
  findings.accepted.remote = remote;
  findings.accepted.direct_remote = remote;
  Inspect(std::move(findings));
}

void ActiveListener::Inspect(net::Findings findings) {
  if (filters_.filters.empty()) [[likely]] {
    Begin(std::move(findings));
    return;
  }
  stats_.downstream_pre_cx_active.Inc();
  auto pending =
      std::make_unique<PendingConnection>(dispatcher_, filters_, *this, std::move(findings));
  PendingConnection& started = *pending;
  started.index = pending_.size();
  pending_.push_back(std::move(pending));
  started.Start();
}

void ActiveListener::Forget(PendingConnection& connection) {
  stats_.downstream_pre_cx_active.Dec();
  const size_t index = connection.index;
  std::unique_ptr<PendingConnection> ended = std::move(pending_[index]);
  if (index + 1 != pending_.size()) {
    pending_[index] = std::move(pending_.back());
    pending_[index]->index = index;
  }
  pending_.pop_back();
  dispatcher_.DeferDelete(std::move(ended));
}

void ActiveListener::OnInspected(PendingConnection& connection, bool timed_out) {
  if (timed_out) stats_.downstream_pre_cx_timeout.Inc();
  net::Findings findings = std::move(connection.findings());
  Forget(connection);
  if (ActiveListener* other = Elsewhere(findings); other != nullptr) {
    Uncount();
    other->TakeOver(std::move(findings));
  } else {
    Begin(std::move(findings));
  }
  TellIfEmpty();
}

void ActiveListener::OnPendingEnd(PendingConnection& connection, End end) {
  if (end == End::kTimeout) stats_.downstream_pre_cx_timeout.Inc();
  if (end == End::kPeerClosed) stats_.downstream_listener_filter_remote_close.Inc();
  if (end == End::kReadError) stats_.downstream_listener_filter_error.Inc();
  LogWithoutSession(connection.findings(), "");
  connection.findings().accepted.socket.Close();
  Uncount();
  Forget(connection);
  TellIfEmpty();
}

ActiveListener* ActiveListener::Elsewhere(const net::Findings& findings) {
  if (!config_->hands_over || directory_ == nullptr) return nullptr;
  if (!findings.accepted.local_restored || findings.handed_over) return nullptr;
  ActiveListener* found = directory_->FindListener(*findings.accepted.local);
  return found == this ? nullptr : found;
}

// Its own listener filters look at it, and it is not handed over again.
void ActiveListener::TakeOver(net::Findings findings) {
  Count();
  findings.handed_over = true;
  Inspect(std::move(findings));
}

ListenerChain* ActiveListener::Choose(net::Findings& findings) {
  if (only_chain_ != nullptr) [[likely]]
    return only_chain_;
  net::Accepted& accepted = findings.accepted;
  if (!accepted.local.has_value()) accepted.local = net::LocalAddress(accepted.socket.fd());
  net::ConnectionTraits traits{*accepted.local,        accepted.remote,
                               accepted.direct_remote, accepted.server_name,
                               "raw_buffer",           &findings.application_protocols};
  if (!findings.transport_protocol.empty()) traits.transport_protocol = findings.transport_protocol;
  const std::optional<size_t> found = config_->index->Find(traits);
  if (found.has_value()) return chains_[*found].get();
  return config_->default_filter_chain != nullptr ? chains_.back().get() : nullptr;
}

void ActiveListener::Begin(net::Findings findings) {
  ListenerChain* chain = Choose(findings);
  if (chain == nullptr) {
    stats_.no_filter_chain_match.Inc();
    LogWithoutSession(findings, "filter_chain_not_found");
    Uncount();
    return;
  }
  StartSession(*chain, std::move(findings.accepted));
}

// --- sessions ---

std::unique_ptr<GuardRecord> ActiveListener::AskGuards(ListenerChain& chain,
                                                       net::Accepted& accepted,
                                                       net::Admission& admission,
                                                       event::Duration& delay) {
  if (!accepted.local.has_value()) accepted.local = net::LocalAddress(accepted.socket.fd());
  auto record = std::make_unique<GuardRecord>(GuardRecord{*accepted.local, accepted.remote,
                                                          accepted.direct_remote,
                                                          accepted.server_name, 0, false, ""});
  net::GuardedConnection connection(record->local, record->remote, record->direct_remote,
                                    record->server_name);
  admission = chain.Admit(connection);
  delay = connection.delay;
  record->asked = connection.asked;
  record->rate_limited = connection.rate_limited;
  accepted.cluster = std::move(connection.cluster);
  record->refusal = std::move(connection.refusal);
  if (chain.wants_first_bytes()) {
    accepted.transport =
        std::make_unique<GuardedTransport>(std::move(accepted.transport), chain, *record);
  }
  return record;
}

void ActiveListener::StartSession(ListenerChain& chain, net::Accepted accepted) {
  stats_.downstream_cx_total.Inc();
  accepted.transport = chain.MakeTransport(accepted.direct_remote);
  if (accepted.transport == nullptr) {
    stats_.downstream_cx_destroy.Inc();
    Uncount();
    return;
  }
  stats_.downstream_cx_active.Inc();
  worker_stats_.downstream_cx_total.Inc();
  worker_stats_.downstream_cx_active.Inc();
  upstream::AddOwn<uint64_t>(connections_, 1);
  net::Admission admission = net::Admission::kAdmit;
  event::Duration delay = 0;
  std::unique_ptr<GuardRecord> guarded;
  if (chain.guarded()) guarded = AskGuards(chain, accepted, admission, delay);
  // A refused one gets its session, which counts it, but never starts it.
  std::unique_ptr<net::DownstreamSession> session = chain.MakeSession(*this, std::move(accepted));
  net::DownstreamSession& started = *session;
  started.index = sessions_.size();
  // Asked while there is a socket.
  if (!loggers_.empty()) started.local();
  std::unique_ptr<Deadline> deadline;
  const bool refused = admission == net::Admission::kRefuse;
  const event::Duration handshake = chain.config().transport_connect_timeout;
  if (refused || handshake > 0) {
    deadline = std::make_unique<Deadline>(dispatcher_, *this, started);
    deadline->refused = refused;
    deadline->timer.Arm(dispatcher_.now() + (refused ? delay : handshake));
  }
  sessions_.push_back({std::move(session), &chain, std::move(guarded), std::move(deadline), {}});
  ++chain.sessions;
  if (!refused) started.Start();
}

void ActiveListener::OnDeadline(void* deadline) {
  auto& over = *static_cast<Deadline*>(deadline);
  ActiveListener& listener = over.listener;
  net::DownstreamSession& session = over.session;
  if (!over.refused) {
    if (!session.totals().handshaking) return;
    listener.stats_.downstream_cx_transport_socket_connect_timeout.Inc();
    listener.sessions_[session.index].ended_because = "transport_socket_timeout";
  }
  session.Close();
  listener.OnSessionClosed(session);
}

void ActiveListener::OnSessionClosed(net::DownstreamSession& session) {
  stats_.downstream_cx_destroy.Inc();
  stats_.downstream_cx_active.Dec();
  worker_stats_.downstream_cx_active.Dec();
  upstream::AddOwn<uint64_t>(connections_, UINT64_MAX);
  Uncount();
  stats_.downstream_cx_length_ms.Record(Milliseconds(dispatcher_.now() - session.totals().started));
  const size_t index = session.index;
  Open ended = std::move(sessions_[index]);
  if (!loggers_.empty()) Log(ended);
  if (ended.guarded != nullptr) {
    ended.chain->OnConnectionEnd(ended.guarded->asked,
                                 ended.deadline != nullptr && ended.deadline->refused);
  }
  if (index + 1 != sessions_.size()) {
    sessions_[index] = std::move(sessions_.back());
    sessions_[index].session->index = index;
  }
  sessions_.pop_back();
  dispatcher_.DeferDelete(std::move(ended.session));
  if (--ended.chain->sessions == 0 && ended.chain->leaving() != nullptr) {
    const auto left = std::find_if(leaving_.begin(), leaving_.end(), [&ended](const auto& chain) {
      return chain.get() == ended.chain;
    });
    dispatcher_.DeferDelete(std::move(*left));
    leaving_.erase(left);
  }
  TellIfEmpty();
}

// --- logs ---

void ActiveListener::LogWithoutSession(const net::Findings& findings, std::string_view details) {
  if (loggers_.empty()) return;
  const net::Accepted& accepted = findings.accepted;
  const net::Address local =
      accepted.local.has_value() ? *accepted.local : net::LocalAddress(accepted.socket.fd());
  http::ConnectionFacts facts;
  facts.local = &local;
  facts.direct_remote = &accepted.direct_remote;
  facts.requested_server_name = accepted.server_name;
  facts.fingerprints = accepted.fingerprints.get();
  http::StreamInfo info;
  info.connection = &facts;
  info.downstream_remote = &accepted.remote;
  info.start = info.end = dispatcher_.now();
  info.start_wall = services_.dates.Wall(info.start);
  info.response_code_details = details;
  info.version_known = false;
  if (!details.empty()) info.flags.Set(http::ResponseFlag::kNoRouteFound);
  formatter::Exchange exchange{info};
  exchange.now = info.end;
  exchange.wall_now = info.start_wall;
  loggers_.Log(exchange, {*services_.worker.runtime, services_.worker.random});
}

// One record a connection, at its end.
void ActiveListener::Log(const Open& open) {
  const net::SessionTotals totals = open.session->totals();
  http::ConnectionFacts facts;
  facts.id = totals.id;
  facts.local = &open.session->local();
  facts.direct_remote = &open.session->remote();
  facts.filter_chain_name = open.chain->config().name;
  facts.filter_chain_metadata = open.chain->config().metadata.get();
  facts.transport_failure = totals.transport_failure;
  if (totals.tls != nullptr) facts.requested_server_name = totals.tls->server_name();
  facts.tls = totals.tls;
  facts.fingerprints = totals.fingerprints;
  facts.termination_details = open.ended_because;
  if (open.guarded != nullptr) {
    facts.direct_remote = &open.guarded->direct_remote;
    if (!open.guarded->refusal.empty()) facts.termination_details = open.guarded->refusal;
  }
  http::StreamInfo info;
  info.connection = &facts;
  info.downstream_remote = &open.session->remote();
  info.start = totals.started;
  info.start_wall = services_.dates.Wall(info.start);
  info.end = dispatcher_.now();
  info.bytes_received = totals.bytes_received;
  info.bytes_sent = totals.bytes_sent;
  info.version_known = totals.protocol_known;
  if (totals.http2) info.version = http::Version::kHttp2;
  info.response_code_details = totals.details;
  if (open.guarded != nullptr && open.guarded->rate_limited)
    info.flags.Set(http::ResponseFlag::kUpstreamRetryLimitExceeded);
  info.connection_termination_details = facts.termination_details;
  if (totals.broke_protocol) info.flags.Set(http::ResponseFlag::kDownstreamProtocolError);
  formatter::Exchange exchange{info};
  exchange.now = info.end;
  exchange.wall_now = services_.dates.Wall(info.end);
  loggers_.Log(exchange, {*services_.worker.runtime, services_.worker.random});
}

}  // namespace remora::server
