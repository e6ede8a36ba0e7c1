// A whole server whose control plane is a target URI, called by the gRPC library.

#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "test/fakes/authority.h"
#include "test/fakes/folder.h"
#include "test/grpc/google_module.h"
#include "test/harness/client.h"
#include "test/harness/control_plane.h"
#include "test/harness/scripted_upstream.h"
#include "test/integration/discovery/dynamic_world.h"
#include "test/integration/grpc/running.h"

namespace remora::harness {
namespace {

namespace d = remora::discovery;
using xds::ResourceType;

std::string Service(const std::string& uri, const std::string& more = "") {
  return "{google_grpc: {target_uri: '" + uri + "', stat_prefix: plane" + more + "}}";
}

// `source`: where clusters and listeners come from.
std::string Bootstrap(const std::string& source, const std::string& ads = "") {
  grpc::FindGoogleModule();
  return "node: {id: me, cluster: c}\n"
         "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}\n"
         "dynamic_resources:\n" +
         ads + "  cds_config: " + source + "\n  lds_config: " + source + "\n";
}

std::string Ads(const std::string& api_type, const std::string& service) {
  return Bootstrap("{ads: {}}", "  ads_config: {api_type: " + api_type + ", grpc_services: [" +
                                    service + "]}\n");
}

void Put(ControlPlane& plane, ResourceType type, const std::string& name, const std::string& yaml) {
  plane.Put(std::string(xds::TypeUrl(type)), name, d::BytesOf(type, yaml));
}

void AwaitBody(Client& client, const std::string& wanted) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::string body;
  while (body != wanted && std::chrono::steady_clock::now() < deadline) {
    const Message response = client.Get("/");
    REQUIRE(response.status == 200);
    body = response.body;
  }
  CHECK(body == wanted);
}

TEST_CASE("google_grpc drives everything end to end, by ADS") {
  const std::string api_type = GENERATE("GRPC", "DELTA_GRPC");
  CAPTURE(api_type);
  ScriptedUpstream first;
  ScriptedUpstream second;
  first.Respond(200, "first");
  second.Respond(200, "second");
  ControlPlane plane;
  const uint16_t port = d::DynamicWorld::FreePort();
  plane.Change([&] {
    Put(plane, ResourceType::kCluster, "up", d::EdsCluster("up"));
    Put(plane, ResourceType::kEndpoints, "up", d::Assignment("up", {d::Host(first)}));
    Put(plane, ResourceType::kListener, "in", d::Listener("in", port, {d::RdsChain("table")}));
    Put(plane, ResourceType::kRoutes, "table", d::Routes("table", {d::To("up")}));
  });
  Running server(Ads(api_type, Service(plane.address().ToString())));
  server.Await("/ready", "LIVE");
  Client client(Connect(*net::Address::Ip("127.0.0.1", port)));
  CHECK(client.Get("/").body == "first");
  Put(plane, ResourceType::kEndpoints, "up", d::Assignment("up", {d::Host(second)}));
  AwaitBody(client, "second");
  server.Await("/stats?filter=grpc.plane.streams", "grpc.plane.streams_total: 1");

  const size_t before = plane.lines().size();
  Put(plane, ResourceType::kCluster, "bad",
      d::StaticCluster("bad", {}, "lb_policy: CLUSTER_PROVIDED"));
  plane.AwaitLine("NACK Cluster", before);

  // It goes, traffic stays; it comes back and is heard again.
  const net::Address address = plane.address();
  plane.Stop();
  server.Await("/stats?filter=control_plane", "connected_state: 0");
  server.Await("/init_dump", "control plane in target " + address.ToString());
  CHECK(client.Get("/").body == "second");
  ControlPlane again(address.port());
  again.Change([&] {
    Put(again, ResourceType::kCluster, "up", d::EdsCluster("up"));
    Put(again, ResourceType::kEndpoints, "up", d::Assignment("up", {d::Host(first)}));
    Put(again, ResourceType::kListener, "in", d::Listener("in", port, {d::RdsChain("table")}));
    Put(again, ResourceType::kRoutes, "table", d::Routes("table", {d::To("up")}));
  });
  AwaitBody(client, "first");
}

TEST_CASE("google_grpc with a stream for each type") {
  const std::string api_type = GENERATE("GRPC", "DELTA_GRPC");
  CAPTURE(api_type);
  ScriptedUpstream upstream;
  upstream.Respond(200, "hello");
  ControlPlane plane;
  const uint16_t port = d::DynamicWorld::FreePort();
  Put(plane, ResourceType::kCluster, "up", d::StaticCluster("up", {d::Host(upstream)}));
  Put(plane, ResourceType::kListener, "in",
      d::Listener("in", port, {d::Chain(d::Routes("r", {d::To("up")}))}));
  Running server(Bootstrap("{api_config_source: {api_type: " + api_type + ", grpc_services: [" +
                           Service("dns:///" + plane.address().ToString()) + "]}}"));
  server.Await("/ready", "LIVE");
  Client client(Connect(*net::Address::Ip("127.0.0.1", port)));
  CHECK(client.Get("/").body == "hello");
  server.Await("/stats?filter=grpc.plane.streams", "grpc.plane.streams_total: 2");
}

// A proxy of ours that speaks TLS before the control plane: OpenSSL in the gRPC library against
// BoringSSL, in one process.
std::string TlsFront(uint16_t port, const net::Address& plane, const fakes::Minted& own,
                     const fakes::Authority& clients, const fakes::Folder& folder) {
  return R"(
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  clusters: [)" +
         d::StaticCluster("plane", {"{endpoint: {address: {socket_address: {address: 127.0.0.1, "
                                    "port_value: " +
                                    std::to_string(plane.port()) + "}}}}"}) +
         R"(]
  listeners:
  - name: front
    address: {socket_address: {address: 127.0.0.1, port_value: )" +
         std::to_string(port) + R"(}}
    filter_chains:
    - filters: [{name: tcp, typed_config: {
        "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy,
        stat_prefix: t, cluster: plane}}]
      transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          require_client_certificate: true
          common_tls_context:
            alpn_protocols: [h2]
            tls_certificates:
            - certificate_chain: {filename: )" +
         folder.Write("front.pem", own.certificate) + R"(}
              private_key: {filename: )" +
         folder.Write("front.key", own.key) + R"(}
            validation_context: {trusted_ca: {filename: )" +
         folder.Write("clients.pem", clients.pem()) + "}}\n";
}

TEST_CASE("google_grpc with TLS: both sides show who they are, and a wrong root is refused") {
  ControlPlane plane;
  Put(plane, ResourceType::kCluster, "up", d::StaticCluster("up", {}));
  fakes::Authority authority("ca");
  fakes::Authority other("other");
  fakes::Folder folder;
  const uint16_t port = d::DynamicWorld::FreePort();
  Running front(TlsFront(port, plane.address(), authority.Issue({.names = {"DNS:plane.example"}}),
                         authority, folder));
  const fakes::Minted own = authority.Issue({.common_name = "me"});
  const auto service = [&](const std::string& root) {
    return Service("127.0.0.1:" + std::to_string(port),
                   ", channel_args: {args: {grpc.ssl_target_name_override: {string_value: "
                   "plane.example}}}, channel_credentials: {ssl_credentials: {root_certs: "
                   "{filename: " +
                       folder.Write("root.pem", root) +
                       "}, cert_chain: {filename: " + folder.Write("own.pem", own.certificate) +
                       "}, private_key: {filename: " + folder.Write("own.key", own.key) + "}}}");
  };
  SECTION("the right root") {
    Running server(Ads("DELTA_GRPC", service(authority.pem())));
    server.Await("/stats?filter=cluster_manager.cds.update_success", "update_success: 1");
    server.Await("/clusters", "up::");
    // The control plane restarts behind the same front.
    plane.BreakStreams();
    Put(plane, ResourceType::kCluster, "more", d::StaticCluster("more", {}));
    server.Await("/clusters", "more::");
    // Nobody is shown the key.
    CHECK(server.Admin("/config_dump").find("PRIVATE KEY") == std::string::npos);
  }
  SECTION("a wrong root") {
    Running server(Ads("GRPC", service(other.pem())));
    server.Await("/stats?filter=grpc.plane.streams_closed_14", "streams_closed_14: 1");
    CHECK(server.Admin("/stats?filter=cluster_manager.cds.update_success")
              .find("update_success: 0") != std::string::npos);
    server.Await("/init_dump", "UNAVAILABLE");
    CHECK(plane.lines().empty());
  }
}

TEST_CASE("google_grpc as a value, and what of it is refused") {
  grpc::FindGoogleModule();
  config::Registry registry;
  extensions::RegisterAll(registry);
  const auto load = [&registry](const std::string& yaml) {
    config::LoadOptions options;
    options.yaml = yaml;
    return config::LoadBootstrap(std::move(options), {}, registry, 0);
  };
  const auto good = load(Ads(
      "GRPC",
      Service("unix:/run/plane",
              ", per_stream_buffer_limit_bytes: 5, channel_credentials: {local_credentials: {}}, "
              "channel_args: {args: {b: {int_value: 7}, a: {string_value: x}}}")));
  INFO(good.errors.ToString());
  REQUIRE(good.config.has_value());
  CHECK(good.config->ads->services[0].google ==
        grpc::GoogleTarget{.uri = "unix:/run/plane",
                           .stat_prefix = "plane",
                           .credentials = grpc::GoogleTarget::Credentials::kLocal,
                           .channel_args = {{"a", "x"}, {"b", int64_t{7}}},
                           .buffer_limit = 5});
  CHECK(Describe(*good.config->ads) == "target unix:/run/plane");

  const struct {
    std::string more;
    std::string error;
  } cases[] = {
      {", credentials_factory_name: x", "google_grpc.credentials_factory_name: not supported"},
      {", call_credentials: [{access_token: x}]", "google_grpc.call_credentials: not supported"},
      {", channel_credentials: {}", "google_grpc.channel_credentials"},
      {", channel_credentials: {ssl_credentials: {cert_chain: {inline_string: x}}}",
       "ssl_credentials: private_key and cert_chain go together"},
      {", channel_args: {args: {a: {int_value: 3000000000}}}", "is no number of 32 bits"},
  };
  for (const auto& c : cases) {
    INFO(c.more);
    const std::string errors = load(Ads("GRPC", Service("x", c.more))).errors.ToString();
    CHECK_THAT(errors, Catch::Contains(c.error));
  }
}

}  // namespace
}  // namespace remora::harness
