// TLS of clusters and listeners that a control plane gives, on both sides of a connection: client
// -> listener `in` -> cluster with TLS -> listener `tls` -> upstream, all in one server.

#include <catch2/catch.hpp>
#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "test/fakes/authority.h"
#include "test/harness/client.h"
#include "test/harness/control_plane.h"
#include "test/harness/scripted_upstream.h"
#include "test/integration/discovery/dynamic_world.h"
#include "test/integration/grpc/running.h"

namespace remora::harness {
namespace {

namespace d = remora::discovery;
using envoy::extensions::transport_sockets::tls::v3::Secret;
using fakes::Minted;
using xds::ResourceType;

constexpr char kTls[] = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.";

// PEM within YAML in one line.
std::string Inline(const std::string& pem) {
  return absl::StrCat("{inline_string: \"", absl::StrReplaceAll(pem, {{"\n", "\\n"}}), "\"}");
}

std::string Socket(const std::string& type, const std::string& common,
                   const std::string& more = "") {
  return absl::StrCat("transport_socket: {name: tls, typed_config: {\"@type\": ", kTls, type, more,
                      ", common_tls_context: {", common, "}}}");
}

std::string ByAds(const std::string& certificate) {
  return absl::StrCat(
      "tls_certificate_sds_secret_configs: [{name: ", certificate, ", sds_config: ", d::kAds,
      "}], validation_context_sds_secret_config: {name: roots, sds_config: ", d::kAds, "}");
}

std::string ByValue(const Minted& own, const std::string& roots, const std::string& name = "") {
  const std::string names = name.empty()
                                ? ""
                                : absl::StrCat(
                                      ", match_typed_subject_alt_names: [{san_type: DNS, matcher: "
                                      "{exact: ",
                                      name, "}}]");
  return absl::StrCat("tls_certificates: [{certificate_chain: ", Inline(own.certificate),
                      ", private_key: ", Inline(own.key),
                      "}], validation_context: {trusted_ca: ", Inline(roots), names, "}");
}

struct TlsWorld {
  explicit TlsWorld(const std::string& flavour) : api_type(flavour) {
    upstream.Respond(200, "hello");
  }

  void Put(ResourceType type, const std::string& name, const std::string& yaml) {
    plane.Put(std::string(xds::TypeUrl(type)), name, d::BytesOf(type, yaml));
  }
  void PutCertificate(const std::string& name, const Minted& minted) {
    Secret secret;
    secret.set_name(name);
    auto& certificate = *secret.mutable_tls_certificate();
    certificate.mutable_certificate_chain()->set_inline_string(minted.certificate);
    certificate.mutable_private_key()->set_inline_string(minted.key);
    plane.Put(std::string(xds::TypeUrl(ResourceType::kSecret)), name, secret.SerializeAsString());
  }
  void PutRoots(const std::string& pem) {
    Secret secret;
    secret.set_name("roots");
    secret.mutable_validation_context()->mutable_trusted_ca()->set_inline_string(pem);
    plane.Put(std::string(xds::TypeUrl(ResourceType::kSecret)), "roots",
              secret.SerializeAsString());
  }
  // To the listener `tls`.
  void PutCluster(const std::string& name, const std::string& common) {
    const std::string host = absl::StrCat(
        "{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ", tls, "}}}}");
    Put(ResourceType::kCluster, name,
        d::StaticCluster(name, {host}, Socket("UpstreamTlsContext", common)));
  }
  void PutTlsListener(const std::string& common) {
    Put(ResourceType::kListener, "tls",
        d::Listener("tls", tls,
                    {d::Chain(d::Routes("all", {d::To("up")}),
                              Socket("DownstreamTlsContext", common,
                                     ", require_client_certificate: true"))}));
  }
  void PutPlainListener() {
    Put(ResourceType::kCluster, "up", d::StaticCluster("up", {d::Host(upstream)}));
    Put(ResourceType::kListener, "in",
        d::Listener("in", in,
                    {d::Chain(d::Routes("ways", {d::To("second", "/second"), d::To("first")}))}));
  }
  // On the same connection, until it is that status: what was sent is on its way.
  void AwaitStatus(Client& client, const std::string& path, int status) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    int got = 0;
    while (got != status && std::chrono::steady_clock::now() < deadline) {
      got = client.Get(path).status;
    }
    CHECK(got == status);
  }

  const std::string api_type;
  ScriptedUpstream upstream;
  ControlPlane plane;
  const uint16_t in = d::DynamicWorld::FreePort();
  const uint16_t tls = d::DynamicWorld::FreePort();
  fakes::Authority authority{"ca"};
};

TEST_CASE("TLS by secrets of ADS, both sides: a rotation cuts no connection") {
  TlsWorld w(GENERATE("GRPC", "DELTA_GRPC"));
  CAPTURE(w.api_type);
  const Minted own = w.authority.Issue({.common_name = "third client"});
  w.plane.Change([&] {
    w.PutRoots(w.authority.pem());
    w.PutCertificate("server", w.authority.Issue({.names = {"DNS:one.example"}}));
    w.PutCertificate("client", w.authority.Issue({.common_name = "client"}));
    w.PutPlainListener();
    w.PutCluster("first", ByAds("client"));
    w.PutCluster("second", ByValue(own, fakes::Authority("stranger").pem()));
    w.PutTlsListener(ByAds("server"));
  });
  Running server(AllFrom(w.plane.address(), w.api_type));
  server.Await("/ready", "LIVE");
  Client client(Connect(*net::Address::Ip("127.0.0.1", w.in)));
  CHECK(client.Get("/").body == "hello");

  // Both sides get others, and the roots, while requests go on.
  const size_t before = w.plane.lines().size();
  w.plane.Change([&w] {
    w.PutCertificate("server", w.authority.Issue({.names = {"DNS:two.example"}}));
    w.PutCertificate("client", w.authority.Issue({.common_name = "another client"}));
    w.PutRoots(absl::StrCat(w.authority.pem(), fakes::Authority("more").pem()));
  });
  w.plane.AwaitLine("ACK Secret", before);
  for (int i = 0; i < 20; ++i) CHECK(client.Get("/").status == 200);
  server.Await("/stats?filter=cluster.first.upstream_cx_total", "upstream_cx_total: 1");
  server.Await("/stats?filter=cluster.first.upstream_cx_destroy$", "upstream_cx_destroy: 0");
  server.Await("/stats?filter=listener.tls.downstream_cx_destroy$", "downstream_cx_destroy: 0");

  // A new connection sees the new certificate.
  w.PutCluster("second", ByValue(own, w.authority.pem(), "two.example"));
  w.AwaitStatus(client, "/second", 200);

  // A certificate without its key is refused, and what there was goes on.
  Minted broken = own;
  broken.key = w.authority.Issue({.common_name = "x"}).key;
  const size_t asked = w.plane.lines().size();
  w.PutCertificate("server", broken);
  w.plane.AwaitLine("NACK Secret", asked);
  CHECK(client.Get("/").status == 200);
  server.Await("/stats?filter=cluster.first.upstream_cx_total", "upstream_cx_total: 1");
}

TEST_CASE("TLS by value in resources of ADS: who is not trusted is refused, and then trusted") {
  TlsWorld w(GENERATE("GRPC", "DELTA_GRPC"));
  CAPTURE(w.api_type);
  fakes::Authority stranger("stranger");
  const Minted server_own = w.authority.Issue({.names = {"DNS:one.example"}});
  const Minted client_own = w.authority.Issue({.common_name = "client"});
  w.plane.Change([&] {
    w.PutPlainListener();
    w.PutCluster("first", ByValue(client_own, w.authority.pem(), "one.example"));
    w.PutCluster("second", ByValue(client_own, stranger.pem()));
    w.PutTlsListener(ByValue(server_own, w.authority.pem()));
  });
  Running server(AllFrom(w.plane.address(), w.api_type));
  server.Await("/ready", "LIVE");
  Client client(Connect(*net::Address::Ip("127.0.0.1", w.in)));
  CHECK(client.Get("/").body == "hello");
  CHECK(client.Get("/second").status == 503);
  server.Await("/stats?filter=cluster.second.ssl.fail_verify_error", "fail_verify_error: ");

  // The cluster learns the authority; the other one keeps its connection.
  w.PutCluster("second", ByValue(client_own, w.authority.pem()));
  w.AwaitStatus(client, "/second", 200);
  CHECK(client.Get("/").status == 200);
  server.Await("/stats?filter=cluster.first.upstream_cx_total", "upstream_cx_total: 1");

  // The listener gets another certificate: requests go on all the time, and find it.
  w.PutTlsListener(ByValue(w.authority.Issue({.names = {"DNS:two.example"}}), w.authority.pem()));
  for (int i = 0; i < 20; ++i) CHECK(client.Get("/second").status == 200);
  w.PutCluster("first", ByValue(client_own, w.authority.pem(), "two.example"));
  server.Await("/stats?filter=listener_manager.lds.update_success", "update_success: 2");
  w.AwaitStatus(client, "/", 200);
}

}  // namespace
}  // namespace remora::harness
