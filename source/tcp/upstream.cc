#include "source/tcp/upstream.h"

#include <string.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"
#include "source/tcp/session.h"

namespace remora::tcp {

using upstream::AddOwn;
using upstream::ClusterRuntime;
using upstream::ClusterStats;
using upstream::Priority;
using Resource = ClusterRuntime::Resource;

namespace {

net::Connection::Options ConnectionOptions(ClusterRuntime& cluster) {
  net::Connection::Options options;
  options.output_limit = cluster.config().per_connection_buffer_limit;
  options.received = cluster.stats().upstream_cx_rx_bytes_total;
  options.sent = cluster.stats().upstream_cx_tx_bytes_total;
  return options;
}

bool MayConnectTo(const ClusterRuntime& cluster, const upstream::Host& host) {
  const uint32_t limit =
      cluster.config().limits[static_cast<size_t>(Priority::kDefault)].max_connections_per_host;
  return limit == upstream::CircuitBreakerLimits::kUnlimited ||
         host.Sum(&upstream::HostCounters::cx_active) < limit;
}

}  // namespace

std::unique_ptr<Upstream> Upstream::Begin(Session& session, ClusterRuntime& cluster,
                                          const upstream::HostWish& wish, Failure& failure) {
  const ClusterStats& stats = cluster.stats();
  const upstream::Host* host = cluster.PickHost(wish);
  if (host == nullptr) {
    failure = Failure::kNoHost;
    return nullptr;
  }
  if (!cluster.Allows(Resource::kPending, Priority::kDefault)) {
    stats.upstream_rq_pending_overflow.Inc();
    failure = Failure::kPendingOverflow;
    return nullptr;
  }
  if (!MayConnectTo(cluster, *host)) {
    stats.upstream_cx_overflow.Inc();
    failure = Failure::kOverflow;
    return nullptr;
  }
  absl::StatusOr<net::Socket> socket = cluster.StartConnect(*host, wish.passage);
  std::unique_ptr<net::TransportSocket> transport = cluster.MakeTransport(*host, wish.passage);
  if (!socket.ok() || transport == nullptr) {
    stats.upstream_cx_total.Inc();
    stats.upstream_cx_connect_fail.Inc();
    AddOwn<uint64_t>(host->counters(cluster.worker().index).cx_connect_fail, 1);
    failure = socket.ok() ? Failure::kRefused : Failure::kLocal;
    REMORA_LOG(kPool, kDebug, "cluster ", cluster.name(), " host ", host->address_text(), ": ",
               socket.ok() ? "no TLS yet" : std::string(socket.status().message()));
    return nullptr;
  }
  auto begun =
      std::make_unique<Upstream>(session, cluster, *host, *std::move(socket), std::move(transport));
  begun->timer_.Arm(begun->started_ + cluster.config().connect_timeout);
  begun->connection_.StartConnecting();
  return begun;
}

Upstream::Upstream(Session& session, ClusterRuntime& cluster, const upstream::Host& host,
                   net::Socket socket, std::unique_ptr<net::TransportSocket> transport)
    : session_(session),
      cluster_(cluster),
      host_(host),
      held_(cluster.Hold(host)),
      host_counters_(host.counters(cluster.worker().index)),
      id_(cluster.NextConnectionId()),
      started_(cluster.worker().dispatcher.now()),
      timer_(cluster.worker().dispatcher.timers(), &OnTimer, this),
      connection_(cluster.worker().dispatcher, cluster.worker().blocks, std::move(socket),
                  std::move(transport), *this, ConnectionOptions(cluster)) {
  CountBegin();
}

void Upstream::CountBegin() {
  const ClusterStats& stats = cluster_.stats();
  cluster_.AddUser();
  cluster_.Take(Resource::kConnection, Priority::kDefault);
  cluster_.Take(Resource::kPending, Priority::kDefault);
  stats.upstream_cx_total.Inc();
  stats.upstream_cx_active.Inc();
  stats.upstream_rq_pending_total.Inc();
  stats.upstream_rq_pending_active.Inc();
  AddOwn<uint64_t>(host_counters_.cx_total, 1);
  AddOwn<uint64_t>(host_counters_.cx_active, 1);
}

void Upstream::LeavePending() {
  connecting_ = false;
  timer_.Disarm();
  cluster_.Give(Resource::kPending, Priority::kDefault);
  cluster_.stats().upstream_rq_pending_active.Dec();
}

void Upstream::OnConnected() {
  const ClusterStats& stats = cluster_.stats();
  LeavePending();
  connected_ = connection_.dispatcher().now();
  stats.upstream_cx_connect_ms.Record(
      static_cast<uint64_t>((connected_ - started_) / event::kMillisecond));
  cluster_.Take(Resource::kRequest, Priority::kDefault);
  stats.upstream_rq_total.Inc();
  stats.upstream_rq_active.Inc();
  AddOwn<uint64_t>(host_counters_.rq_total, 1);
  AddOwn<uint64_t>(host_counters_.rq_active, 1);
  session_.OnUpstreamConnected();
}

void Upstream::OnTimer(void* self) {
  auto* upstream = static_cast<Upstream*>(self);
  upstream->cluster_.stats().upstream_cx_connect_timeout.Inc();
  upstream->Fail(EndedBy::kUs, Failure::kTimeout);
}

void Upstream::Fail(EndedBy by, Failure failure) {
  cluster_.stats().upstream_rq_pending_failure_eject.Inc();
  failed_ = true;
  End(by);
  session_.OnConnectFailed(failure);
}

void Upstream::OnInput(buffer::Buffer& input) { session_.OnUpstreamInput(input); }

void Upstream::OnPiped(size_t bytes) { session_.OnUpstreamPiped(bytes); }

void Upstream::OnInputEnd() { session_.OnUpstreamInputEnd(); }

void Upstream::OnOutputFull() { session_.OnUpstreamFull(); }

void Upstream::OnOutputDrained() { session_.OnUpstreamDrained(); }

void Upstream::OnClosed(net::CloseReason reason, int error) {
  if (!connecting_) {
    session_.OnUpstreamClosed(error);
    return;
  }
  if (reason == net::CloseReason::kTransportFailed) {
    failure_text_ = std::string(connection_.transport_failure());
    Fail(EndedBy::kUs, Failure::kRefused);
    return;
  }
  // The C library's text is a literal.
  const char* const text = strerrordesc_np(error);
  if (text != nullptr) failure_text_ = absl::StrCat("delayed connect error: ", text);
  REMORA_LOG(kPool, kDebug, "cluster ", cluster_.name(), " host ", host_.address_text(),
             ": connect failed, errno ", error);
  Fail(EndedBy::kHost, Failure::kRefused);
}

void Upstream::End(EndedBy by, bool reset) {
  if (ended_) return;
  ended_ = true;
  if (reset && !connection_.closed()) net::ResetOnClose(connection_.fd());
  connection_.Close();
  CountEnd(by);
}

void Upstream::CountEnd(EndedBy by) {
  const ClusterStats& stats = cluster_.stats();
  stats.upstream_cx_destroy.Inc();
  if (by == EndedBy::kUs) {
    stats.upstream_cx_destroy_local.Inc();
  } else {
    stats.upstream_cx_destroy_remote.Inc();
  }
  if (connecting_) {
    LeavePending();
    if (!failed_) stats.upstream_rq_cancelled.Inc();
    stats.upstream_cx_connect_fail.Inc();
    AddOwn<uint64_t>(host_counters_.cx_connect_fail, 1);
  } else {
    stats.upstream_cx_destroy_with_active_rq.Inc();
    if (by == EndedBy::kUs) {
      stats.upstream_cx_destroy_local_with_active_rq.Inc();
    } else {
      stats.upstream_cx_destroy_remote_with_active_rq.Inc();
    }
    cluster_.Give(Resource::kRequest, Priority::kDefault);
    stats.upstream_rq_active.Dec();
    AddOwn<uint64_t>(host_counters_.rq_active, UINT64_MAX);
  }
  const event::Duration age = connection_.dispatcher().now() - started_;
  stats.upstream_cx_length_ms.Record(static_cast<uint64_t>(age / event::kMillisecond));
  cluster_.Give(Resource::kConnection, Priority::kDefault);
  stats.upstream_cx_active.Dec();
  AddOwn<uint64_t>(host_counters_.cx_active, UINT64_MAX);
  cluster_.RemoveUser();
}

}  // namespace remora::tcp
