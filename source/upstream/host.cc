#include "source/upstream/host.h"

#include <utility>

namespace remora::upstream {

Host::Host(HostConfig config, size_t workers)
    : config_(std::move(config)),
      weight_(config_.weight),
      health_(config_.health),
      address_text_(config_.address.ToString()),
      workers_(workers),
      counters_(std::make_unique<std::atomic<HostCounters*>[]>(workers)) {}

Host::~Host() {
  for (size_t i = 0; i < workers_; ++i) {
    const std::unique_ptr<HostCounters> counters(counters_[i].load(std::memory_order_acquire));
  }
}

bool Host::Update(uint32_t weight, HealthStatus health) const {
  const uint32_t old_weight = weight_.exchange(weight, std::memory_order_relaxed);
  return health_.exchange(health, std::memory_order_relaxed) != health || old_weight != weight;
}

HostCounters& Host::counters(size_t worker) const {
  HostCounters* counters = counters_[worker].load(std::memory_order_relaxed);
  if (counters == nullptr) {
    auto created = std::make_unique<HostCounters>();
    counters = created.release();  // owned through the slot, see the destructor
    counters_[worker].store(counters, std::memory_order_release);
  }
  return *counters;
}

uint64_t Host::Sum(std::atomic<uint64_t> HostCounters::* what) const {
  uint64_t sum = 0;
  for (size_t i = 0; i < workers_; ++i) {
    const HostCounters* counters = counters_[i].load(std::memory_order_acquire);
    if (counters != nullptr) sum += (counters->*what).load(std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace remora::upstream
