#include "source/server/followed_resource.h"

#include <utility>

namespace remora::server {

std::vector<xds::ResourceError> FollowedResource::Offer(
    const xds::ResourceUpdate& update, absl::FunctionRef<absl::Status(std::string_view)> take) {
  std::vector<xds::ResourceError> errors;
  ConfigJournal::Update journal(journal_, type_, update.version, update.from_snapshot);
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

}  // namespace remora::server
