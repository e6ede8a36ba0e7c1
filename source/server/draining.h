#pragma once

// Draining: everything that makes the process leave without cutting anybody off.
//
//   /healthcheck/fail                listeners with drain_type DEFAULT: every response closes
//   /drain_listeners                 listening sockets close; connections live on
//   /drain_listeners?graceful        responses close, gradually or all (--drain-strategy); after
//                                    --drain-time-s the sockets close too
//   SIGTERM, --drain-on-sigterm-s    sockets close, every response closes; idle connections end
//                                    after a moment; the process ends with the last connection, or
//                                    at the deadline
//
// Owner: Server. Thread: main. Nothing fails. Tells workers by posts, and each response through
// net::Drain.
// Source: Envoy source/server/drain_manager_impl.cc, admin/listeners_handler.cc. Draining on
// SIGTERM is not Envoy's.

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "source/config/listener.h"
#include "source/net/drain.h"
#include "source/runtime/process_state.h"
#include "source/server/server_stats.h"
#include "source/server/worker.h"

namespace remora::server {

struct DrainOptions {
  event::Duration time = 600 * event::kSecond;  // --drain-time-s
  bool immediate = false;                       // --drain-strategy immediate
  // --drain-on-sigterm-s; none: SIGTERM ends the process at once.
  std::optional<event::Duration> on_sigterm;
  // How long idle connections then wait for one more request, at most: a client that is just
  // sending would meet a closed connection.
  event::Duration idle_grace = event::kSecond;
};

class Draining {
 public:
  enum class Scope : uint8_t { kInbound, kAll };

  // All references outlive it. `finished` is called when a shutdown is complete.
  Draining(runtime::ProcessState& process, event::Dispatcher& main,
           const std::vector<std::unique_ptr<Worker>>& workers, const ListenerManagerStats& stats,
           const DrainOptions& options, std::function<void()> finished);

  // A listener that the workers are about to serve; what they ask before each response.
  const net::Drain* Add(std::shared_ptr<const config::ListenerConfig> listener);
  // A version of it that has the same connections.
  void Replace(const config::ListenerConfig& old,
               std::shared_ptr<const config::ListenerConfig> listener);
  // Its connections are to end, and no socket of it is open any more.
  void Retire(const config::ListenerConfig& listener);
  // For connections that are to end and belong to no listener as a whole.
  const net::Drain* AddLeaving();
  // No worker has it any more.
  void Forget(const net::Drain* drain);
  // Whoever holds listening sockets besides the workers is told when they are to close.
  void OnStop(std::function<void(const config::ListenerConfig&)> on_stop) {
    on_stop_ = std::move(on_stop);
  }
  event::Duration time() const { return options_.immediate ? 0 : options_.time; }

  void FailHealthCheck(bool fail);
  // Closes the listening sockets.
  void Stop(Scope scope);
  // Ends connections with their responses, and stops the listeners after the drain time.
  void DrainGracefully(Scope scope, bool stop_after);

  // Ends everything, in order; a second time: no effect.
  void BeginShutdown();
  bool shutting_down() const { return shutdown_deadline_.has_value(); }

 private:
  struct Served {
    std::shared_ptr<const config::ListenerConfig> config;  // null: connections of no listener
    std::unique_ptr<net::Drain> drain;
    std::optional<event::TimePoint> draining_since;
    bool stopped = false;
    size_t accepting = 0;  // workers that have not closed their socket yet
  };
  // One graceful drain: when its time is over, listeners stop.
  struct Sequence {
    bool begun = false;
    bool stop_after = false;
  };

  static bool In(const Served& served, Scope scope);
  void Refresh(Served& served);
  void RefreshAll();
  void StopOne(uint64_t id);
  Served* Find(const config::ListenerConfig& listener);
  void OnTimeOver(Scope scope);
  void WatchShutdown();
  uint64_t Connections() const;

  runtime::ProcessState& process_;
  event::Dispatcher& main_;
  const std::vector<std::unique_ptr<Worker>>& workers_;
  const ListenerManagerStats& stats_;
  DrainOptions options_;
  std::function<void()> finished_;
  std::function<void(const config::ListenerConfig&)> on_stop_;
  uint64_t last_id_ = 0;
  absl::btree_map<uint64_t, Served> served_;
  Sequence inbound_;
  Sequence all_;
  event::Timer inbound_timer_;
  event::Timer all_timer_;
  std::optional<event::TimePoint> shutdown_deadline_;
  std::optional<event::TimePoint> idle_end_;  // none: idle connections were told
  event::Timer watch_;
};

}  // namespace remora::server
