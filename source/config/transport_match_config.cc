#include "source/config/transport_match_config.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/endpoint/v3/endpoint_components.pb.h"
#include "source/config/format_config.h"
#include "source/config/proxy_transport_config.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

namespace cds = envoy::config::cluster::v3;
namespace core = envoy::config::core::v3;

constexpr char kNameSpace[] = "envoy.transport_socket_match";

// The values that matches are compared with; an empty struct when there are none.
http::MetadataValue ValuesOf(const core::Metadata& metadata) {
  const auto found = metadata.filter_metadata().find(kNameSpace);
  if (found == metadata.filter_metadata().end()) return {};
  return ToMetadataValue(found->second);
}

// Every one of `wanted`, with the same value.
bool Has(const http::MetadataValue& values, const http::MetadataValue& wanted) {
  for (const auto& [name, value] : wanted.fields) {
    const auto found = values.fields.find(name);
    if (found == values.fields.end() || !(found->second == value)) return false;
  }
  return true;
}

// As HostConfig::transport says it.
uint32_t Choose(const std::vector<upstream::TransportMatch>& matches,
                const http::MetadataValue& endpoint, const http::MetadataValue& locality) {
  for (const http::MetadataValue* values : {&endpoint, &locality}) {
    for (size_t i = 0; i < matches.size(); ++i) {
      if (Has(*values, matches[i].values)) return static_cast<uint32_t>(i + 1);
    }
  }
  return 0;
}

}  // namespace

void ParseTransportMatches(const cds::Cluster& proto, const FieldPath& path,
                           Translation& translation, upstream::ClusterConfig& config) {
  const FieldPath list = path.Field("transport_socket_matches");
  for (int i = 0; i < proto.transport_socket_matches_size(); ++i) {
    const cds::Cluster::TransportSocketMatch& match = proto.transport_socket_matches(i);
    const FieldPath at = list.Index(static_cast<size_t>(i));
    config.transport_matches.push_back(
        {match.name(), ToMetadataValue(match.match()),
         ParseClusterTransport(match.transport_socket(), Concat("cluster '", proto.name(), "'"),
                               at.Field("transport_socket"), translation)});
  }
  ChooseTransports(proto.load_assignment(), config.transport_matches, config.hosts);
}

void ChooseTransports(const envoy::config::endpoint::v3::ClusterLoadAssignment& proto,
                      const std::vector<upstream::TransportMatch>& matches,
                      std::vector<upstream::HostConfig>& hosts) {
  if (matches.empty() || hosts.empty()) return;
  size_t host = 0;
  for (const auto& group : proto.endpoints()) {
    const http::MetadataValue locality = ValuesOf(group.metadata());
    for (const auto& endpoint : group.lb_endpoints()) {
      hosts[host++].transport = Choose(matches, ValuesOf(endpoint.metadata()), locality);
    }
  }
}

}  // namespace remora::config
