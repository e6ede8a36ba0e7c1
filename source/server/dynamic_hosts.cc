#include "source/server/dynamic_hosts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"
#include "source/config/proto_values.h"

namespace remora::server {
namespace {

// "a" of "a/b.example".
std::string_view TableOf(std::string_view name) {
  const size_t end = name.rfind('/');
  return end == std::string_view::npos ? std::string_view() : name.substr(0, end);
}

std::string_view HostOf(std::string_view name) { return name.substr(name.rfind('/') + 1); }

// Whether it can be part of a name that stands for one host.
bool IsHost(const std::string& host) {
  return !host.empty() && host.size() <= HostSubscription::kLongestHost &&
         host.find('/') == std::string::npos && config::ToUtf8(host) == host;
}

// Names that a source says nothing of must not be waited for without end.
config::ConfigSource Bounded(config::ConfigSource source) {
  if (source.initial_fetch_timeout == 0) {
    source.initial_fetch_timeout = config::ConfigSource::kDefaultFetchTimeout;
  }
  return source;
}

}  // namespace

DynamicHosts::~DynamicHosts() = default;

std::unique_ptr<HostLease> DynamicHosts::Follow(const HostUse& use) {
  return subscriptions_.Follow(use, use.table,
                               [&] { return std::make_unique<HostSubscription>(*this, use); });
}

bool DynamicHosts::Find(const HostUse& use, const std::string& host) {
  const auto found = std::find_if(subscriptions_.begin(), subscriptions_.end(),
                                  [&use](const auto& one) { return one->Is(use); });
  return (*found)->Find(use, host);
}

HostSubscription::HostSubscription(DynamicHosts& hosts, const HostUse& first)
    : all_(hosts),
      source_(first.source),
      subscription_(hosts.services_.sources.Subscribe(Bounded(first.source),
                                                      xds::ResourceType::kVirtualHosts, true,
                                                      first.stat_prefix, *this)) {}

size_t HostSubscription::Add(const HostUse& use, const std::string&) {
  users_.push_back({++last_id_, use.table, use.user});
  // What others have had is not said again.
  const std::vector<std::string> hosts = HostsOf(use.table, hosts_);
  if (!hosts.empty()) {
    const absl::Status status = use.user->TakeHosts(hosts);
    if (!status.ok()) REMORA_LOG(kMain, kError, use.table, ": ", std::string(status.message()));
  }
  if (settled_) use.user->OnHostsSettled();
  return last_id_;
}

void HostSubscription::Remove(size_t user) {
  const auto leaving = std::find_if(users_.begin(), users_.end(),
                                    [user](const User& candidate) { return candidate.id == user; });
  // Nobody will answer those who wait.
  for (const std::string& name : std::vector<std::string>(awaited_.begin(), awaited_.end())) {
    if (TableOf(name) == leaving->table) Drop(name);
  }
  users_.erase(leaving);
  if (users_.empty()) all_.subscriptions_.Remove(*this);
}

HostSubscription::Host HostSubscription::MakeHost(const xds::Resource& resource) {
  return {std::string(resource.bytes), {resource.aliases.begin(), resource.aliases.end()}};
}

std::vector<std::string> HostSubscription::HostsOf(std::string_view table, const Hosts& hosts) {
  std::vector<std::string> bytes;
  const std::string prefix = absl::StrCat(std::string(table), "/");
  for (auto at = hosts.lower_bound(prefix); at != hosts.end() && at->first.starts_with(prefix);
       ++at) {
    if (TableOf(at->first) == table) bytes.push_back(at->second.bytes);
  }
  return bytes;
}

absl::Status HostSubscription::Offer(const Hosts& hosts, const Tables& tables) const {
  for (const User& user : users_) {
    if (!tables.contains(user.table)) continue;
    absl::Status status = user.user->TakeHosts(HostsOf(user.table, hosts));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::vector<xds::ResourceError> HostSubscription::OfferEach(const xds::ResourceUpdate& update,
                                                            Hosts& next) const {
  std::vector<xds::ResourceError> errors;
  for (const xds::Resource& resource : update.changed) {
    const std::string name(resource.name);
    Hosts with = next;
    with.insert_or_assign(name, MakeHost(resource));
    const absl::Status status = Offer(with, {std::string(TableOf(name))});
    if (status.ok()) {
      next = std::move(with);
    } else {
      errors.push_back({name, std::string(status.message())});
    }
  }
  return errors;
}

std::vector<xds::ResourceError> HostSubscription::OnUpdate(const xds::ResourceUpdate& update) {
  ConfigJournal::Update journal(all_.services_.journal, xds::ResourceType::kVirtualHosts,
                                update.version, update.from_snapshot);
  Hosts next = hosts_;
  Tables tables;
  for (const std::string& name : update.removed) {
    if (next.erase(name) == 0) continue;
    tables.emplace(TableOf(name));
    journal.Removed(name);
  }
  Hosts with = next;
  for (const xds::Resource& resource : update.changed) {
    tables.emplace(TableOf(resource.name));
    with.insert_or_assign(std::string(resource.name), MakeHost(resource));
  }
  std::vector<xds::ResourceError> errors;
  if (Offer(with, tables).ok()) {
    next = std::move(with);
  } else {
    errors = OfferEach(update, next);
    // Of several tables one may have taken what another one refused.
    const absl::Status status = Offer(next, tables);
    if (!status.ok()) REMORA_LOG(kMain, kError, std::string(status.message()));
  }
  for (const xds::ResourceError& error : errors) journal.Refused(error.name, error.message);
  for (const xds::Resource& resource : update.changed) {
    const std::string name(resource.name);
    if (!next.contains(name)) continue;
    hosts_.contains(name) ? journal.Changed(resource.name) : journal.Added(resource.name);
  }
  hosts_ = std::move(next);
  aliases_.clear();
  for (const auto& [name, host] : hosts_) aliases_.insert(host.aliases.begin(), host.aliases.end());
  for (const xds::Resource& resource : update.changed) {
    Answer(std::string(resource.name));
    for (const std::string& alias : resource.aliases) Answer(alias);
  }
  for (const std::string& name : update.removed) Drop(name);
  Settle();
  return errors;
}

void HostSubscription::OnFetchTimeout(absl::Span<const std::string> names) {
  for (const std::string& name : names) Drop(name);
  Settle();
}

void HostSubscription::Settle() {
  if (std::exchange(settled_, true)) return;
  for (const User& user : users_) user.user->OnHostsSettled();
}

void HostSubscription::Answer(const std::string& name) {
  awaited_.erase(name);
  const std::string host(HostOf(name));
  for (const User& user : users_) {
    if (user.table == TableOf(name)) user.user->OnHostAnswer(host);
  }
}

void HostSubscription::Drop(const std::string& name) {
  subscription_->DropName(name);
  Answer(name);
}

bool HostSubscription::Find(const HostUse& use, const std::string& host) {
  const std::string name = absl::StrCat(use.table, "/", host);
  if (awaited_.contains(name)) return true;
  const bool is_known = hosts_.contains(name) || aliases_.contains(name);
  const bool may_ask = IsHost(host) && awaited_.size() < kMostAwaited;
  if (is_known || !may_ask) {
    use.user->OnHostAnswer(host);
    return is_known;
  }
  awaited_.insert(name);
  // Anew, if it was refused or has gone since.
  subscription_->DropName(name);
  subscription_->AddName(name);
  return true;
}

}  // namespace remora::server
