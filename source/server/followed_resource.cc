#include "source/server/followed_resource.h"

#include <algorithm>
#include <utility>

namespace remora::server {

std::vector<xds::ResourceError> FollowedResource::Offer(
    const xds::ResourceUpdate& update, absl::FunctionRef<absl::Status(std::string_view)> take) {
  std::vector<xds::ResourceError> errors;
  ConfigJournal::Update journal(journal_, type_, update.version);
  for (const xds::Resource& resource : update.changed) {
    if (resource.name != shown_.name) continue;
    config::ResourceVersion version{std::string(resource.version), std::string(resource.bytes),
                                    dispatcher_.wall_now()};
    const absl::Status status = take(resource.bytes);
    if (status.ok()) {
      shown_.active.has_value() ? journal.Changed(shown_.name) : journal.Added(shown_.name);
      shown_.active = std::move(version);
      shown_.refused.reset();
      continue;
    }
    const std::string message(status.message());
    journal.Refused(shown_.name, message);
    errors.push_back({shown_.name, message});
    shown_.refused = {std::move(version), message};
  }
  return errors;
}

bool FollowedResource::Withdraw(const xds::ResourceUpdate& update) {
  const bool named =
      std::find(update.removed.begin(), update.removed.end(), shown_.name) != update.removed.end();
  if (!named || !shown_.active.has_value()) return false;
  ConfigJournal::Update(journal_, type_, update.version).Removed(shown_.name);
  shown_.active.reset();
  shown_.refused.reset();
  return true;
}

}  // namespace remora::server
