#include "source/server/endpoint_subscription.h"

#include <utility>

namespace remora::server {

EndpointSubscription::EndpointSubscription(config::EndpointSource source,
                                           std::string_view stat_prefix, const Services& services,
                                           Events events)
    : source_(std::move(source)),
      services_(services),
      events_(std::move(events)),
      subscription_(services_.sources.Subscribe(source_.source, xds::ResourceType::kEndpoints,
                                                false, stat_prefix, *this)) {
  shown_.name = source_.service_name;
}

void EndpointSubscription::Start() {
  subscription_->SetNames({source_.service_name});
  subscription_->Start();
}

std::vector<xds::ResourceError> EndpointSubscription::OnUpdate(const xds::ResourceUpdate& update) {
  std::vector<xds::ResourceError> errors;
  ConfigJournal::Update journal(services_.journal, xds::ResourceType::kEndpoints, update.version);
  for (const xds::Resource& resource : update.changed) {
    if (resource.name != source_.service_name) continue;
    config::ResourceVersion version{std::string(resource.version), std::string(resource.bytes),
                                    services_.dispatcher.wall_now()};
    const absl::Status status = events_.take(*this, resource.bytes);
    if (status.ok()) {
      shown_.active.has_value() ? journal.Changed(resource.name) : journal.Added(resource.name);
      shown_.active = std::move(version);
      shown_.refused.reset();
      continue;
    }
    journal.Refused(resource.name, std::string(status.message()));
    errors.push_back({std::string(resource.name), std::string(status.message())});
    shown_.refused = {std::move(version), std::string(status.message())};
  }
  if (errors.empty()) Settle();
  return errors;
}

void EndpointSubscription::OnFetchTimeout(absl::Span<const std::string>) { Settle(); }

void EndpointSubscription::Settle() {
  settled_ = true;
  events_.on_settled();
}

}  // namespace remora::server
