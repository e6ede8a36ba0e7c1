#include "source/upstream/lb/usable_hosts.h"

#include <algorithm>
#include <utility>

namespace remora::upstream {

UsableHosts::UsableHosts(const std::vector<std::shared_ptr<const Host>>& all,
                         uint32_t panic_threshold_percent) {
  std::vector<const Host*> healthy;
  std::vector<const Host*> degraded;
  for (const auto& host : all) {
    if (host->healthy()) healthy.push_back(host.get());
    if (host->degraded()) degraded.push_back(host.get());
  }
  panic = (all.empty() && panic_threshold_percent > 0) ||
          (healthy.size() + degraded.size()) * 100 < all.size() * panic_threshold_percent;
  if (panic) {
    for (const auto& host : all) hosts.push_back(host.get());
  } else {
    hosts = healthy.empty() ? std::move(degraded) : std::move(healthy);
  }
}

bool UsableHosts::weighted() const {
  return std::any_of(hosts.begin(), hosts.end(),
                     [this](const Host* host) { return host->weight() != hosts[0]->weight(); });
}

}  // namespace remora::upstream
