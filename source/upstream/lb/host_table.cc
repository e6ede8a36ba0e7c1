#include "source/upstream/lb/host_table.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "source/base/hash.h"

namespace remora::upstream {

HostTable::HostTable(UsableHosts usable) : hosts_(std::move(usable.hosts)), panic_(usable.panic) {
  const double sum =
      std::accumulate(hosts_.begin(), hosts_.end(), 0.0,
                      [](double before, const Host* host) { return before + host->weight(); });
  for (const Host* host : hosts_) shares_.push_back(host->weight() / sum);
}

std::string_view HostTable::KeyOf(uint32_t host, bool hostname) const {
  return hostname ? std::string_view(hosts_[host]->config().hostname)
                  : std::string_view(hosts_[host]->address_text());
}

void HostTable::CountPlaces(const std::vector<uint64_t>& places_of_host) {
  if (places_of_host.empty()) return;
  const auto [fewest, most] = std::minmax_element(places_of_host.begin(), places_of_host.end());
  size_ = {std::accumulate(places_of_host.begin(), places_of_host.end(), uint64_t{0}), *fewest,
           *most};
}

std::unique_ptr<const HostTable> HostTable::Make(UsableHosts usable, const Balancing& balancing) {
  if (balancing.policy == Balancing::Policy::kRingHash) {
    return std::make_unique<const HashRing>(std::move(usable), balancing);
  }
  if (balancing.policy == Balancing::Policy::kMaglev) {
    return std::make_unique<const MaglevTable>(std::move(usable), balancing);
  }
  return nullptr;
}

HashRing::HashRing(UsableHosts usable, const Balancing& balancing) : HostTable(std::move(usable)) {
  const auto count = static_cast<uint32_t>(hosts().size());
  if (count == 0) return;
  double least = 1;
  for (uint32_t host = 0; host < count; ++host) least = std::min(least, share(host));
  // The host with the smallest share gets a whole number of places.
  const double scale =
      std::min(std::ceil(least * static_cast<double>(balancing.minimum_ring_size)) / least,
               static_cast<double>(balancing.maximum_ring_size));
  ring_.reserve(static_cast<size_t>(std::ceil(scale)));
  std::vector<uint64_t> places(count);
  double placed = 0;
  double wanted = 0;
  for (uint32_t host = 0; host < count; ++host) {
    const std::string stem = std::string(KeyOf(host, balancing.hash_hostname)) + '_';
    wanted += scale * share(host);
    for (; placed < wanted; ++placed, ++places[host]) {
      const std::string key = stem + std::to_string(places[host]);
      ring_.push_back({balancing.hash_function == Balancing::HashFunction::kMurmur
                           ? base::MurmurHash64(key)
                           : base::XxHash64(key),
                       host});
    }
  }
  std::sort(ring_.begin(), ring_.end(),
            [](const Place& a, const Place& b) { return a.hash < b.hash; });
  CountPlaces(places);
}

uint32_t HashRing::Find(uint64_t hash, uint32_t turned_down) const {
  const auto found =
      std::lower_bound(ring_.begin(), ring_.end(), hash,
                       [](const Place& place, uint64_t wanted) { return place.hash < wanted; });
  const auto at = static_cast<size_t>(found - ring_.begin()) % ring_.size();
  return ring_[(at + turned_down) % ring_.size()].host;
}

namespace {

// One host while the table is filled.
struct Filling {
  uint32_t host;
  std::string_view key;
  uint64_t at;    // the place that it wants next
  uint64_t skip;  // to the one behind it
  double weight;
  double due;  // its turn comes when `round * weight` has got there
};

}  // namespace

MaglevTable::MaglevTable(UsableHosts usable, const Balancing& balancing)
    : HostTable(std::move(usable)) {
  const auto count = static_cast<uint32_t>(hosts().size());
  if (count == 0) return;
  // There is nothing to choose between.
  const uint64_t size = count == 1 ? 1 : balancing.table_size;
  std::vector<Filling> fillings;
  double heaviest = 0;
  for (uint32_t host = 0; host < count; ++host) {
    const std::string_view key = KeyOf(host, balancing.hash_hostname);
    const uint64_t skip = size > 1 ? base::XxHash64(key, 1) % (size - 1) + 1 : 1;
    fillings.push_back({host, key, base::XxHash64(key) % size, skip, share(host), 0});
    heaviest = std::max(heaviest, share(host));
  }
  // The order decides who gets a place that two want.
  std::stable_sort(fillings.begin(), fillings.end(),
                   [](const Filling& a, const Filling& b) { return a.key < b.key; });
  constexpr uint32_t kEmpty = UINT32_MAX;
  table_.assign(size, kEmpty);
  std::vector<uint64_t> places(count);
  uint64_t filled = 0;
  for (uint64_t round = 1; filled < size; ++round) {
    for (Filling& filling : fillings) {
      if (filled == size) break;
      if (static_cast<double>(round) * filling.weight < filling.due) continue;
      filling.due += heaviest;
      while (table_[filling.at] != kEmpty) filling.at = (filling.at + filling.skip) % size;
      table_[filling.at] = filling.host;
      filling.at = (filling.at + filling.skip) % size;
      ++places[filling.host];
      ++filled;
    }
  }
  CountPlaces(places);
}

uint32_t MaglevTable::Find(uint64_t hash, uint32_t turned_down) const {
  if (turned_down > 0) hash ^= ~uint64_t{0} - turned_down + 1;
  return table_[hash % table_.size()];
}

}  // namespace remora::upstream
