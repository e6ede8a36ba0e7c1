#include "source/server/dynamic_extensions.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"

namespace remora::server {
namespace {

std::string StatPrefix(const config::ExtensionUse& use) {
  return absl::StrCat("extension_config_discovery.http_filter.", use.name, ".");
}

}  // namespace

DynamicExtensions::DynamicExtensions(Services services) : services_(std::move(services)) {}

DynamicExtensions::~DynamicExtensions() = default;

std::unique_ptr<ExtensionLease> DynamicExtensions::Follow(const config::ExtensionUse& use,
                                                          const std::string& who) {
  use.slot->Prepare(services_.workers);
  return subscriptions_.Follow(use, who,
                               [&] { return std::make_unique<ExtensionSubscription>(*this, use); });
}

void DynamicExtensions::Remove(const ExtensionSubscription& subscription) {
  subscriptions_.Remove(subscription);
}

const config::ResourceVersion* DynamicExtensions::Find(std::string_view name) const {
  const auto found =
      std::find_if(subscriptions_.begin(), subscriptions_.end(),
                   [name](const auto& one) { return one->resource().name() == name; });
  return found != subscriptions_.end() ? (*found)->resource().active_version() : nullptr;
}

void DynamicExtensions::Show(config::ShownResources& shown) const {
  for (const auto& subscription : subscriptions_) shown.extensions.push_back(subscription->shown());
}

ExtensionSubscription::ExtensionSubscription(DynamicExtensions& extensions,
                                             const config::ExtensionUse& first)
    : extensions_(extensions),
      services_(extensions.services_),
      source_(first.source),
      scopes_(services_.stats),
      stats_(scopes_.Add(StatPrefix(first)).Make<ExtensionStats>(services_.stats.main_shard())),
      // As /init_dump shows it.
      target_(absl::StrCat("target FilterConfigSubscription init ", first.name)),
      resource_(first.name, xds::ResourceType::kExtension, services_.journal, services_.dispatcher),
      subscription_(services_.sources.Subscribe(first.source, xds::ResourceType::kExtension, false,
                                                StatPrefix(first), *this)) {}

void ExtensionSubscription::Start() {
  subscription_->SetNames({resource_.name()});
  subscription_->Start();
}

size_t ExtensionSubscription::Add(const config::ExtensionUse& use, const std::string& who) {
  users_.push_back({++last_id_, use, who});
  Version first = use.fallback;
  if (resource_.active().has_value()) {
    absl::StatusOr<Version> version = Translate(resource_.active()->message, use);
    if (version.ok()) {
      first = *std::move(version);
    } else {
      REMORA_LOG(kMain, kError, "the configuration of the HTTP filter ", resource_.name(),
                 " is not for all who ask for it: ", std::string(version.status().message()));
    }
  }
  if (first != nullptr) services_.put(use.slot, first);
  if (!settled_ && use.warms) services_.warmer.Wait(who, target_);
  return last_id_;
}

void ExtensionSubscription::Remove(size_t user) {
  std::erase_if(users_, [user](const User& candidate) { return candidate.id == user; });
  if (users_.empty()) extensions_.Remove(*this);
}

absl::StatusOr<ExtensionSubscription::Version> ExtensionSubscription::Translate(
    std::string_view message, const config::ExtensionUse& use) const {
  absl::StatusOr<Version> version = services_.translator.HttpFilter(message, use);
  if (!version.ok()) return version;
  absl::Status status = services_.open_logs(**version);
  if (!status.ok()) return status;
  return version;
}

absl::Status ExtensionSubscription::Take(std::string_view message) const {
  std::vector<Version> versions;
  for (const User& user : users_) {
    absl::StatusOr<Version> version = Translate(message, user.use);
    if (!version.ok()) return version.status();
    versions.push_back(*std::move(version));
  }
  for (size_t i = 0; i < users_.size(); ++i) services_.put(users_[i].use.slot, versions[i]);
  stats_.config_reload.Inc();
  return absl::OkStatus();
}

std::vector<xds::ResourceError> ExtensionSubscription::OnUpdate(const xds::ResourceUpdate& update) {
  if (resource_.Withdraw(update)) {
    for (const User& user : users_) services_.put(user.use.slot, user.use.fallback);
  }
  std::vector<xds::ResourceError> errors =
      resource_.Offer(update, [this](std::string_view message) { return Take(message); });
  if (!errors.empty()) stats_.config_fail.Inc();
  // Also when it was refused: as in Envoy nobody waits for a better one.
  Settle();
  return errors;
}

void ExtensionSubscription::OnFetchTimeout(absl::Span<const std::string>) {
  stats_.config_fail.Inc();
  Settle();
}

void ExtensionSubscription::Settle() {
  settled_ = true;
  for (const User& user : users_) services_.warmer.Arrived(user.who, target_);
}

}  // namespace remora::server
