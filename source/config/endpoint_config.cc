#include "source/config/endpoint_config.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "envoy/config/core/v3/health_check.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/endpoint/v3/endpoint_components.pb.h"
#include "source/config/format_config.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

namespace eds = envoy::config::endpoint::v3;
using envoy::config::core::v3::HealthStatus;

upstream::HealthStatus ParseHealth(HealthStatus status) {
  switch (status) {
    case envoy::config::core::v3::HEALTHY:
      return upstream::HealthStatus::kHealthy;
    case envoy::config::core::v3::UNHEALTHY:
      return upstream::HealthStatus::kUnhealthy;
    case envoy::config::core::v3::DRAINING:
      return upstream::HealthStatus::kDraining;
    case envoy::config::core::v3::TIMEOUT:
      return upstream::HealthStatus::kTimeout;
    case envoy::config::core::v3::DEGRADED:
      return upstream::HealthStatus::kDegraded;
    default:
      return upstream::HealthStatus::kUnknown;
  }
}

// The address that Envoy's text would resolve a name for gets its advice.
void ParseEndpointAddress(const eds::Endpoint& proto, const FieldPath& path,
                          Translation& translation, upstream::HostConfig& host) {
  const size_t errors_before = translation.errors.size();
  std::optional<ParsedAddress> parsed =
      ParseAddress(proto.address(), path.Field("address"), translation);
  if (parsed.has_value()) {
    host.address = std::move(parsed->address);
    return;
  }
  const std::vector<ConfigError>& errors = translation.errors.errors();
  if (errors.size() > errors_before && errors.back().message.starts_with("malformed IP address")) {
    translation.errors.mutable_errors().back().message +=
        ". Consider setting resolver_name or setting cluster type to 'STRICT_DNS' or 'LOGICAL_DNS'";
  }
}

upstream::HostConfig ParseHost(const eds::LbEndpoint& proto, const FieldPath& path,
                               Translation& translation) {
  upstream::HostConfig host;
  ParseEndpointAddress(proto.endpoint(), path.Field("endpoint"), translation, host);
  host.hostname = proto.endpoint().hostname();
  if (proto.has_load_balancing_weight()) host.weight = proto.load_balancing_weight().value();
  host.health = ParseHealth(proto.health_status());
  host.metadata = ParseMetadata(proto.metadata());
  return host;
}

}  // namespace

std::vector<upstream::HostConfig> ParseLoadAssignment(const eds::ClusterLoadAssignment& proto,
                                                      const FieldPath& path,
                                                      Translation& translation) {
  std::vector<upstream::HostConfig> hosts;
  uint64_t total_weight = 0;
  const FieldPath groups = path.Field("endpoints");
  for (int i = 0; i < proto.endpoints_size(); ++i) {
    const eds::LocalityLbEndpoints& group = proto.endpoints(i);
    const FieldPath group_path = groups.Index(static_cast<size_t>(i));
    if (group.priority() != 0) {
      translation.errors.Add(
          group_path.Field("priority"),
          Concat("priority ", group.priority(), " is not supported: there is one priority level"));
    }
    const FieldPath endpoints = group_path.Field("lb_endpoints");
    for (int j = 0; j < group.lb_endpoints_size(); ++j) {
      upstream::HostConfig host =
          ParseHost(group.lb_endpoints(j), endpoints.Index(static_cast<size_t>(j)), translation);
      host.locality = ParseLocality(group.locality());
      total_weight += host.weight;
      hosts.push_back(std::move(host));
    }
  }
  if (total_weight > std::numeric_limits<uint32_t>::max()) {
    translation.errors.Add(groups,
                           Concat("The sum of weights of all endpoints exceeds ",
                                  std::numeric_limits<uint32_t>::max(), " (", total_weight, ")"));
  }
  return hosts;
}

}  // namespace remora::config
