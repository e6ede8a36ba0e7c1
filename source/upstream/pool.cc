#include "source/upstream/pool.h"

#include <algorithm>
#include <utility>

#include "source/base/log.h"
#include "source/upstream/cluster_runtime.h"
#include "source/upstream/pool_connection.h"

namespace remora::upstream {

using http::ErrorKind;
using http::ProxyError;
using http::Side;
using Resource = ClusterRuntime::Resource;

namespace {

// ALPN; the first is liked best.
std::string_view OfferedProtocols(Protocol protocol) {
  switch (protocol) {
    case Protocol::kHttp2:
      return "h2";
    case Protocol::kByAlpn:
      return "h2,http/1.1";
    case Protocol::kHttp1:
    case Protocol::kAsDownstream:
      break;
  }
  return "http/1.1";
}

}  // namespace

StreamLease& StreamLease::operator=(StreamLease&& other) noexcept {
  if (this != &other) {
    Cancel();
    connection_ = std::exchange(other.connection_, nullptr);
    stream_ = std::exchange(other.stream_, nullptr);
  }
  return *this;
}

bool StreamLease::reused_connection() const {
  return connection_ != nullptr && connection_->reused();
}

bool StreamLease::wrote() const { return connection_ != nullptr && connection_->wrote(*stream_); }

bool StreamLease::response_began() const {
  return connection_ != nullptr && stream_->ResponseStarted();
}

void StreamLease::Finish() {
  if (connection_ == nullptr) return;
  http::ClientCodecStream& stream = *std::exchange(stream_, nullptr);
  std::exchange(connection_, nullptr)->FinishExchange(stream);
}

void StreamLease::Cancel() {
  if (connection_ == nullptr) return;
  http::ClientCodecStream& stream = *std::exchange(stream_, nullptr);
  std::exchange(connection_, nullptr)->CancelExchange(stream);
}

Pool::Pool(ClusterRuntime& cluster, const Host& host, std::shared_ptr<const Host> held,
           Priority priority, Protocol protocol, net::Passage* passage, std::string server_name)
    : cluster_(cluster),
      host_(host),
      held_(std::move(held)),
      priority_(priority),
      protocol_(protocol),
      expects_http2_(protocol == Protocol::kHttp2),
      passage_(passage),
      server_name_(std::move(server_name)),
      host_counters_(host.counters(cluster.worker().index)) {
  if (passage != nullptr) passage->Add(*this);
}

void Pool::OnPassageEnd() { cluster_.Dismiss(*this); }

// Where it was not closed before, the worker is going, or the cluster was removed.
Pool::~Pool() { Close(); }

void Pool::Close() {
  closing_ = true;
  while (!all_.empty()) {
    all_.back()->End(PoolConnection::EndedBy::kUs,
                     {Side::kLocal, ErrorKind::kConnectionTermination});
  }
  while (!waiting_.empty()) {
    StreamUser& user = waiting_.front();
    LeaveQueue(user);
    user.OnStreamFailed({Side::kLocal, ErrorKind::kConnectionTermination});
  }
}

void Pool::LeaveQueue(StreamUser& user) {
  user.Unlink();
  --waiting_count_;
  if (user.wish.fresh) --fresh_waiting_;
  cluster_.Give(Resource::kPending, user.wish.priority);
  cluster_.stats().upstream_rq_pending_active.Dec();
}

StreamLease Pool::Attach(PoolConnection& connection, StreamUser& user) {
  cluster_.Take(Resource::kRequest, user.wish.priority);
  const ClusterStats& stats = cluster_.stats();
  stats.upstream_rq_total.Inc();
  stats.upstream_rq_active.Inc();
  AddOwn<uint64_t>(host_counters_.rq_total, 1);
  AddOwn<uint64_t>(host_counters_.rq_active, 1);
  return connection.Begin(user);
}

Pool::Acquired Pool::Acquire(StreamUser& user) {
  Acquired result;
  const ClusterStats& stats = cluster_.stats();
  if (closing_) {
    result.error = ProxyError{Side::kLocal, ErrorKind::kConnectionTermination, {}, true};
    return result;
  }
  if (PoolConnection* free = TakeFree(user.wish)) {
    if (!cluster_.Allows(Resource::kRequest, user.wish.priority)) {
      stats.upstream_rq_active_overflow.Inc();
      result.error = ProxyError{Side::kLocal, ErrorKind::kOverflow, {}, true};
      return result;
    }
    free->base::ListNode<PoolConnection>::Unlink();
    result.lease = Attach(*free, user);
    if (free->TakesMore()) free_.PushFront(*free);
    return result;
  }
  // A pool that came with a request's name and never had a connection goes again.
  if (all_.empty() && !server_name_.empty() && !leaving_) cluster_.OnPoolEmpty(*this);
  if (!cluster_.Allows(Resource::kPending, user.wish.priority)) {
    stats.upstream_rq_pending_overflow.Inc();
    result.error = ProxyError{Side::kLocal, ErrorKind::kOverflow, kPendingFull, true};
    return result;
  }
  if (ConnectingCapacity() <= waiting_count_) {
    ProxyError error;
    // One that wants a new connection cannot be served by those that there are.
    if (!StartConnection(error) && (all_.empty() || user.wish.fresh)) {
      result.error = error;
      return result;
    }
  }
  stats.upstream_rq_pending_total.Inc();
  stats.upstream_rq_pending_active.Inc();
  cluster_.Take(Resource::kPending, user.wish.priority);
  waiting_.PushBack(user);
  ++waiting_count_;
  if (user.wish.fresh) ++fresh_waiting_;
  return result;
}

void Pool::CancelWaiting(StreamUser& user) {
  LeaveQueue(user);
  cluster_.stats().upstream_rq_cancelled.Inc();
}

PoolConnection* Pool::TakeFree(const StreamWish& wish) {
  if (free_.empty() || wish.fresh) return nullptr;
  PoolConnection& youngest = free_.front();
  if (youngest.multiplexes()) return &youngest;
  const event::Duration limit = wish.once ? idle_age_.limit_once() : idle_age_.limit_any();
  if (limit == IdleAge::kNever ||
      cluster_.worker().dispatcher.now() - youngest.idle_since() <= limit) {
    return &youngest;
  }
  // A new connection is the safe choice; where none is allowed, an old one is better than none.
  if (!MayConnect()) return &youngest;
  // It takes the place of the oldest: a host that looks as if it closed at once would otherwise get
  // one more for every such request, and none of them were used again.
  // Where ALPN decides, it may be one of HTTP/2 that is in use.
  PoolConnection& oldest = free_.back();
  (oldest.in_use() ? youngest : oldest)
      .End(PoolConnection::EndedBy::kUs, {Side::kLocal, ErrorKind::kConnectionTermination});
  return nullptr;
}

bool Pool::busy() const {
  if (waiting_count_ > 0) return true;
  return std::any_of(all_.begin(), all_.end(),
                     [](const auto& connection) { return connection->in_use(); });
}

bool Pool::MayConnect() const {
  const uint32_t per_host =
      cluster_.config().limits[static_cast<size_t>(priority_)].max_connections_per_host;
  if (per_host != CircuitBreakerLimits::kUnlimited &&
      host_.Sum(&HostCounters::cx_active) >= per_host) {
    return false;
  }
  return cluster_.Allows(Resource::kConnection, priority_);
}

void Pool::CloseIdle() {
  while (!free_.empty()) {
    PoolConnection& connection = free_.front();
    if (connection.in_use()) {
      connection.Retire();
    } else {
      connection.End(PoolConnection::EndedBy::kUs,
                     {Side::kLocal, ErrorKind::kConnectionTermination});
    }
  }
}

void Pool::Leave() {
  leaving_ = true;
  CloseIdle();
}

uint64_t Pool::ConnectingCapacity() const {
  // As Envoy: what the host allows is not known yet.
  const uint64_t streams = expects_http2_ ? cluster_.config().http2.max_concurrent_streams : 1;
  return connecting_ * streams;
}

void Pool::LearnIdleAge(event::Duration age) {
  idle_age_.Observe(age, cluster_.worker().dispatcher.now());
}

// False when it was not begun: `error` says why. With open connections the waiter may still be
// served by one of them.
bool Pool::StartConnection(ProxyError& error) {
  const ClusterStats& stats = cluster_.stats();
  if (!MayConnect()) {
    stats.upstream_cx_overflow.Inc();
    // One connection to each host is always allowed, or a full breaker would starve it for ever.
    if (!all_.empty()) {
      error = {Side::kLocal, ErrorKind::kOverflow, {}, true};
      return false;
    }
  }
  absl::StatusOr<net::Socket> socket = cluster_.StartConnect(host_, passage_);
  if (!socket.ok()) {
    stats.upstream_cx_total.Inc();
    stats.upstream_cx_connect_fail.Inc();
    AddOwn<uint64_t>(host_counters_.cx_connect_fail, 1);
    REMORA_LOG(kPool, kDebug, "cluster ", cluster_.name(), " host ", host_.address_text(), ": ",
               std::string(socket.status().message()));
    error = {Side::kLocal, ErrorKind::kLocalConnectFailure, {}, true};
    return false;
  }
  std::unique_ptr<net::TransportSocket> transport =
      cluster_.MakeTransport(host_, passage_, OfferedProtocols(protocol_), server_name_);
  if (transport == nullptr) {
    stats.upstream_cx_total.Inc();
    stats.upstream_cx_connect_fail.Inc();
    AddOwn<uint64_t>(host_counters_.cx_connect_fail, 1);
    error = {Side::kLocal, ErrorKind::kConnectFailure, {}, true};
    return false;
  }
  auto connection =
      std::make_unique<PoolConnection>(*this, *std::move(socket), std::move(transport));
  connection->index_ = all_.size();
  PoolConnection& started = *connection;
  all_.push_back(std::move(connection));
  ++connecting_;
  cluster_.Take(Resource::kConnection, priority_);
  stats.upstream_cx_total.Inc();
  stats.upstream_cx_active.Inc();
  AddOwn<uint64_t>(host_counters_.cx_total, 1);
  AddOwn<uint64_t>(host_counters_.cx_active, 1);
  started.Start();
  return true;
}

void Pool::OnConnected(PoolConnection& connection) {
  --connecting_;
  expects_http2_ = connection.multiplexes();
  OnFree(connection);
  // It may take fewer streams than it was begun for.
  if (protocol_ == Protocol::kByAlpn) ConnectForWaiters();
}

void Pool::OnFree(PoolConnection& connection) {
  while (StreamUser* user = NextWaiting(connection)) {
    LeaveQueue(*user);
    if (!cluster_.Allows(Resource::kRequest, user->wish.priority)) {
      cluster_.stats().upstream_rq_active_overflow.Inc();
      user->OnStreamFailed({Side::kLocal, ErrorKind::kOverflow, {}, true});
      continue;
    }
    user->OnStreamReady(Attach(connection, *user));
    if (!connection.TakesMore()) return;
  }
  if (!connection.linked()) free_.PushFront(connection);
  if (leaving_) CloseIdle();
}

// The first in the queue that this connection is good for; null when there is none.
StreamUser* Pool::NextWaiting(const PoolConnection& connection) {
  if (waiting_.empty()) return nullptr;
  if (fresh_waiting_ == 0 || !connection.used()) return &waiting_.front();
  StreamUser* next = nullptr;
  waiting_.ForEach([&next](StreamUser& user) {
    if (next == nullptr && !user.wish.fresh) next = &user;
  });
  return next;
}

void Pool::OnConnectFailed(const ProxyError& error) {
  // As Envoy: nobody waits behind a host that refuses; the router may try another one.
  base::IntrusiveList<StreamUser> failed;
  failed.Splice(waiting_);
  while (!failed.empty()) {
    StreamUser& user = failed.front();
    LeaveQueue(user);
    cluster_.stats().upstream_rq_pending_failure_eject.Inc();
    user.OnStreamFailed(error);
  }
}

void Pool::Remove(PoolConnection& connection) {
  const size_t index = connection.index_;
  std::unique_ptr<PoolConnection> owned = std::move(all_[index]);
  if (index + 1 != all_.size()) {
    all_[index] = std::move(all_.back());
    all_[index]->index_ = index;
  }
  all_.pop_back();
  cluster_.Give(Resource::kConnection, priority_);
  cluster_.stats().upstream_cx_active.Dec();
  AddOwn<uint64_t>(host_counters_.cx_active, UINT64_MAX);
  cluster_.worker().dispatcher.DeferDelete(std::move(owned));
  if (leaving_) {
    cluster_.OnPoolDone();
  } else if (all_.empty() && !server_name_.empty() && !closing_) {
    cluster_.OnPoolEmpty(*this);
  }
}

void Pool::ConnectForWaiters() {
  if (closing_) return;
  while (ConnectingCapacity() < waiting_count_) {
    ProxyError error;
    if (StartConnection(error)) continue;
    if (all_.empty()) OnConnectFailed(error);
    return;
  }
}

}  // namespace remora::upstream
