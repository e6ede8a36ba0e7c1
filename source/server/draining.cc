#include "source/server/draining.h"

#include <algorithm>
#include <utility>

#include "source/base/log.h"

namespace remora::server {
namespace {

// How often a shutdown looks whether the last connection has gone.
constexpr event::Duration kWatch = 20 * event::kMillisecond;

}  // namespace

Draining::Draining(runtime::ProcessState& process, event::Dispatcher& main,
                   const std::vector<std::unique_ptr<Worker>>& workers,
                   const ListenerManagerStats& stats, const DrainOptions& options,
                   std::function<void()> finished)
    : process_(process),
      main_(main),
      workers_(workers),
      stats_(stats),
      options_(options),
      finished_(std::move(finished)),
      inbound_timer_(
          main.timers(),
          [](void* self) { static_cast<Draining*>(self)->OnTimeOver(Scope::kInbound); }, this),
      all_timer_(
          main.timers(), [](void* self) { static_cast<Draining*>(self)->OnTimeOver(Scope::kAll); },
          this),
      watch_(
          main.timers(), [](void* self) { static_cast<Draining*>(self)->WatchShutdown(); }, this) {}

const net::Drain* Draining::Add(std::shared_ptr<const config::ListenerConfig> listener) {
  Served& served = served_[++last_id_];
  served.config = std::move(listener);
  served.drain = std::make_unique<net::Drain>();
  Refresh(served);
  return served.drain.get();
}

Draining::Served* Draining::Find(const config::ListenerConfig& listener) {
  for (auto& [id, served] : served_) {
    if (served.config.get() == &listener) return &served;
  }
  return nullptr;
}

void Draining::Replace(const config::ListenerConfig& old,
                       std::shared_ptr<const config::ListenerConfig> listener) {
  Served* served = Find(old);
  if (served != nullptr) served->config = std::move(listener);
}

void Draining::Retire(const config::ListenerConfig& listener) {
  Served* served = Find(listener);
  if (served == nullptr) return;
  served->stopped = true;
  if (!served->draining_since.has_value()) served->draining_since = main_.now();
  Refresh(*served);
}

const net::Drain* Draining::AddLeaving() {
  Served& served = served_[++last_id_];
  served.drain = std::make_unique<net::Drain>();
  served.stopped = true;
  served.draining_since = main_.now();
  Refresh(served);
  return served.drain.get();
}

void Draining::Forget(const net::Drain* drain) {
  for (auto it = served_.begin(); it != served_.end(); ++it) {
    if (it->second.drain.get() != drain) continue;
    served_.erase(it);
    return;
  }
}

bool Draining::In(const Served& served, Scope scope) {
  return scope == Scope::kAll || (served.config != nullptr &&
                                  served.config->direction == config::TrafficDirection::kInbound);
}

void Draining::Refresh(Served& served) {
  const bool unhealthy = process_.health_check_failed.load(std::memory_order_relaxed) &&
                         served.config != nullptr && served.config->drains_on_failed_health_check;
  const bool at_once = options_.immediate || options_.time <= 0;
  if (shutting_down() || unhealthy || (served.draining_since.has_value() && at_once)) {
    served.drain->SetAlways();
  } else if (served.draining_since.has_value()) {
    served.drain->SetGradual(*served.draining_since, options_.time);
  } else {
    served.drain->SetOff();
  }
}

void Draining::RefreshAll() {
  for (auto& [id, served] : served_) Refresh(served);
}

void Draining::FailHealthCheck(bool fail) {
  process_.health_check_failed.store(fail, std::memory_order_relaxed);
  RefreshAll();
}

void Draining::Stop(Scope scope) {
  for (const auto& [id, served] : served_) {
    if (!served.stopped && In(served, scope)) StopOne(id);
  }
}

void Draining::StopOne(uint64_t id) {
  Served& served = served_[id];
  served.stopped = true;
  served.accepting = workers_.size();
  if (on_stop_ != nullptr) on_stop_(*served.config);
  for (const auto& worker : workers_) {
    worker->dispatcher().Post([this, id, worker = worker.get(), config = served.config] {
      worker->StopListener(*config);
      main_.Post([this, id] {
        const auto found = served_.find(id);
        if (found == served_.end()) return;  // it has gone meanwhile
        if (--found->second.accepting == 0) stats_.listener_stopped.Inc();
      });
    });
  }
}

void Draining::DrainGracefully(Scope scope, bool stop_after) {
  Sequence& sequence = scope == Scope::kAll ? all_ : inbound_;
  // As Envoy: asked again, or for a part of what is being drained, nothing changes.
  if (all_.begun || sequence.begun) return;
  sequence = {true, stop_after};
  const event::TimePoint now = main_.now();
  for (auto& [id, served] : served_) {
    if (In(served, scope) && !served.draining_since.has_value()) served.draining_since = now;
  }
  RefreshAll();
  (scope == Scope::kAll ? all_timer_ : inbound_timer_).Arm(now + options_.time);
}

void Draining::OnTimeOver(Scope scope) {
  if ((scope == Scope::kAll ? all_ : inbound_).stop_after) Stop(scope);
}

uint64_t Draining::Connections() const {
  uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->connections();
  return sum;
}

void Draining::BeginShutdown() {
  if (shutting_down()) return;
  const event::TimePoint now = main_.now();
  const event::Duration time = options_.on_sigterm.value_or(0);
  shutdown_deadline_ = now + time;
  idle_end_ = now + std::min(options_.idle_grace, time / 2);
  RefreshAll();
  Stop(Scope::kAll);
  stats_.total_listeners_draining.Set(served_.size());
  REMORA_LOG(kMain, kInfo, "draining ", Connections(), " connections for at most ",
             time / event::kSecond, " s");
  watch_.Arm(now + kWatch);
}

void Draining::WatchShutdown() {
  const event::TimePoint now = main_.now();
  const uint64_t connections = Connections();
  const bool stopped = std::all_of(served_.begin(), served_.end(),
                                   [](const auto& entry) { return entry.second.accepting == 0; });
  if ((stopped && connections == 0) || now >= *shutdown_deadline_) {
    if (connections > 0) {
      REMORA_LOG(kMain, kWarning, "the drain time is over: closing ", connections, " connections");
    }
    finished_();
    return;
  }
  if (idle_end_.has_value() && now >= *idle_end_) {
    idle_end_.reset();
    for (const auto& worker : workers_) {
      worker->dispatcher().Post([worker = worker.get()] { worker->DrainSessions(); });
    }
  }
  watch_.Arm(now + kWatch);
}

}  // namespace remora::server
