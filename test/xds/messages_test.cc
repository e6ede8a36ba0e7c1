// Requests and responses as bytes.

#include <catch2/catch.hpp>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "google/protobuf/text_format.h"
#include "source/xds/any.h"
#include "source/xds/delta.h"
#include "source/xds/sotw.h"
#include "xds/type/v3/typed_struct.pb.h"

namespace remora::xds {
namespace {

using envoy::config::cluster::v3::Cluster;
namespace discovery = envoy::service::discovery::v3;

std::string Print(const google::protobuf::Message& message) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string text;
  printer.PrintToString(message, &text);
  return text;
}

Cluster NamedCluster(const std::string& name) {
  Cluster cluster;
  cluster.set_name(name);
  cluster.set_alt_stat_name("x");
  return cluster;
}

std::string Offers(const Response& response) {
  std::string text;
  for (const Offer& offer : response.offers) {
    text += offer.name + "@" + offer.version + (offer.heartbeat ? " beats" : "");
    if (offer.ttl.has_value()) text += " for " + std::to_string(*offer.ttl);
    text += "; ";
  }
  for (const ResourceError& error : response.unreadable) {
    text += "! " + error.name + ": " + error.message + "; ";
  }
  return text;
}

TEST_CASE("A request of the state of the world") {
  Request request;
  request.version = "1";
  request.names = {"a", "b"};
  request.nonce = "n";
  request.error = "no";
  envoy::config::core::v3::Node node;
  node.set_id("me");
  discovery::DiscoveryRequest message;
  REQUIRE(message.ParseFromString(EncodeSotw(request, node.SerializeAsString())));
  CHECK(Print(message) ==
        "version_info: \"1\" node { id: \"me\" } resource_names: \"a\" resource_names: \"b\" "
        "type_url: \"type.googleapis.com/envoy.config.cluster.v3.Cluster\" response_nonce: \"n\" "
        "error_detail { code: 13 message: \"no\" } ");
  REQUIRE(message.ParseFromString(EncodeSotw(Request(), "")));
  CHECK(Print(message) == "type_url: \"type.googleapis.com/envoy.config.cluster.v3.Cluster\" ");
}

TEST_CASE("A request of what has changed") {
  Request request;
  request.type = ResourceType::kEndpoints;
  request.names = {"a"};
  request.dropped = {"b"};
  request.held = {{"c", "3"}};
  request.nonce = "n";
  request.error = "no";
  discovery::DeltaDiscoveryRequest message;
  REQUIRE(message.ParseFromString(EncodeDelta(request, "")));
  CHECK(Print(message) ==
        "type_url: \"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment\" "
        "resource_names_subscribe: \"a\" resource_names_unsubscribe: \"b\" "
        "initial_resource_versions { key: \"c\" value: \"3\" } response_nonce: \"n\" "
        "error_detail { code: 13 message: \"no\" } ");
}

TEST_CASE("A response of the state of the world") {
  discovery::DiscoveryResponse message;
  message.set_version_info("7");
  message.set_nonce("n");
  message.set_type_url(std::string(TypeUrl(ResourceType::kCluster)));
  message.mutable_control_plane()->set_identifier("cp");
  message.add_resources()->PackFrom(NamedCluster("a"));
  discovery::Resource wrapped;
  wrapped.set_name("b");
  wrapped.set_version("own");
  wrapped.mutable_ttl()->set_seconds(2);
  wrapped.mutable_resource()->PackFrom(NamedCluster("b"));
  message.add_resources()->PackFrom(wrapped);
  wrapped.clear_resource();
  message.add_resources()->PackFrom(wrapped);
  // What is none of it.
  message.add_resources()->PackFrom(envoy::config::listener::v3::Listener());
  message.add_resources()->PackFrom(Cluster());
  auto* garbage = message.add_resources();
  garbage->set_type_url(std::string(TypeUrl(ResourceType::kCluster)));
  garbage->set_value("\xff\xff");
  const absl::StatusOr<Response> response = DecodeSotw(message.SerializeAsString(), "");
  REQUIRE(response.ok());
  CHECK(response->version == "7");
  CHECK(response->nonce == "n");
  CHECK(response->control_plane == "cp");
  CHECK(
      Offers(*response) ==
      "a@7; b@own for 2000000000; b@own beats for 2000000000; "
      "! resources[3]: is of type type.googleapis.com/envoy.config.listener.v3.Listener, and the "
      "response of type type.googleapis.com/envoy.config.cluster.v3.Cluster; "
      "! resources[4]: has no name; "
      "! resources[5]: Unable to unpack as type.googleapis.com/envoy.config.cluster.v3.Cluster; ");
  CHECK(response->offers[0].bytes == NamedCluster("a").SerializeAsString());
  CHECK(response->offers[1].bytes == NamedCluster("b").SerializeAsString());
  CHECK_FALSE(DecodeSotw("garbage", "").ok());
}

TEST_CASE("A response of what has changed") {
  discovery::DeltaDiscoveryResponse message;
  message.set_system_version_info("7");
  message.set_nonce("n");
  auto* resource = message.add_resources();
  resource->set_name("a");
  resource->set_version("1");
  resource->mutable_resource()->PackFrom(NamedCluster("a"));
  message.add_resources()->set_name("b");
  message.add_removed_resources("c");
  const absl::StatusOr<Response> response =
      DecodeDelta(message.SerializeAsString(), TypeUrl(ResourceType::kCluster));
  REQUIRE(response.ok());
  CHECK(response->type_url == TypeUrl(ResourceType::kCluster));
  CHECK(Offers(*response) == "a@1; ! b: has neither a resource nor a ttl; ");
  CHECK(response->removed == std::vector<std::string>{"c"});
  CHECK_FALSE(DecodeDelta("garbage", "").ok());
}

TEST_CASE("Delta: a virtual host without a message is none") {
  envoy::service::discovery::v3::DeltaDiscoveryResponse message;
  auto* resource = message.add_resources();
  resource->set_name("r/a");
  resource->add_aliases("r/b");
  const absl::StatusOr<Response> response =
      DecodeDelta(message.SerializeAsString(), TypeUrl(ResourceType::kVirtualHosts));
  REQUIRE(response.ok());
  CHECK(Offers(*response) == "");
  CHECK(response->removed == std::vector<std::string>{"r/a", "r/b"});
}

TEST_CASE("A resource written as a TypedStruct, and one that holds such") {
  ::xds::type::v3::TypedStruct typed;
  typed.set_type_url("envoy.config.cluster.v3.Cluster");
  auto& fields = *typed.mutable_value()->mutable_fields();
  fields["name"].set_string_value("a");
  fields["altStatName"].set_string_value("x");
  discovery::DiscoveryResponse message;
  message.add_resources()->PackFrom(typed);
  fields["no_such_field"].set_string_value("y");
  message.add_resources()->PackFrom(typed);
  // An extension inside.
  ::xds::type::v3::TypedStruct router;
  router.set_type_url("type.googleapis.com/envoy.extensions.filters.http.router.v3.Router");
  (*router.mutable_value()->mutable_fields())["suppress_envoy_headers"].set_bool_value(true);
  Cluster holder = NamedCluster("b");
  (*holder.mutable_typed_extension_protocol_options())["o"].PackFrom(router);
  message.add_resources()->PackFrom(holder);
  const absl::StatusOr<Response> response =
      DecodeSotw(message.SerializeAsString(), TypeUrl(ResourceType::kCluster));
  REQUIRE(response.ok());
  REQUIRE(response->offers.size() == 2);
  CHECK(response->offers[0].bytes == NamedCluster("a").SerializeAsString());
  REQUIRE(response->unreadable.size() == 1);
  CHECK(response->unreadable[0].name == "resources[1]");
  CHECK(response->unreadable[0].message.starts_with("no_such_field: "));
  Cluster read;
  REQUIRE(read.ParseFromString(response->offers[1].bytes));
  envoy::extensions::filters::http::router::v3::Router inside;
  REQUIRE(read.typed_extension_protocol_options().at("o").UnpackTo(&inside));
  CHECK(inside.suppress_envoy_headers());
}

TEST_CASE("The name of a message is read without the rest") {
  std::string name;
  CHECK(ReadName(NamedCluster("n").SerializeAsString(), name));
  CHECK(name == "n");
  name.clear();
  CHECK(ReadName("", name));
  CHECK(name.empty());
  for (const std::string_view bad : {"\x0a",
                                     "\x0a\x05"
                                     "ab",
                                     "\xff", "\x0f"}) {
    CHECK_FALSE(ReadName(bad, name));
  }
}

}  // namespace
}  // namespace remora::xds
