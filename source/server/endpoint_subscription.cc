#include "source/server/endpoint_subscription.h"

#include <utility>

namespace remora::server {

EndpointSubscription::EndpointSubscription(std::shared_ptr<const config::ConfigSource> source,
                                           std::string service_name, std::string_view stat_prefix,
                                           const Services& services, Events events)
    : source_(std::move(source)),
      events_(std::move(events)),
      resource_(std::move(service_name), xds::ResourceType::kEndpoints, services.journal,
                services.dispatcher),
      subscription_(services.sources.Subscribe(*source_, xds::ResourceType::kEndpoints, false,
                                               stat_prefix, *this)) {}

void EndpointSubscription::Start() {
  subscription_->SetNames({resource_.name()});
  subscription_->Start();
}

std::vector<xds::ResourceError> EndpointSubscription::OnUpdate(const xds::ResourceUpdate& update) {
  std::vector<xds::ResourceError> errors = resource_.Offer(
      update, [this](std::string_view message) { return events_.take(*this, message); });
  // Also when it was refused: as in Envoy nobody waits for a better one.
  Settle();
  return errors;
}

void EndpointSubscription::OnFetchTimeout(absl::Span<const std::string>) { Settle(); }

void EndpointSubscription::Settle() {
  settled_ = true;
  events_.on_settled();
}

}  // namespace remora::server
