// The table as resources.

#include <catch2/catch.hpp>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "test/examples/control_plane/tables.h"

namespace remora::control_plane {
namespace {

template <class Message>
Message Decoded(const Resource& resource) {
  Message message;
  REQUIRE(message.ParseFromString(*resource.bytes));
  return message;
}

TEST_CASE("a route is a cluster, endpoints and a route of its host") {
  const Snapshot snapshot = SnapshotOf(kTwoRoutes);
  CHECK(snapshot.of(ResourceType::kClusters).size() == 2);
  CHECK(snapshot.of(ResourceType::kEndpoints).size() == 2);

  const auto cluster =
      Decoded<envoy::config::cluster::v3::Cluster>(snapshot.of(ResourceType::kClusters).at("shop"));
  CHECK(cluster.type() == envoy::config::cluster::v3::Cluster::EDS);
  CHECK(cluster.eds_cluster_config().eds_config().has_ads());
  CHECK_FALSE(cluster.has_transport_socket());

  const auto endpoints = Decoded<envoy::config::endpoint::v3::ClusterLoadAssignment>(
      snapshot.of(ResourceType::kEndpoints).at("shop"));
  REQUIRE(endpoints.endpoints_size() == 1);
  REQUIRE(endpoints.endpoints(0).lb_endpoints_size() == 2);
  CHECK(endpoints.endpoints(0).lb_endpoints(0).load_balancing_weight().value() == 1);
  const auto& second = endpoints.endpoints(0).lb_endpoints(1);
  CHECK(second.load_balancing_weight().value() == 3);
  CHECK(second.endpoint().address().socket_address().port_value() == 82);

  const auto routes = Decoded<envoy::config::route::v3::RouteConfiguration>(
      snapshot.of(ResourceType::kRoutes).at("routes"));
  REQUIRE(routes.virtual_hosts_size() == 1);
  CHECK(routes.virtual_hosts(0).domains(0) == "shop.example");
  // The longest path first.
  CHECK(routes.virtual_hosts(0).routes(0).match().prefix() == "/cart");
  CHECK(routes.virtual_hosts(0).routes(1).route().cluster() == "shop");

  const auto listener = Decoded<envoy::config::listener::v3::Listener>(
      snapshot.of(ResourceType::kListeners).at("ingress"));
  CHECK(listener.address().socket_address().port_value() == 10000);
}

TEST_CASE("TLS names secrets of the sidecar") {
  const Snapshot snapshot = SnapshotOf(
      "{routes: [{name: a, tls: {server_name: a.internal, trusted_ca: mesh, identity: me}}]}");
  const auto cluster =
      Decoded<envoy::config::cluster::v3::Cluster>(snapshot.of(ResourceType::kClusters).at("a"));
  envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext tls;
  REQUIRE(cluster.transport_socket().typed_config().UnpackTo(&tls));
  CHECK(tls.sni() == "a.internal");
  const auto& common = tls.common_tls_context();
  CHECK(common.tls_certificate_sds_secret_configs(0).name() == "me");
  const auto& validation = common.combined_validation_context();
  CHECK(validation.validation_context_sds_secret_config().name() == "mesh");
  CHECK_FALSE(validation.validation_context_sds_secret_config().has_sds_config());
  CHECK(
      validation.default_validation_context().match_typed_subject_alt_names(0).matcher().exact() ==
      "a.internal");
}

TEST_CASE("an instance's change touches one endpoints resource") {
  RouteTable table = TableOf(kTwoRoutes);
  const Snapshot before = SnapshotOf(table);
  REQUIRE(table.RemoveInstance("shop", "127.0.0.1:82").ok());
  const Snapshot after = SnapshotOf(table);
  size_t changed = 0;
  for (const ResourceType type : kResourceTypes) {
    for (const auto& [name, resource] : before.of(type)) {
      if (after.of(type).at(name).version != resource.version) ++changed;
    }
  }
  CHECK(changed == 1);
  CHECK(after.of(ResourceType::kEndpoints).at("shop").version !=
        before.of(ResourceType::kEndpoints).at("shop").version);
}

TEST_CASE("the same table has the same versions") {
  const Snapshot one = SnapshotOf(kTwoRoutes);
  const Snapshot two = SnapshotOf(kTwoRoutes);
  for (const ResourceType type : kResourceTypes) {
    for (const auto& [name, resource] : one.of(type)) {
      CHECK(two.of(type).at(name).version == resource.version);
    }
  }
}

}  // namespace
}  // namespace remora::control_plane
