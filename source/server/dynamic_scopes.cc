#include "source/server/dynamic_scopes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"

namespace remora::server {
namespace {

std::string StatPrefix(const config::ScopeUse& use) {
  return absl::StrCat("http.", use.stat_prefix, ".scoped_rds.", use.name, ".");
}

}  // namespace

DynamicScopes::~DynamicScopes() = default;

std::unique_ptr<RouteScopesLease> DynamicScopes::Follow(const config::ScopeUse& use,
                                                        const std::string& who) {
  use.slot->Prepare(services_.workers);
  return subscriptions_.Follow(use, who,
                               [&] { return std::make_unique<ScopeSubscription>(*this, use); });
}

ScopeSubscription::ScopeSubscription(DynamicScopes& scopes, const config::ScopeUse& first)
    : all_(scopes),
      source_(first.source),
      target_(absl::StrCat("target SRDS ", first.name)),
      scopes_(scopes.services_.stats),
      stats_(scopes_.Add(StatPrefix(first)).Make<ScopeStats>(scopes.services_.stats.main_shard())),
      subscription_(scopes.services_.sources.Subscribe(
          first.source, xds::ResourceType::kScopedRoutes, true, StatPrefix(first), *this)) {}

size_t ScopeSubscription::Add(const config::ScopeUse& use, const std::string& who) {
  User& user = users_.emplace_back(User{++last_id_, use, who, {}});
  // One request for all route tables.
  all_.services_.sources.Pause(xds::ResourceType::kRoutes);
  for (const auto& [name, bytes] : resources_) {
    auto scope = all_.services_.translator.ScopedRoutes(bytes, use.filters);
    if (scope.ok()) {
      scope->name = name;
      Use(user, *std::move(scope), who);
    } else {
      REMORA_LOG(kMain, kError, "scope ", name,
                 " is not for all who ask for it: ", std::string(scope.status().message()));
    }
  }
  all_.services_.sources.Resume(xds::ResourceType::kRoutes);
  if (settled_) {
    Publish(user);
  } else {
    all_.services_.warmer.Wait(who, target_);
  }
  return last_id_;
}

void ScopeSubscription::Remove(size_t user) {
  std::erase_if(users_, [user](const User& candidate) { return candidate.id == user; });
  if (users_.empty()) all_.subscriptions_.Remove(*this);
}

// What one manager has, all have. `later` may still give up the key.
absl::Status ScopeSubscription::CheckKey(const config::ScopedRoute& scope,
                                         absl::Span<const xds::Resource> later) const {
  for (const auto& [name, entry] : users_.front().entries) {
    if (name == scope.name || entry.scope.key != scope.key) continue;
    const bool changes = std::any_of(later.begin(), later.end(),
                                     [&](const auto& resource) { return resource.name == name; });
    if (changes) continue;
    return absl::InvalidArgumentError(absl::StrCat("scope key conflict found, first scope is '",
                                                   name, "', second scope is '", scope.name, "'"));
  }
  return absl::OkStatus();
}

absl::Status ScopeSubscription::Put(const xds::Resource& resource,
                                    absl::Span<const xds::Resource> later) {
  std::vector<config::ScopedRoute> scopes;
  for (const User& user : users_) {
    auto scope = all_.services_.translator.ScopedRoutes(resource.bytes, user.use.filters);
    if (!scope.ok()) return scope.status();
    // What the Resource around it says: by that name it is removed.
    scope->name = std::string(resource.name);
    scopes.push_back(*std::move(scope));
  }
  absl::Status status = CheckKey(scopes.front(), later);
  if (!status.ok()) return status;
  for (size_t i = 0; i < users_.size(); ++i) {
    // A listener that serves does not warm for a scope that comes later.
    Use(users_[i], std::move(scopes[i]), settled_ ? "" : users_[i].who);
  }
  resources_[std::string(resource.name)] = std::string(resource.bytes);
  return absl::OkStatus();
}

void ScopeSubscription::Use(User& user, config::ScopedRoute scope, const std::string& who) {
  Entry& entry = user.entries[scope.name];
  const bool same_table = entry.lease != nullptr && entry.scope.route_name == scope.route_name;
  entry.scope = std::move(scope);
  if (same_table) return;
  Entry next{std::move(entry.scope), nullptr, nullptr};
  if (!next.scope.route_name.empty()) {
    next.slot = std::make_shared<const route::RouteSlot>();
    next.lease = all_.routes_.Follow({user.use.route_source, next.scope.route_name,
                                      user.use.stat_prefix, next.slot, user.use.filters},
                                     who);
  }
  entry = std::move(next);
}

void ScopeSubscription::Publish(const User& user) const {
  auto table = std::make_shared<route::ScopeTable>();
  for (const auto& [name, entry] : user.entries) {
    table->insert_or_assign(entry.scope.key, route::Scope{entry.scope.table, entry.slot});
  }
  all_.services_.put(user.use.slot, std::move(table));
}

std::vector<xds::ResourceError> ScopeSubscription::OnUpdate(const xds::ResourceUpdate& update) {
  std::vector<xds::ResourceError> errors;
  ConfigJournal::Update journal(all_.services_.journal, xds::ResourceType::kScopedRoutes,
                                update.version, update.from_snapshot);
  // One request for all route tables that the new scopes need.
  all_.services_.sources.Pause(xds::ResourceType::kRoutes);
  bool changed = false;
  // First what goes: what comes may have its key.
  for (const std::string& name : update.removed) {
    if (resources_.erase(name) == 0) continue;
    for (User& user : users_) user.entries.erase(name);
    journal.Removed(name);
    changed = true;
  }
  for (size_t i = 0; i < update.changed.size(); ++i) {
    const xds::Resource& resource = update.changed[i];
    const bool is_new = !resources_.contains(std::string(resource.name));
    const absl::Status status = Put(resource, update.changed.subspan(i + 1));
    if (status.ok()) {
      is_new ? journal.Added(resource.name) : journal.Changed(resource.name);
      changed = true;
      continue;
    }
    errors.push_back({std::string(resource.name), std::string(status.message())});
    journal.Refused(resource.name, errors.back().message);
  }
  if (changed) {
    for (const User& user : users_) Publish(user);
    stats_.config_reload.Inc();
    stats_.all_scopes.Set(resources_.size());
  }
  all_.services_.sources.Resume(xds::ResourceType::kRoutes);
  Settle();
  return errors;
}

void ScopeSubscription::OnFetchTimeout(absl::Span<const std::string>) { Settle(); }

void ScopeSubscription::Settle() {
  if (std::exchange(settled_, true)) return;
  for (const User& user : users_) all_.services_.warmer.Arrived(user.who, target_);
}

}  // namespace remora::server
