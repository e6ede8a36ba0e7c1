#include "source/server/dynamic_routes.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"

namespace remora::server {
namespace {

// As /init_dump shows it.
std::string RoutesTarget(const std::string& name) { return absl::StrCat("target RDS ", name); }

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

DynamicRoutes::DynamicRoutes(Services services) : services_(std::move(services)) {}

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

void DynamicRoutes::Show(config::ShownResources& shown) const {
  for (const auto& subscription : subscriptions_) shown.routes.push_back(subscription->shown());
}

RouteSubscription::RouteSubscription(DynamicRoutes& routes, const config::RouteUse& first)
    : routes_(routes),
      services_(routes.services_),
      source_(first.source),
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
    auto table = same != users_.end()
                     ? absl::StatusOr<Table>(same->table)
                     : services_.translator.Routes(resource_.active()->message, use.filters);
    if (table.ok()) {
      user.table = *std::move(table);
      services_.put(user.slot, user.table);
    } else {
      REMORA_LOG(kMain, kError, "route table ", resource_.name(),
                 " is not for all who ask for it: ", std::string(table.status().message()));
    }
  }
  users_.push_back(std::move(user));
  if (!settled_) services_.warmer.Wait(who, RoutesTarget(resource_.name()));
  return last_id_;
}

void RouteSubscription::Remove(size_t user) {
  std::erase_if(users_, [user](const User& candidate) { return candidate.id == user; });
  if (users_.empty()) routes_.Remove(*this);
}

absl::StatusOr<std::vector<RouteSubscription::Table>> RouteSubscription::Translate(
    std::string_view message) const {
  std::vector<Table> tables;
  for (const User& user : users_) {
    const auto same = std::find_if(
        users_.begin(), users_.begin() + static_cast<ptrdiff_t>(tables.size()),
        [&user](const User& other) { return SameFilters(other.filters, user.filters); });
    const auto index = static_cast<size_t>(same - users_.begin());
    if (index < tables.size()) {
      tables.push_back(tables[index]);
      continue;
    }
    absl::StatusOr<Table> table = services_.translator.Routes(message, user.filters);
    if (!table.ok()) return table.status();
    tables.push_back(*std::move(table));
  }
  return tables;
}

absl::Status RouteSubscription::Take(std::string_view message) {
  absl::StatusOr<std::vector<Table>> tables = Translate(message);
  if (!tables.ok()) return tables.status();
  for (size_t i = 0; i < users_.size(); ++i) {
    users_[i].table = (*tables)[i];
    services_.put(users_[i].slot, users_[i].table);
  }
  stats_.config_reload.Inc();
  stats_.config_reload_time_ms.Set(
      static_cast<uint64_t>(services_.dispatcher.wall_now() / event::kMillisecond));
  return absl::OkStatus();
}

std::vector<xds::ResourceError> RouteSubscription::OnUpdate(const xds::ResourceUpdate& update) {
  std::vector<xds::ResourceError> errors =
      resource_.Offer(update, [this](std::string_view message) { return Take(message); });
  // Also when it was refused: as in Envoy nobody waits for a better one.
  Settle();
  return errors;
}

void RouteSubscription::OnFetchTimeout(absl::Span<const std::string>) { Settle(); }

void RouteSubscription::Settle() {
  settled_ = true;
  for (const User& user : users_)
    services_.warmer.Arrived(user.who, RoutesTarget(resource_.name()));
}

}  // namespace remora::server
