#include "source/upstream/lb/hash_balancer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <utility>

namespace remora::upstream {

HashBalancer::HashBalancer(const Cluster& cluster, base::Random& random)
    : cluster_(cluster), table_(*cluster.host_table()), random_(random) {
  if (cluster.config().balancing.balance_factor > 0) order_.resize(table_.hosts().size());
}

const Host* HashBalancer::Pick(const PickWish& wish) {
  if (table_.hosts().empty()) return nullptr;
  const uint64_t hash = wish.hash.has_value() ? *wish.hash : random_.Next();
  uint32_t host = table_.Find(hash, wish.turned_down);
  if (!order_.empty()) {
    const double load = Load(host);
    if (load > 1) host = GiveWay(host, load, hash);
  }
  return table_.hosts()[host];
}

double HashBalancer::Load(uint32_t host) const {
  constexpr uint64_t kPercent = 100;
  const uint64_t all = cluster_.Sum(Priority::kDefault, &UsageSlot::requests) +
                       cluster_.Sum(Priority::kHigh, &UsageSlot::requests);
  const uint64_t slots =
      ((all + 1) * cluster_.config().balancing.balance_factor + kPercent - 1) / kPercent;
  const double own = std::max(std::ceil(static_cast<double>(slots) * table_.share(host)), 1.0);
  return static_cast<double>(table_.hosts()[host]->Sum(&HostCounters::rq_active)) / own;
}

// The others in an order that is the same for the same hash; without one that has room, the least
// busy.
uint32_t HashBalancer::GiveWay(uint32_t busy, double load, uint64_t hash) {
  std::iota(order_.begin(), order_.end(), 0u);
  // The generator that Envoy takes, and its way to a number below `bound`.
  std::mt19937 random(static_cast<std::mt19937::result_type>(hash));
  const auto below = [&random](uint64_t bound) {
    const uint64_t step = (uint64_t{std::mt19937::max()} + 1) / bound;
    uint64_t number = bound;
    while (number >= bound) number = random() / step;
    return number;
  };
  uint32_t best = busy;
  for (size_t i = 0; i < order_.size(); ++i) {
    std::swap(order_[i], order_[i + below(order_.size() - i)]);
    if (order_[i] == busy) continue;
    const double other = Load(order_[i]);
    if (other <= 1) return order_[i];
    if (other < load) {
      load = other;
      best = order_[i];
    }
  }
  return best;
}

}  // namespace remora::upstream
