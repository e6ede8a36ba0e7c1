#include "source/server/dynamic_routes.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"

namespace remora::server {
namespace {

// As /init_dump shows it.
std::string RoutesTarget(const std::string& name) { return absl::StrCat("target RDS ", name); }

std::string HostsTarget(const std::string& name) { return absl::StrCat("target VHDS ", name); }

std::string StatPrefix(const config::RouteUse& use) {
  return absl::StrCat("http.", use.stat_prefix, ".rds.", use.name, ".");
}

// A table for one list is one for the other: what overrides by route refer to is the same.
bool SameFilters(const std::vector<http::FilterFactory>& a,
                 const std::vector<http::FilterFactory>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.name == y.name && x.route_type_url == y.route_type_url && x.terminal == y.terminal;
  });
}

}  // namespace

// From workers to the subscription, which may have gone.
class DynamicRoutes::Finder final : public route::HostFinder {
 public:
  Finder(DynamicRoutes& routes, uint64_t subscription)
      : routes_(routes), subscription_(subscription) {}
  void FindHost(std::string host) const override {
    routes_.services_.dispatcher.Post(
        [&routes = routes_, subscription = subscription_, host = std::move(host)] {
          routes.FindHost(subscription, host);
        });
  }

 private:
  DynamicRoutes& routes_;
  const uint64_t subscription_;
};

DynamicRoutes::DynamicRoutes(Services services)
    : services_(std::move(services)), hosts_({services_.sources, services_.journal}) {}

DynamicRoutes::~DynamicRoutes() = default;

std::unique_ptr<RouteLease> DynamicRoutes::Follow(const config::RouteUse& use,
                                                  const std::string& who) {
  use.slot->Prepare(services_.workers);
  return subscriptions_.Follow(use, who,
                               [&] { return std::make_unique<RouteSubscription>(*this, use); });
}

void DynamicRoutes::Remove(const RouteSubscription& subscription) {
  subscriptions_.Remove(subscription);
}

void DynamicRoutes::FindHost(uint64_t subscription, const std::string& host) {
  for (const auto& candidate : subscriptions_) {
    if (candidate->id() == subscription) return candidate->FindHost(host);
  }
}

const config::ResourceVersion* DynamicRoutes::Find(std::string_view name) const {
  const auto found =
      std::find_if(subscriptions_.begin(), subscriptions_.end(),
                   [name](const auto& one) { return one->resource().name() == name; });
  return found != subscriptions_.end() ? (*found)->resource().active_version() : nullptr;
}

void DynamicRoutes::Show(config::ShownResources& shown) const {
  for (const auto& subscription : subscriptions_) shown.routes.push_back(subscription->shown());
}

RouteSubscription::RouteSubscription(DynamicRoutes& routes, const config::RouteUse& first)
    : routes_(routes),
      services_(routes.services_),
      id_(++routes.last_id_),
      finder_(std::make_shared<const DynamicRoutes::Finder>(routes, id_)),
      source_(first.source),
      stat_prefix_(first.stat_prefix),
      scopes_(services_.stats),
      stats_(scopes_.Add(StatPrefix(first)).Make<RouteTableStats>(services_.stats.main_shard())),
      resource_(first.name, xds::ResourceType::kRoutes, services_.journal, services_.dispatcher),
      subscription_(services_.sources.Subscribe(first.source, xds::ResourceType::kRoutes, false,
                                                StatPrefix(first), *this)) {}

void RouteSubscription::Start() {
  subscription_->SetNames({resource_.name()});
  subscription_->Start();
}

size_t RouteSubscription::Add(const config::RouteUse& use, const std::string& who) {
  User user{++last_id_, use.slot, use.filters, who, nullptr};
  if (resource_.active().has_value()) {
    const auto same = std::find_if(users_.begin(), users_.end(), [&use](const User& other) {
      return SameFilters(other.filters, use.filters);
    });
    if (same != users_.end()) {
      user.table = same->table;
    } else {
      auto routes =
          services_.translator.Routes(resource_.active()->message, hosts_, use.filters, finder_);
      if (routes.ok()) {
        user.table = std::move(routes->table);
      } else {
        REMORA_LOG(kMain, kError, "route table ", resource_.name(),
                   " is not for all who ask for it: ", std::string(routes.status().message()));
      }
    }
    if (user.table != nullptr) services_.put(user.slot, user.table);
  }
  users_.push_back(std::move(user));
  if (who.empty()) return last_id_;
  if (!settled_) services_.warmer.Wait(who, RoutesTarget(resource_.name()));
  if (!hosts_settled_) services_.warmer.Wait(who, HostsTarget(resource_.name()));
  return last_id_;
}

void RouteSubscription::Remove(size_t user) {
  std::erase_if(users_, [user](const User& candidate) { return candidate.id == user; });
  if (users_.empty()) routes_.Remove(*this);
}

absl::StatusOr<RouteSubscription::Tables> RouteSubscription::Translate(
    std::string_view message, const std::vector<std::string>& hosts) const {
  Tables translated;
  std::vector<Table>& tables = translated.tables;
  for (const User& user : users_) {
    const auto same = std::find_if(
        users_.begin(), users_.begin() + static_cast<ptrdiff_t>(tables.size()),
        [&user](const User& other) { return SameFilters(other.filters, user.filters); });
    const auto index = static_cast<size_t>(same - users_.begin());
    if (index < tables.size()) {
      tables.push_back(tables[index]);
      continue;
    }
    absl::StatusOr<config::RoutesResource> routes =
        services_.translator.Routes(message, hosts, user.filters, finder_);
    if (!routes.ok()) return routes.status();
    tables.push_back(std::move(routes->table));
    translated.hosts_source = std::move(routes->hosts_source);
  }
  return translated;
}

absl::Status RouteSubscription::Take(std::string_view message) {
  absl::StatusOr<Tables> translated = Translate(message, hosts_);
  if (translated.ok() && translated->hosts_source != HostsSource() && !hosts_.empty()) {
    // Those of another source are not its own.
    translated = Translate(message, {});
  }
  if (!translated.ok()) return translated.status();
  Use(std::move(translated->tables), stats_);
  next_hosts_source_ = std::move(translated->hosts_source);
  return absl::OkStatus();
}

void RouteSubscription::Use(std::vector<Table> tables, const RouteTableStats& stats) {
  for (size_t i = 0; i < users_.size(); ++i) {
    users_[i].table = std::move(tables[i]);
    services_.put(users_[i].slot, users_[i].table);
  }
  stats.config_reload.Inc();
  stats.config_reload_time_ms.Set(
      static_cast<uint64_t>(services_.dispatcher.wall_now() / event::kMillisecond));
}

// --- its virtual hosts ---

std::optional<config::ConfigSource> RouteSubscription::HostsSource() const {
  if (!host_use_.has_value()) return std::nullopt;
  return host_use_->source;
}

void RouteSubscription::FollowHosts() {
  if (next_hosts_source_ == HostsSource()) return;
  host_lease_.reset();
  host_use_.reset();
  hosts_.clear();
  OnHostsSettled();
  if (!next_hosts_source_.has_value()) return;
  const std::string prefix = absl::StrCat("http.", stat_prefix_, ".vhds.", resource_.name(), ".");
  if (!host_stats_.has_value()) {
    stats::Scope& scope = scopes_.Add(prefix);
    stats::Shard& shard = services_.stats.main_shard();
    host_stats_ = HostStats{scope.Make<RouteTableStats>(shard), scope.Make<HostTableStats>(shard)};
  }
  host_use_ = HostUse{*next_hosts_source_, resource_.name(), prefix, this};
  hosts_settled_ = false;
  for (const User& user : users_) {
    // As with the table itself: who serves already does not warm for it.
    if (settled_ || user.who.empty()) continue;
    services_.warmer.Wait(user.who, HostsTarget(resource_.name()));
  }
  host_lease_ = routes_.hosts_.Follow(*host_use_);
}

absl::Status RouteSubscription::TakeHosts(const std::vector<std::string>& hosts) {
  absl::StatusOr<Tables> translated = Translate(resource_.active()->message, hosts);
  if (!translated.ok()) return translated.status();
  hosts_ = hosts;
  Use(std::move(translated->tables), host_stats_->table);
  return absl::OkStatus();
}

void RouteSubscription::OnHostsSettled() {
  hosts_settled_ = true;
  for (const User& user : users_) {
    services_.warmer.Arrived(user.who, HostsTarget(resource_.name()));
  }
}

void RouteSubscription::FindHost(const std::string& host) {
  if (!host_use_.has_value()) return OnHostAnswer(host);
  if (!routes_.hosts_.Find(*host_use_, host)) host_stats_->hosts.overflow.Inc();
}

void RouteSubscription::OnHostAnswer(const std::string& host) {
  for (const User& user : users_) services_.answer_host(user.slot, host);
}

std::vector<xds::ResourceError> RouteSubscription::OnUpdate(const xds::ResourceUpdate& update) {
  std::vector<xds::ResourceError> errors =
      resource_.Offer(update, [this](std::string_view message) { return Take(message); });
  // Behind the resource itself: its hosts come for what is active.
  FollowHosts();
  // Also when it was refused: as in Envoy nobody waits for a better one.
  Settle();
  return errors;
}

void RouteSubscription::OnFetchTimeout(absl::Span<const std::string>) { Settle(); }

void RouteSubscription::Settle() {
  if (std::exchange(settled_, true)) return;
  for (const User& user : users_)
    services_.warmer.Arrived(user.who, RoutesTarget(resource_.name()));
}

}  // namespace remora::server
