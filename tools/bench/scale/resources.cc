#include "tools/bench/scale/resources.h"

#include <cstdio>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"

namespace remora::bench {
namespace {

namespace core = envoy::config::core::v3;
using envoy::config::cluster::v3::Cluster;
using envoy::config::endpoint::v3::ClusterLoadAssignment;
using envoy::config::listener::v3::Listener;
using envoy::config::route::v3::RouteConfiguration;
using HttpConnectionManager =
    envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using envoy::extensions::filters::http::router::v3::Router;

constexpr int kResources = 2;  // in both responses
constexpr size_t kAddressesInBlock = 250;

std::string Numbered(const char* format, size_t index) {
  char text[32];
  std::snprintf(text, sizeof(text), format, index);
  return text;
}

template <class Message>
Encoded Encode(const std::string& name, const Message& message, const std::string& version) {
  envoy::service::discovery::v3::Resource resource;
  resource.set_name(name);
  resource.set_version(version);
  resource.mutable_resource()->PackFrom(message);
  Encoded encoded;
  AppendField(kResources, resource.resource().SerializeAsString(), encoded.sotw);
  AppendField(kResources, resource.SerializeAsString(), encoded.delta);
  return encoded;
}

void SetAddress(const std::string& ip, uint16_t port, core::Address& address) {
  address.mutable_socket_address()->set_address(ip);
  address.mutable_socket_address()->set_port_value(port);
}

void UseAds(core::ConfigSource& source) {
  source.mutable_ads();
  source.set_resource_api_version(core::V3);
}

template <class VirtualHost>
void AddRoute(const std::string& prefix, const std::string& cluster, VirtualHost& host) {
  auto& route = *host.add_routes();
  route.mutable_match()->set_prefix(prefix);
  route.mutable_route()->set_cluster(cluster);
}

}  // namespace

void AppendField(int number, const std::string& value, std::string& out) {
  constexpr int kLengthDelimited = 2;
  out.push_back(static_cast<char>(number << 3 | kLengthDelimited));
  size_t length = value.size();
  for (; length >= 0x80; length >>= 7) out.push_back(static_cast<char>(length | 0x80));
  out.push_back(static_cast<char>(length));
  out += value;
}

std::string ClusterName(size_t index) { return Numbered("service-%05zu", index); }

std::string PathOf(size_t index) { return Numbered("/service-%05zu/", index); }

std::string HostOf(const Shape& shape, size_t index) {
  return shape.virtual_hosts == 0 ? "bench" : Numbered("host-%05zu.bench", index);
}

std::string AddressOf(size_t endpoint) {
  char text[32];
  std::snprintf(text, sizeof(text), "127.0.%zu.%zu", endpoint / kAddressesInBlock,
                endpoint % kAddressesInBlock + 1);
  return text;
}

Encoded MakeCluster(size_t index, const std::string& version) {
  Cluster cluster;
  cluster.set_name(ClusterName(index));
  cluster.set_type(Cluster::EDS);
  UseAds(*cluster.mutable_eds_cluster_config()->mutable_eds_config());
  cluster.mutable_connect_timeout()->set_seconds(1);
  return Encode(cluster.name(), cluster, version);
}

Encoded MakeEndpoints(const Shape& shape, size_t index, bool moved, const std::string& version) {
  ClusterLoadAssignment assignment;
  assignment.set_cluster_name(ClusterName(index));
  auto& locality = *assignment.add_endpoints();
  for (size_t i = 0; i < shape.endpoints; ++i) {
    const bool other = moved && i == 0;
    SetAddress(AddressOf(i), other ? shape.other_origin_port : shape.origin_port,
               *locality.add_lb_endpoints()->mutable_endpoint()->mutable_address());
  }
  return Encode(assignment.cluster_name(), assignment, version);
}

Encoded MakeRoutes(const Shape& shape, bool filled, const std::string& version) {
  RouteConfiguration table;
  table.set_name(kRouteTable);
  if (shape.virtual_hosts > 0) {
    for (size_t i = 0; filled && i < shape.virtual_hosts; ++i) {
      auto& host = *table.add_virtual_hosts();
      host.set_name(HostOf(shape, i));
      host.add_domains(HostOf(shape, i));
      AddRoute("/", ClusterName(i % shape.clusters), host);
    }
  } else {
    auto& host = *table.add_virtual_hosts();
    host.set_name("all");
    host.add_domains(std::string("*"));
    for (size_t i = 0; filled && i < shape.clusters; ++i) {
      AddRoute(PathOf(i), ClusterName(i), host);
    }
  }
  return Encode(table.name(), table, version);
}

Encoded MakeListener(const Shape& shape, const std::string& version) {
  HttpConnectionManager manager;
  manager.set_stat_prefix("scale");
  UseAds(*manager.mutable_rds()->mutable_config_source());
  manager.mutable_rds()->set_route_config_name(kRouteTable);
  auto& filter = *manager.add_http_filters();
  filter.set_name("envoy.filters.http.router");
  filter.mutable_typed_config()->PackFrom(Router());
  Listener listener;
  listener.set_name("scale");
  SetAddress("127.0.0.1", shape.listener_port, *listener.mutable_address());
  auto& network = *listener.add_filter_chains()->add_filters();
  network.set_name("envoy.filters.network.http_connection_manager");
  network.mutable_typed_config()->PackFrom(manager);
  return Encode(listener.name(), listener, version);
}

}  // namespace remora::bench
