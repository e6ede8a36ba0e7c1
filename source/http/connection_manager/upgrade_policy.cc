#include "source/http/connection_manager/upgrade_policy.h"

#include "absl/strings/match.h"

namespace remora::connection_manager {
namespace {

// What the list says about `type`; absent: nothing.
std::optional<bool> Find(const std::vector<route::Upgrade>& upgrades, std::string_view type) {
  const absl::string_view wanted(type.data(), type.size());
  for (const route::Upgrade& upgrade : upgrades) {
    if (absl::EqualsIgnoreCase(upgrade.type, wanted)) return upgrade.enabled;
  }
  return std::nullopt;
}

}  // namespace

std::string_view UpgradeType(const http::RequestHead& head) {
  return head.method_id == http::Method::kConnect ? std::string_view("CONNECT") : head.upgrade;
}

std::optional<size_t> UpgradeFiltersFor(const Config& config, const http::RequestHead& head) {
  if (head.framing != http::Framing::kTunnel) return std::nullopt;
  const std::string_view type = UpgradeType(head);
  for (size_t i = 0; i < config.upgrade_filters.size(); ++i) {
    if (absl::EqualsIgnoreCase(config.upgrade_filters[i].type,
                               absl::string_view(type.data(), type.size()))) {
      return i;
    }
  }
  return std::nullopt;
}

bool AllowsUpgrade(const Config& config, const route::Route* route, const http::RequestHead& head) {
  const std::string_view type = UpgradeType(head);
  const route::ForwardAction* forward = route != nullptr ? route->forward() : nullptr;
  if (forward != nullptr) {
    const std::optional<bool> by_route = Find(forward->upgrades, type);
    if (by_route.has_value()) return *by_route;
  }
  return Find(config.upgrades, type).value_or(false);
}

}  // namespace remora::connection_manager
