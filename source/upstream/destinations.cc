#include "source/upstream/destinations.h"

#include <utility>

#include "source/upstream/cluster_runtime.h"

namespace remora::upstream {

Destinations::Destinations(ClusterRuntime& cluster)
    : cluster_(cluster),
      membership_(cluster.cluster().scope().Make<ClusterMembership>(cluster.worker().shard)),
      timer_(cluster.worker().dispatcher.timers(), &OnSweep, this) {}

Destinations::~Destinations() {
  for (const auto& [address, use] : uses_) GiveBack(address);
}

const Host& Destinations::Find(const net::Address& address) {
  const auto found = uses_.find(address);
  if (found != uses_.end()) {
    found->second.wanted = true;
    return *found->second.host;
  }
  bool made = false;
  std::shared_ptr<const Host> host = cluster_.cluster().found_hosts()->Take(address, made);
  if (made) {
    membership_.membership_change.Inc();
    membership_.membership_total.Inc();
    membership_.membership_healthy.Inc();
    // It has no metadata that could choose another transport.
    cluster_.cluster()
        .scope()
        .MakeCounter(cluster_.worker().shard, "default.total_match_count")
        .Inc();
  }
  if (uses_.empty()) ArmTimer();
  return *uses_.emplace(address, Use{std::move(host)}).first->second.host;
}

std::shared_ptr<const Host> Destinations::Hold(const net::Address& address) const {
  const auto found = uses_.find(address);
  return found != uses_.end() ? found->second.host : nullptr;
}

void Destinations::OnSweep(void* self) {
  auto& destinations = *static_cast<Destinations*>(self);
  destinations.Sweep();
  if (!destinations.uses_.empty()) destinations.ArmTimer();
}

void Destinations::ArmTimer() {
  timer_.Arm(cluster_.worker().dispatcher.now() +
             cluster_.config().original_destination->cleanup_interval);
}

void Destinations::Sweep() {
  for (auto it = uses_.begin(); it != uses_.end();) {
    Use& use = it->second;
    if (std::exchange(use.wanted, false) || !cluster_.ForgetHost(*use.host)) {
      ++it;
      continue;
    }
    GiveBack(it->first);
    uses_.erase(it++);
  }
}

void Destinations::GiveBack(const net::Address& address) {
  if (!cluster_.cluster().found_hosts()->Give(address)) return;
  membership_.membership_change.Inc();
  membership_.membership_total.Dec();
  membership_.membership_healthy.Dec();
}

}  // namespace remora::upstream
