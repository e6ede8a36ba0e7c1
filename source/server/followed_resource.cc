#include "source/server/followed_resource.h"

#include <algorithm>
#include <utility>

namespace remora::server {

std::vector<xds::ResourceError> FollowedResource::Offer(
    const xds::ResourceUpdate& update, absl::FunctionRef<absl::Status(std::string_view)> take) {
  std::vector<xds::ResourceError> errors;
  ConfigJournal::Update journal(journal_, type_, update.version, update.from_snapshot);
  for (const xds::Resource& resource : update.changed) {
    if (resource.name != name_) continue;
    config::ResourceVersion version{std::string(resource.version), std::string(resource.bytes),
                                    dispatcher_.wall_now()};
    const absl::Status status = take(resource.bytes);
    if (status.ok()) {
      active_.has_value() ? journal.Changed(name_) : journal.Added(name_);
      active_ = std::move(version);
      refused_.reset();
      continue;
    }
    const std::string message(status.message());
    journal.Refused(name_, message);
    errors.push_back({name_, message});
    refused_ = std::make_unique<const config::ResourceRefusal>(
        config::ResourceRefusal{std::move(version), message});
  }
  return errors;
}

config::ShownResource FollowedResource::shown() const {
  config::ShownResource shown;
  shown.name = name_;
  shown.active = active_;
  if (refused_ != nullptr) shown.refused = *refused_;
  return shown;
}

bool FollowedResource::Withdraw(const xds::ResourceUpdate& update) {
  const bool named =
      std::find(update.removed.begin(), update.removed.end(), name_) != update.removed.end();
  if (!named) return false;
  refused_.reset();
  if (!active_.has_value()) return false;
  ConfigJournal::Update(journal_, type_, update.version, update.from_snapshot).Removed(name_);
  active_.reset();
  return true;
}

}  // namespace remora::server
