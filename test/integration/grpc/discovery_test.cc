// A whole server whose configuration comes from a control plane over gRPC.

#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "test/fakes/authority.h"
#include "test/harness/client.h"
#include "test/harness/control_plane.h"
#include "test/harness/scripted_upstream.h"
#include "test/integration/discovery/dynamic_world.h"
#include "test/integration/grpc/running.h"

namespace remora::harness {
namespace {

const std::string kSecretUrl =
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

// The cluster does not say that it speaks HTTP/2, as Diego's does not.
// A plain listener, one whose certificate comes by ADS, and the control plane's cluster.
std::string Bootstrap(const net::Address& plane, const std::string& api_type,
                      const std::string& timeout) {
  return R"(
node: {id: me, cluster: c}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
dynamic_resources:
  ads_config: {api_type: )" +
         api_type + R"(, grpc_services: [{envoy_grpc: {cluster_name: xds}}]}
static_resources:
  clusters:
  - name: xds
    load_assignment:
      cluster_name: xds
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1,
                  port_value: )" +
         std::to_string(plane.port()) + R"(}}}}]}]
  listeners:
  - name: plain
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains: [{filters: [&says {name: says, typed_config: {
      "@type": type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config,
      response: {inline_string: hello}}}]}]
  - name: secure
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters: [*says]
      transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificate_sds_secret_configs:
            - {name: id, sds_config: {ads: {}, initial_fetch_timeout: )" +
         timeout + "}}\n";
}

std::string SecretOf(const fakes::Minted& minted) {
  envoy::extensions::transport_sockets::tls::v3::Secret secret;
  secret.set_name("id");
  auto& certificate = *secret.mutable_tls_certificate();
  certificate.mutable_certificate_chain()->set_inline_string(minted.certificate);
  certificate.mutable_private_key()->set_inline_string(minted.key);
  return secret.SerializeAsString();
}

TEST_CASE("A listener waits for its secret of a control plane, others do not") {
  const std::string api_type = GENERATE("GRPC", "DELTA_GRPC");
  ControlPlane plane;
  Running server(Bootstrap(plane.address(), api_type, "0s"));
  CHECK(server.Says(0) == "hello");
  const size_t asked = plane.AwaitLine("ask Secret  id");
  CHECK(plane.node_id() == "me");
  const bool delta = api_type == "DELTA_GRPC";
  if (delta) {
    // That there is none is an answer too: as in Envoy, nobody waits any longer.
    server.Await("/stats?filter=sds.id.update_success", "update_success: 1");
  } else {
    server.Await("/ready", "SdsApi id");
    server.Await("/init_dump", "SdsApi id");
  }
  fakes::Authority authority("ca");
  plane.Put(kSecretUrl, "id", SecretOf(authority.Issue({.common_name = "one"})));
  server.Await("/ready", "LIVE");
  plane.AwaitLine("ACK Secret", asked);
  server.Await("/stats?filter=sds.id.update_success",
               delta ? "update_success: 2" : "update_success: 1");
  // It rotates, and a broken one is refused.
  const fakes::Minted second = authority.Issue({.common_name = "two"});
  plane.Put(kSecretUrl, "id", SecretOf(second));
  server.Await("/stats?filter=sds.id.update_success",
               delta ? "update_success: 3" : "update_success: 2");
  fakes::Minted broken = second;
  broken.key = authority.Issue({.common_name = "three"}).key;
  plane.Put(kSecretUrl, "id", SecretOf(broken));
  plane.AwaitLine("NACK Secret", asked);
  server.Await("/stats?filter=sds.id.update_rejected", "update_rejected: 1");
  CHECK(server.Admin("/stats?filter=control_plane").find("connected_state: 1") !=
        std::string::npos);
}

TEST_CASE("A control plane that does not answer stops nothing but what waits for it") {
  ControlPlane plane;
  const net::Address address = plane.address();
  plane.Stop();
  Running server(Bootstrap(address, "GRPC", "0.5s"));
  CHECK(server.Says(0) == "hello");
  server.Await("/init_dump", "sources of configuration");
  server.Await("/init_dump", "control plane in cluster xds: xds: UNAVAILABLE");
  server.Await("/ready", "LIVE");  // given up
  CHECK(server.Admin("/stats?filter=sds.id.init_fetch_timeout").find("init_fetch_timeout: 1") !=
        std::string::npos);
  CHECK(server.Admin("/stats?filter=control_plane").find("connected_state: 0") !=
        std::string::npos);
  // It comes back, and so does the secret.
  ControlPlane again(address.port());
  fakes::Authority authority("ca");
  again.Put(kSecretUrl, "id", SecretOf(authority.Issue({.common_name = "one"})));
  server.Await("/stats?filter=sds.id.update_success", "update_success: 1");
  server.Await("/init_dump", "sources of configuration", /*there=*/false);
}

TEST_CASE("Everything from a control plane: routes change, endpoints move, no request fails") {
  namespace d = remora::discovery;
  using xds::ResourceType;
  const std::string api_type = GENERATE("GRPC", "DELTA_GRPC");
  CAPTURE(api_type);
  ScriptedUpstream first;
  ScriptedUpstream second;
  first.Respond(200, "first");
  second.Respond(200, "second");
  ControlPlane plane;
  const auto put = [&plane](ResourceType type, const std::string& name, const std::string& yaml) {
    plane.Put(std::string(xds::TypeUrl(type)), name, d::BytesOf(type, yaml));
  };
  const uint16_t port = d::DynamicWorld::FreePort();
  plane.Change([&] {
    put(ResourceType::kCluster, "up", d::EdsCluster("up"));
    put(ResourceType::kEndpoints, "up", d::Assignment("up", {d::Host(first)}));
    put(ResourceType::kListener, "in", d::Listener("in", port, {d::RdsChain("table")}));
    put(ResourceType::kRoutes, "table", d::Routes("table", {d::To("up")}));
  });
  Running server(AllFrom(plane.address(), api_type));
  server.Await("/ready", "LIVE");
  const net::Address address = *net::Address::Ip("127.0.0.1", port);
  Client client(Connect(address));
  CHECK(client.Get("/").body == "first");

  // An endpoint takes another's place, behind the same connection of the client.
  put(ResourceType::kEndpoints, "up", d::Assignment("up", {d::Host(second)}));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::string body;
  while (body != "second" && std::chrono::steady_clock::now() < deadline) {
    const Message response = client.Get("/");
    REQUIRE(response.status == 200);
    body = response.body;
  }
  CHECK(body == "second");

  // A route that is added is live, one that names no cluster of ours is taken and answered 503.
  const size_t asked = plane.lines().size();
  put(ResourceType::kRoutes, "table",
      d::Routes("table", {d::Says("hello", "/new"), d::To("nowhere", "/nowhere"), d::To("up")}));
  plane.AwaitLine("ACK RouteConfiguration", asked);
  CHECK(client.Get("/new").body == "hello");
  CHECK(client.Get("/nowhere").status == 503);

  // What is wrong is refused with its name and field, and what was good stays.
  const size_t before = plane.lines().size();
  put(ResourceType::kCluster, "bad", d::StaticCluster("bad", {}, "lb_policy: CLUSTER_PROVIDED"));
  const size_t refused = plane.AwaitLine("NACK Cluster", before);
  const std::string nack = plane.lines()[refused];
  CHECK(nack.find("bad") != std::string::npos);
  CHECK(client.Get("/").body == "second");
  server.Await("/config_journal", "bad");

  // The control plane ends: traffic goes on.
  plane.Stop();
  server.Await("/stats?filter=control_plane", "connected_state: 0");
  CHECK(client.Get("/").body == "second");
  CHECK(client.Get("/new").body == "hello");
}

}  // namespace
}  // namespace remora::harness
