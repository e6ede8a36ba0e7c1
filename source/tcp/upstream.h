#pragma once

// Upstream: one connection to a host on behalf of one client: what Envoy's TCP connection pool does
// for a connection that nobody else will use.
//
//   Begin --> connecting --up in time--> open ---------> ended
//                        \--refused, late----------------/
//
// Owner: Session, then the dispatcher's deferred list. Thread: its worker. It counts against the
// cluster's circuit breakers and in the statistics of cluster and host, and tells its session what
// happens, from the dispatcher only. Failures are a Failure value; nothing is thrown.

#include <memory>
#include <string_view>

#include "source/event/dispatcher.h"
#include "source/net/connection.h"
#include "source/upstream/cluster_runtime.h"

namespace remora::tcp {

class Session;

class Upstream final : public event::Deferred, public net::ConnectionHandler {
 public:
  enum class EndedBy : uint8_t { kUs, kHost };
  enum class Failure : uint8_t {
    kNone,
    kNoHost,
    kOverflow,         // max_connections, or per_host_thresholds
    kPendingOverflow,  // max_pending_requests
    kLocal,            // no descriptor or port
    kRefused,          // by the host, or by either side's TLS
    kTimeout,
    kNoAttemptLeft,  // max_connect_attempts
  };

  // A connection on its way, or null and why. max_connections is the caller's to ask.
  static std::unique_ptr<Upstream> Begin(Session& session, upstream::ClusterRuntime& cluster,
                                         const upstream::HostWish& wish, Failure& failure);
  Upstream(Session& session, upstream::ClusterRuntime& cluster, const upstream::Host& host,
           net::Socket socket, std::unique_ptr<net::TransportSocket> transport);
  ~Upstream() override { End(EndedBy::kUs); }

  // Closes it, with a reset if `reset`, and counts its end, once.
  void End(EndedBy by, bool reset = false);

  // Its reading was paused, or goes on, because of a client that is slower.
  void CountPaused() { cluster_.stats().upstream_flow_control_paused_reading_total.Inc(); }
  void CountResumed() { cluster_.stats().upstream_flow_control_resumed_reading_total.Inc(); }

  net::Connection& connection() { return connection_; }
  const net::Connection& connection() const { return connection_; }
  const upstream::Host& host() const { return host_; }
  bool connecting() const { return connecting_; }
  uint64_t id() const { return id_; }
  event::TimePoint started() const { return started_; }
  event::TimePoint connected() const { return connected_; }
  // Why it could not be made, in Envoy's words, with spaces; empty: nothing to say.
  const std::string& failure_text() const { return failure_text_; }

  // net::ConnectionHandler
  void OnConnected() override;
  void OnInput(buffer::Buffer& input) override;
  void OnPiped(size_t bytes) override;
  void OnInputEnd() override;
  void OnClosed(net::CloseReason reason, int error) override;
  void OnOutputFull() override;
  void OnOutputDrained() override;

 private:
  static void OnTimer(void* self);
  void Fail(EndedBy by, Failure failure);
  void CountBegin();
  void CountEnd(EndedBy by);
  // It is up, or will never be.
  void LeavePending();

  Session& session_;
  upstream::ClusterRuntime& cluster_;
  const upstream::Host& host_;
  std::shared_ptr<const upstream::Host> held_;  // the same, where hosts come and go
  upstream::HostCounters& host_counters_;
  bool connecting_ = true;
  bool failed_ = false;  // it could not be made; else, while connecting, nobody waits any more
  bool ended_ = false;
  uint64_t id_;
  event::TimePoint started_;
  event::TimePoint connected_ = 0;
  std::string failure_text_;
  event::Timer timer_;  // connect timeout
  net::Connection connection_;
};

}  // namespace remora::tcp
