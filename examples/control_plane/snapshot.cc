#include "examples/control_plane/snapshot.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "source/base/hash.h"
#include "source/config/proto_values.h"

namespace remora::control_plane {
namespace {

namespace tls = envoy::extensions::transport_sockets::tls::v3;
namespace hcm = envoy::extensions::filters::network::http_connection_manager::v3;
using envoy::config::core::v3::ApiVersion;
using envoy::config::core::v3::ConfigSource;

constexpr char kListenerName[] = "ingress";
constexpr char kRoutesName[] = "routes";
constexpr int kConnectSeconds = 1;
constexpr uint32_t kRetries = 2;

// The same bytes for the same message: maps are written in the order of their keys.
std::string Serialize(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

void Add(Resources& resources, std::string name, const google::protobuf::Message& message) {
  std::string bytes = Serialize(message);
  std::string version = VersionOf(bytes);
  resources.emplace(
      std::move(name),
      Resource{std::move(version), std::make_shared<const std::string>(std::move(bytes))});
}

void FromThisStream(ConfigSource& source) {
  source.mutable_ads();
  source.set_resource_api_version(ApiVersion::V3);
}

void SetTls(const v1::Tls& from, envoy::config::cluster::v3::Cluster& cluster) {
  tls::UpstreamTlsContext context;
  context.set_sni(from.server_name());
  auto& common = *context.mutable_common_tls_context();
  // Secrets without a source are those of the sidecar's bootstrap.
  auto& validation = *common.mutable_combined_validation_context();
  validation.mutable_validation_context_sds_secret_config()->set_name(from.trusted_ca());
  auto& name =
      *validation.mutable_default_validation_context()->add_match_typed_subject_alt_names();
  name.set_san_type(tls::SubjectAltNameMatcher::DNS);
  name.mutable_matcher()->set_exact(from.server_name());
  if (!from.identity().empty()) {
    common.add_tls_certificate_sds_secret_configs()->set_name(from.identity());
  }
  auto& socket = *cluster.mutable_transport_socket();
  socket.set_name("envoy.transport_sockets.tls");
  socket.mutable_typed_config()->PackFrom(context);
}

envoy::config::cluster::v3::Cluster ClusterOf(const v1::Route& route) {
  envoy::config::cluster::v3::Cluster cluster;
  cluster.set_name(route.name());
  cluster.set_type(envoy::config::cluster::v3::Cluster::EDS);
  cluster.mutable_connect_timeout()->set_seconds(kConnectSeconds);
  FromThisStream(*cluster.mutable_eds_cluster_config()->mutable_eds_config());
  if (route.has_tls()) SetTls(route.tls(), cluster);
  return cluster;
}

envoy::config::endpoint::v3::ClusterLoadAssignment EndpointsOf(const v1::Route& route) {
  envoy::config::endpoint::v3::ClusterLoadAssignment assignment;
  assignment.set_cluster_name(route.name());
  if (route.instances().empty()) return assignment;
  auto& locality = *assignment.add_endpoints();
  for (const v1::Instance& instance : route.instances()) {
    auto& endpoint = *locality.add_lb_endpoints();
    auto& address = *endpoint.mutable_endpoint()->mutable_address()->mutable_socket_address();
    address.set_address(instance.address());
    address.set_port_value(instance.port());
    endpoint.mutable_load_balancing_weight()->set_value(
        instance.has_weight() ? instance.weight().value() : 1);
  }
  return assignment;
}

envoy::config::listener::v3::Listener ListenerAt(const net::Address& address) {
  hcm::HttpConnectionManager manager;
  manager.set_stat_prefix(kListenerName);
  manager.mutable_use_remote_address()->set_value(true);
  manager.mutable_rds()->set_route_config_name(kRoutesName);
  FromThisStream(*manager.mutable_rds()->mutable_config_source());
  auto& router = *manager.add_http_filters();
  router.set_name("envoy.filters.http.router");
  router.mutable_typed_config()->PackFrom(envoy::extensions::filters::http::router::v3::Router());
  envoy::config::listener::v3::Listener listener;
  listener.set_name(kListenerName);
  config::SetAddress(address, *listener.mutable_address());
  auto& filter = *listener.add_filter_chains()->add_filters();
  filter.set_name("envoy.filters.network.http_connection_manager");
  filter.mutable_typed_config()->PackFrom(manager);
  return listener;
}

void SetRoute(const v1::Route& from, envoy::config::route::v3::Route& route) {
  route.set_name(from.name());
  route.mutable_match()->set_prefix(from.path());
  auto& action = *route.mutable_route();
  action.set_cluster(from.name());
  // An instance that dies before it is removed costs no request that it has not seen.
  auto& retry = *action.mutable_retry_policy();
  retry.set_retry_on("connect-failure,refused-stream");
  retry.mutable_num_retries()->set_value(kRetries);
}

envoy::config::route::v3::RouteConfiguration RoutesOf(const RouteTable& table) {
  std::map<std::string, std::vector<const v1::Route*>> hosts;
  for (const auto& [name, route] : table.routes()) hosts[route.host()].push_back(&route);
  envoy::config::route::v3::RouteConfiguration routes;
  routes.set_name(kRoutesName);
  for (auto& [host, of_host] : hosts) {
    // The first that fits is taken.
    std::sort(of_host.begin(), of_host.end(), [](const v1::Route* a, const v1::Route* b) {
      if (a->path().size() != b->path().size()) return a->path().size() > b->path().size();
      return a->path() < b->path();
    });
    auto& virtual_host = *routes.add_virtual_hosts();
    virtual_host.set_name(host);
    virtual_host.add_domains(host);
    for (const v1::Route* route : of_host) SetRoute(*route, *virtual_host.add_routes());
  }
  return routes;
}

}  // namespace

std::string_view TypeName(ResourceType type) {
  switch (type) {
    case ResourceType::kClusters:
      return "clusters";
    case ResourceType::kEndpoints:
      return "endpoints";
    case ResourceType::kListeners:
      return "listeners";
    case ResourceType::kRoutes:
      break;
  }
  return "routes";
}

std::string_view TypeUrl(ResourceType type) {
  switch (type) {
    case ResourceType::kClusters:
      return "type.googleapis.com/envoy.config.cluster.v3.Cluster";
    case ResourceType::kEndpoints:
      return "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
    case ResourceType::kListeners:
      return "type.googleapis.com/envoy.config.listener.v3.Listener";
    case ResourceType::kRoutes:
      break;
  }
  return "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
}

std::string VersionOf(std::string_view bytes) {
  return absl::StrFormat("%016x", base::XxHash64(bytes));
}

Snapshot BuildSnapshot(const RouteTable& table, const net::Address& listener) {
  Snapshot snapshot;
  for (const auto& [name, route] : table.routes()) {
    Add(snapshot.of(ResourceType::kClusters), name, ClusterOf(route));
    Add(snapshot.of(ResourceType::kEndpoints), name, EndpointsOf(route));
  }
  Add(snapshot.of(ResourceType::kListeners), kListenerName, ListenerAt(listener));
  Add(snapshot.of(ResourceType::kRoutes), kRoutesName, RoutesOf(table));
  return snapshot;
}

}  // namespace remora::control_plane
