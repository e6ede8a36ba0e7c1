#include "source/upstream/lb/round_robin.h"

#include <algorithm>

namespace remora::upstream {

RoundRobin::RoundRobin(const std::vector<std::unique_ptr<Host>>& hosts, base::Random& random) {
  std::vector<const Host*> healthy;
  std::vector<const Host*> degraded;
  for (const auto& host : hosts) {
    if (host->healthy()) healthy.push_back(host.get());
    if (host->degraded()) degraded.push_back(host.get());
  }
  panic_ = hosts.empty() ||
           (healthy.size() + degraded.size()) * 100 < hosts.size() * kPanicThresholdPercent;
  if (panic_) {
    for (const auto& host : hosts) hosts_.push_back(host.get());
  } else {
    hosts_ = healthy.empty() ? std::move(degraded) : std::move(healthy);
  }
  if (hosts_.empty()) return;

  const uint32_t first_weight = hosts_[0]->config().weight;
  const bool weighted = std::any_of(hosts_.begin(), hosts_.end(), [&](const Host* host) {
    return host->config().weight != first_weight;
  });
  cursor_ = random.Below(hosts_.size());
  if (!weighted) return;
  for (size_t i = 0; i < hosts_.size(); ++i) {
    const Host* host = hosts_[(cursor_ + i) % hosts_.size()];
    heap_.push_back({1, i, host});
  }
  std::make_heap(heap_.begin(), heap_.end(), Later);
  // Start anywhere in the cycle, for the same reason as the cursor.
  for (uint64_t skip = random.Below(hosts_.size()); skip > 0; --skip) Pick();
}

const Host* RoundRobin::Pick() {
  if (heap_.empty()) {
    if (hosts_.empty()) return nullptr;
    const Host* host = hosts_[cursor_];
    if (++cursor_ == hosts_.size()) cursor_ = 0;
    return host;
  }
  std::pop_heap(heap_.begin(), heap_.end(), Later);
  Due& due = heap_.back();
  const Host* host = due.host;
  ++due.count;
  std::push_heap(heap_.begin(), heap_.end(), Later);
  return host;
}

}  // namespace remora::upstream
