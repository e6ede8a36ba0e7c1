#include "source/server/dynamic_listeners.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"
#include "source/server/secret_contexts.h"

namespace remora::server {
namespace {

bool SameListener(const config::ListenerConfig& a, const config::ListenerConfig& b) {
  // Chains that mean the same are the same objects.
  return a.meaning == b.meaning && a.AllChains() == b.AllChains() &&
         (a.default_filter_chain == nullptr) == (b.default_filter_chain == nullptr);
}

}  // namespace

DynamicListeners::~DynamicListeners() = default;

void DynamicListeners::Subscribe(const config::ConfigSource& source) {
  subscription_ = services_.sources.Subscribe(source, xds::ResourceType::kListener, true,
                                              "listener_manager.lds.", *this);
  subscription_->Start();
}

// --- resources ---

std::vector<xds::ResourceError> DynamicListeners::OnUpdate(const xds::ResourceUpdate& update) {
  std::vector<xds::ResourceError> errors;
  ConfigJournal::Update journal(services_.journal, xds::ResourceType::kListener, update.version,
                                update.from_snapshot);
  // One request for all route tables that the new listeners need.
  services_.sources.Pause(xds::ResourceType::kRoutes);
  // First what goes: what comes may want its address.
  for (const std::string& name : update.removed) {
    if (Remove(name)) journal.Removed(name);
  }
  for (const xds::Resource& resource : update.changed) {
    const absl::StatusOr<Change> change = Put(resource);
    if (!change.ok()) {
      const std::string message(change.status().message());
      journal.Refused(resource.name, message);
      errors.push_back({std::string(resource.name), message});
    } else if (*change == Change::kAdded) {
      journal.Added(resource.name);
      stats_.listener_added.Inc();
    } else if (*change == Change::kModified) {
      journal.Changed(resource.name);
      stats_.listener_modified.Inc();
    }
  }
  listeners_.EndUpdate();
  services_.sources.Resume(xds::ResourceType::kRoutes);
  if (errors.empty()) version_ = std::string(update.version);
  Settle();
  return errors;
}

void DynamicListeners::OnFetchTimeout(absl::Span<const std::string>) { Settle(); }

void DynamicListeners::Settle() {
  if (!std::exchange(settled_, true))
    services_.warmer.Arrived(kListenerSourceTarget, kFirstListeners);
}

absl::StatusOr<DynamicListeners::Change> DynamicListeners::Put(const xds::Resource& resource) {
  const std::string name(resource.name);
  // As Envoy: what the bootstrap says stays, and nobody is told.
  if (!entries_.contains(name) && listeners_.Contains(name)) {
    REMORA_LOG(kMain, kInfo, "listener ", name, " is the bootstrap's: the source's is passed over");
    return Change::kNothing;
  }
  config::ResourceVersion shown{std::string(resource.version), std::string(resource.bytes),
                                services_.dispatcher.wall_now()};
  absl::StatusOr<Change> change = Take(name, resource.bytes, shown);
  Entry& entry = entries_[name];
  if (change.ok()) {
    entry.refused.reset();
  } else {
    entry.refused = {std::move(shown), std::string(change.status().message())};
  }
  return change;
}

absl::StatusOr<DynamicListeners::Change> DynamicListeners::Take(const std::string& name,
                                                                std::string_view message,
                                                                config::ResourceVersion shown) {
  Entry& entry = entries_[name];
  const Version* const active = entry.active.get();
  absl::StatusOr<Config> config =
      services_.translator.Listener(message, active == nullptr ? nullptr : active->config.get());
  if (!config.ok()) return config.status();
  if (active != nullptr && SameListener(*active->config, **config)) {
    // Back to what serves: what waited to take its place is not wanted any more.
    ForgetWarming(name, entry);
    entry.active->shown = std::move(shown);
    return Change::kNothing;
  }
  const bool is_new = active == nullptr && entry.warming == nullptr;
  auto version = std::make_unique<Version>();
  version->shown = std::move(shown);
  version->config = *std::move(config);
  absl::Status status = Warm(name, entry, std::move(version));
  if (!status.ok()) return status;
  return is_new ? Change::kAdded : Change::kModified;
}

bool DynamicListeners::Remove(const std::string& name) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return false;
  Entry entry = std::move(found->second);
  ForgetWarming(name, entry);
  entries_.erase(found);
  const bool served = entry.active != nullptr;
  if (served) {
    listeners_.Remove(name, std::move(entry.active));
    stats_.listener_removed.Inc();
  }
  return served;
}

// --- warming ---

absl::Status DynamicListeners::Follow(const Version* active, Version& version) {
  const config::ListenerConfig& config = *version.config;
  const std::string target = ListenerTarget(config);
  std::string prefix = config.stat_prefix;
  if (prefix.empty()) prefix = config.address.ToString();
  for (const auto& chain : config.AllChains()) {
    if (active != nullptr && active->chains.contains(chain.get())) continue;
    auto scopes = std::make_unique<ScopeLease>(services_.stats);
    stats::Scope& scope = scopes->Add(absl::StrCat("listener.", prefix));
    auto tls = services_.tls.Follow(chain->tls_contexts, target, scope);
    if (!tls.ok()) return tls.status();
    FollowedChain& followed = version.chains[chain.get()];
    followed.scopes = std::move(scopes);
    followed.tls = *std::move(tls);
    for (const config::RouteUse& use : chain->route_uses) {
      followed.routes.push_back(parts_.routes.Follow(use, target));
    }
    for (const config::ScopeUse& use : chain->scope_uses) {
      followed.route_scopes.push_back(parts_.scopes.Follow(use, target));
    }
    for (const config::ExtensionUse& use : chain->extension_uses) {
      followed.extensions.push_back(parts_.extensions.Follow(use, target));
    }
  }
  return absl::OkStatus();
}

absl::Status DynamicListeners::Warm(const std::string& name, Entry& entry,
                                    std::unique_ptr<Version> version) {
  const std::unique_ptr<Version> before = ForgetWarming(name, entry);
  absl::Status status = Prepare(name, entry, version);
  if (!status.ok() && before != nullptr) {
    // It was good, and still is what is wanted.
    auto again = std::make_unique<Version>();
    again->shown = std::move(before->shown);
    again->config = std::move(before->config);
    const absl::Status back = Prepare(name, entry, again);
    if (!back.ok()) REMORA_LOG(kMain, kError, std::string(back.message()));
  }
  if (entry.warming == nullptr ||
      services_.warmer.IsWarming(ListenerTarget(*entry.warming->config))) {
    return status;
  }
  status.Update(Activate(name, entry));
  return status;
}

absl::Status DynamicListeners::Prepare(const std::string& name, Entry& entry,
                                       std::unique_ptr<Version>& version) {
  absl::Status status = open_logs_(*version->config);
  if (status.ok()) status = listeners_.Prepare(version->config);
  if (!status.ok()) return status;
  const std::string target = ListenerTarget(*version->config);
  status = Follow(entry.active.get(), *version);
  if (!status.ok()) {
    listeners_.Drop(*version->config);
    services_.warmer.Forget(target);
    return status;
  }
  entry.warming = std::move(version);
  warming_.insert(name);
  return absl::OkStatus();
}

std::unique_ptr<DynamicListeners::Version> DynamicListeners::ForgetWarming(const std::string& name,
                                                                           Entry& entry) {
  if (entry.warming == nullptr) return nullptr;
  services_.warmer.Forget(ListenerTarget(*entry.warming->config));
  listeners_.Drop(*entry.warming->config);
  warming_.erase(name);
  return std::move(entry.warming);
}

void DynamicListeners::ActivateWarm() {
  // Activate takes them out.
  const std::vector<std::string> names(warming_.begin(), warming_.end());
  for (const std::string& name : names) {
    Entry& entry = entries_[name];
    if (services_.warmer.IsWarming(ListenerTarget(*entry.warming->config))) continue;
    const config::ResourceVersion shown = entry.warming->shown;
    absl::Status status = Activate(name, entry);
    if (status.ok()) continue;
    REMORA_LOG(kMain, kError, std::string(status.message()));
    entry.refused = {shown, std::string(status.message())};
  }
}

absl::Status DynamicListeners::Activate(const std::string& name, Entry& entry) {
  std::unique_ptr<Version> next = std::move(entry.warming);
  warming_.erase(name);
  absl::Status status = listeners_.Listen(*next->config);
  if (!status.ok()) return status;
  if (entry.active != nullptr) {
    // Chains that stay belong to the new version from now on; the others go with the old one.
    auto& old = entry.active->chains;
    for (const auto& chain : next->config->AllChains()) {
      const auto kept = old.find(chain.get());
      if (kept == old.end()) continue;
      next->chains[chain.get()] = std::move(kept->second);
      old.erase(kept);
    }
  }
  listeners_.Serve(*next->config, std::move(entry.active));
  entry.active = std::move(next);
  return absl::OkStatus();
}

// --- for the admin interface ---

const config::ResourceVersion* DynamicListeners::Find(const std::string& name) const {
  const auto found = entries_.find(name);
  const bool there = found != entries_.end() && found->second.active != nullptr;
  return there ? &found->second.active->shown : nullptr;
}

void DynamicListeners::Show(config::ShownResources& shown) const {
  shown.listeners_version = version_;
  for (const auto& [name, entry] : entries_) {
    config::ShownResource& listener = shown.listeners.emplace_back();
    listener.name = name;
    if (entry.active != nullptr) listener.active = entry.active->shown;
    if (entry.warming != nullptr) listener.warming = entry.warming->shown;
    listener.refused = entry.refused;
  }
}

}  // namespace remora::server
