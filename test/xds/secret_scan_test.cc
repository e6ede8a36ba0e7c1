#include "source/xds/secret_scan.h"

#include <catch2/catch.hpp>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"

namespace remora::xds {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext;
using envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext;
using google::protobuf::Message;

std::string Find(const Message& message) {
  return FindSecret("type.googleapis.com/" + message.GetDescriptor()->full_name(),
                    message.SerializeAsString());
}

TEST_CASE("A message without a key has none") {
  Cluster cluster;
  cluster.set_name("a");
  CHECK(Find(cluster).empty());
  UpstreamTlsContext tls;
  tls.set_sni("x");
  tls.mutable_common_tls_context()->add_alpn_protocols("h2");
  auto& certificate = *tls.mutable_common_tls_context()->add_tls_certificates();
  certificate.mutable_certificate_chain()->set_inline_string("public");
  certificate.mutable_private_key()->set_filename("/key");
  certificate.mutable_password()->set_environment_variable("PASSWORD");
  cluster.mutable_transport_socket()->mutable_typed_config()->PackFrom(tls);
  CHECK(Find(cluster).empty());
}

TEST_CASE("A key is found wherever it is, by its path") {
  UpstreamTlsContext tls;
  tls.mutable_common_tls_context()->add_tls_certificates();
  tls.mutable_common_tls_context()->add_tls_certificates()->mutable_private_key()->set_inline_bytes(
      "key");
  Cluster cluster;
  auto& match = *cluster.add_transport_socket_matches();
  match.mutable_transport_socket()->mutable_typed_config()->PackFrom(tls);
  CHECK(Find(cluster) ==
        "transport_socket_matches[0].transport_socket.typed_config.common_tls_context."
        "tls_certificates[1].private_key");
  DownstreamTlsContext tickets;
  tickets.mutable_session_ticket_keys()->add_keys()->set_inline_bytes("ticket");
  CHECK(Find(tickets) == "session_ticket_keys.keys[0]");
}

TEST_CASE("What is nested without end is not followed") {
  Cluster cluster;
  cluster.set_name("innermost");
  for (int i = 0; i < 2'000; ++i) {
    Cluster outer;
    outer.mutable_transport_socket()->mutable_typed_config()->PackFrom(cluster);
    cluster = outer;
  }
  const std::string found = Find(cluster);
  CHECK(found.substr(found.size() - 11) == " (too deep)");
  CHECK(found.size() < 1'000);
}

TEST_CASE("What cannot be read may be a key") {
  Cluster cluster;
  auto& any = *cluster.mutable_transport_socket()->mutable_typed_config();
  any.set_type_url("type.googleapis.com/nobody.knows.This");
  CHECK(Find(cluster) == "transport_socket.typed_config (of a type that is not known)");
  UpstreamTlsContext tls;
  auto& certificate = *tls.mutable_common_tls_context()->add_tls_certificates();
  certificate.GetReflection()
      ->MutableUnknownFields(&certificate)
      ->AddLengthDelimited(6, "provider");
  any.PackFrom(tls);
  CHECK(Find(cluster) ==
        "transport_socket.typed_config.common_tls_context.tls_certificates[0] (fields that are not "
        "known)");
  // Elsewhere they hold none.
  cluster.Clear();
  cluster.GetReflection()->MutableUnknownFields(&cluster)->AddLengthDelimited(999, "x");
  CHECK(Find(cluster).empty());
}

}  // namespace
}  // namespace remora::xds
