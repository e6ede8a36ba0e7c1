// /client_status of a whole server: what has become of each resource that it wants.

#include <catch2/catch.hpp>
#include <string>

#include "envoy/service/status/v3/csds.pb.h"
#include "test/harness/control_plane.h"
#include "test/integration/discovery/dynamic_world.h"
#include "test/integration/grpc/running.h"

namespace remora::harness {
namespace {

namespace d = remora::discovery;
using envoy::service::status::v3::ClientStatusResponse;
using xds::ResourceType;

// "Cluster up ACKED 1 +contents, ..." in the order of the page.
std::string Summary(Running& server) {
  ClientStatusResponse response;
  REQUIRE(response.ParseFromString(server.Admin("/client_status?format=binary")));
  REQUIRE(response.config_size() == 1);
  CHECK(response.config(0).node().id() == "me");
  std::string text;
  for (const auto& resource : response.config(0).generic_xds_configs()) {
    const std::string& url = resource.type_url();
    text += url.substr(url.rfind('.') + 1) + " " + resource.name() + " " +
            envoy::admin::v3::ClientResourceStatus_Name(resource.client_status());
    if (resource.has_xds_config()) text += " +contents";
    if (resource.has_error_state()) text += " (" + resource.error_state().details() + ")";
    text += "\n";
  }
  return text;
}

TEST_CASE("Every resource of a control plane is shown with what has become of it") {
  const std::string api_type = GENERATE("GRPC", "DELTA_GRPC");
  CAPTURE(api_type);
  ControlPlane plane;
  const auto put = [&plane](ResourceType type, const std::string& name, const std::string& yaml) {
    plane.Put(std::string(xds::TypeUrl(type)), name, d::BytesOf(type, yaml));
  };
  const uint16_t port = d::DynamicWorld::FreePort();
  plane.Change([&] {
    put(ResourceType::kCluster, "good", d::EdsCluster("good"));
    put(ResourceType::kCluster, "wrong", "{name: wrong, connect_timeout: -1s}");
    put(ResourceType::kEndpoints, "good", d::Assignment("good", {}));
    put(ResourceType::kListener, "in", d::Listener("in", port, {d::RdsChain("nowhere")}));
  });
  Running server(AllFrom(plane.address(), api_type));
  const std::string head =
      "Cluster good ACKED +contents\n"
      "Cluster wrong NACKED (connect_timeout: ";
  plane.AwaitLine("ask RouteConfiguration");
  server.Await("/client_status", "\"name\": \"in\"");
  const bool delta = api_type == "DELTA_GRPC";
  server.Await("/client_status", delta ? "DOES_NOT_EXIST" : "REQUESTED");
  const std::string summary = Summary(server);
  CHECK(summary.starts_with(head));
  CHECK(summary.ends_with(std::string("ClusterLoadAssignment good ACKED +contents\n"
                                      "Listener in ACKED +contents\n"
                                      "RouteConfiguration nowhere ") +
                          (delta ? "DOES_NOT_EXIST\n" : "REQUESTED\n")));
  CHECK(server.Admin("/client_status?exclude_resource_contents").find("\"xds_config\"") ==
        std::string::npos);
  CHECK(server.Admin("/client_status?format=xml") == "usage: /client_status?format=json|binary\n");
}

TEST_CASE("/config_dump names endpoints that there are none of, and no table that has not come") {
  const std::string api_type = GENERATE("GRPC", "DELTA_GRPC");
  CAPTURE(api_type);
  ControlPlane plane;
  const auto put = [&plane](ResourceType type, const std::string& name, const std::string& yaml) {
    plane.Put(std::string(xds::TypeUrl(type)), name, d::BytesOf(type, yaml));
  };
  put(ResourceType::kCluster, "gone", d::EdsCluster("gone"));
  put(ResourceType::kListener, "in",
      d::Listener("in", d::DynamicWorld::FreePort(), {d::RdsChain("nowhere")}));
  Running server(AllFrom(plane.address(), api_type));
  // The state of the world does not say that there is none: it is given up after a while.
  const std::string page = "/config_dump?include_eds&resource=dynamic_endpoint_configs";
  server.Await(page, "\"client_status\": \"DOES_NOT_EXIST\"");
  CHECK(server.Admin(page).find("\"cluster_name\": \"gone\"") != std::string::npos);
  plane.AwaitLine("ask RouteConfiguration");
  CHECK(server.Admin("/config_dump?resource=dynamic_route_configs").find("client_status") ==
        std::string::npos);
}

}  // namespace
}  // namespace remora::harness
