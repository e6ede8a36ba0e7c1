#include "source/upstream/lb/least_request.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "source/runtime/runtime.h"

namespace remora::upstream {
namespace {

uint64_t InFlight(const Host& host) { return host.Sum(&HostCounters::rq_active); }

}  // namespace

LeastRequest::LeastRequest(UsableHosts usable, const Balancing& balancing,
                           const BalancerSetup& setup)
    : balancing_(balancing), setup_(setup), panic_(usable.panic) {
  const bool weighted = usable.weighted();
  hosts_ = std::move(usable.hosts);
  if (!weighted) return;
  for (const Host* host : hosts_) heap_.push_back({1 / WeightNow(*host), turns_++, host});
  std::make_heap(heap_.begin(), heap_.end(), Later);
  // Start anywhere, so that many proxies do not all begin with the same host.
  for (uint64_t skip = setup_.random.Below(hosts_.size()); skip > 0; --skip) PickByWeight();
}

const Host* LeastRequest::Pick(const PickWish&) {
  if (!heap_.empty()) return PickByWeight();
  if (hosts_.empty()) return nullptr;
  return balancing_.full_scan ? PickOfAll() : PickOfSome();
}

const Host* LeastRequest::PickOfSome() {
  const Host* best = nullptr;
  uint64_t least = 0;
  for (uint32_t i = 0; i < balancing_.choice_count; ++i) {
    const Host* host = hosts_[setup_.random.Below(hosts_.size())];
    const uint64_t active = InFlight(*host);
    if (best != nullptr && active >= least) continue;
    best = host;
    least = active;
  }
  return best;
}

const Host* LeastRequest::PickOfAll() {
  const Host* best = nullptr;
  uint64_t least = 0;
  uint64_t ties = 0;
  for (const Host* host : hosts_) {
    const uint64_t active = InFlight(*host);
    if (best == nullptr || active < least) {
      best = host;
      least = active;
      ties = 1;
    } else if (active == least && setup_.random.Below(++ties) == 0) {
      best = host;  // each of them with the same probability
    }
  }
  return best;
}

const Host* LeastRequest::PickByWeight() {
  std::pop_heap(heap_.begin(), heap_.end(), Later);
  Due& due = heap_.back();
  const Host* const host = due.host;
  now_ = due.deadline;
  due.deadline = now_ + 1 / WeightNow(*host);
  due.order = turns_++;
  std::push_heap(heap_.begin(), heap_.end(), Later);
  return host;
}

double LeastRequest::Bias() const {
  double bias = balancing_.active_request_bias;
  if (!balancing_.active_request_bias_key.empty()) {
    bias = setup_.runtime->Number(balancing_.active_request_bias_key, bias);
  }
  return bias < 0 ? 1 : bias;
}

double LeastRequest::WeightNow(const Host& host) const {
  const double weight = host.weight();
  const double bias = Bias();
  if (bias == 0) return weight;
  const auto divisor = static_cast<double>(InFlight(host) + 1);
  return weight / (bias == 1 ? divisor : std::pow(divisor, bias));
}

}  // namespace remora::upstream
