#include "source/upstream/lb/round_robin.h"

#include <algorithm>
#include <utility>

namespace remora::upstream {

RoundRobin::RoundRobin(UsableHosts usable, base::Random& random) : panic_(usable.panic) {
  const bool weighted = usable.weighted();
  hosts_ = std::move(usable.hosts);
  if (hosts_.empty()) return;
  cursor_ = random.Below(hosts_.size());
  if (!weighted) return;
  for (size_t i = 0; i < hosts_.size(); ++i) {
    const Host* host = hosts_[(cursor_ + i) % hosts_.size()];
    heap_.push_back({1, i, host});
  }
  std::make_heap(heap_.begin(), heap_.end(), Later);
  // Start anywhere in the cycle, for the same reason as the cursor.
  for (uint64_t skip = random.Below(hosts_.size()); skip > 0; --skip) Pick({});
}

const Host* RoundRobin::Pick(const PickWish&) {
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
