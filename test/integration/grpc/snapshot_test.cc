// A start without a control plane, from the snapshot of what it said to the process before.

#include <catch2/catch.hpp>
#include <string>

#include "source/config/read_file.h"
#include "test/fakes/folder.h"
#include "test/harness/control_plane.h"
#include "test/harness/scripted_upstream.h"
#include "test/integration/discovery/dynamic_world.h"
#include "test/integration/grpc/running.h"

namespace remora::harness {
namespace {

namespace d = remora::discovery;
using xds::ResourceType;

void Put(ControlPlane& plane, ResourceType type, const std::string& name, const std::string& yaml) {
  plane.Put(std::string(xds::TypeUrl(type)), name, d::BytesOf(type, yaml));
}

// Two listeners, one of which goes to `up` by a table, the other to a cluster of its own.
void PutWorld(ControlPlane& plane, const ScriptedUpstream& up, uint16_t port, uint16_t other) {
  plane.Change([&] {
    Put(plane, ResourceType::kCluster, "up", d::EdsCluster("up"));
    Put(plane, ResourceType::kCluster, "fixed", d::StaticCluster("fixed", {d::Host(up)}));
    Put(plane, ResourceType::kEndpoints, "up", d::Assignment("up", {d::Host(up)}));
    Put(plane, ResourceType::kListener, "in", d::Listener("in", port, {d::RdsChain("table")}));
    Put(plane, ResourceType::kRoutes, "table", d::Routes("table", {d::To("up")}));
    Put(plane, ResourceType::kListener, "other",
        d::Listener("other", other, {d::Chain(d::Routes("own", {d::To("fixed")}))}));
  });
}

// A free port is free for the next who asks, too.
uint16_t OtherPort(uint16_t port) {
  uint16_t other = port;
  while (other == port) other = d::DynamicWorld::FreePort();
  return other;
}

// All that the control plane has is here.
void AwaitAll(Running& server) {
  server.Await("/ready", "LIVE");
  server.Await("/client_status", "RouteConfiguration");
  server.Await("/client_status", "REQUESTED", /*there=*/false);
}

std::string Get(uint16_t port) {
  return Client(Connect(*net::Address::Ip("127.0.0.1", port))).Get("/").body;
}

bool Refused(uint16_t port) {
  try {
    Get(port);
    return false;
  } catch (const std::exception&) {
    return true;
  }
}

TEST_CASE("What a control plane said last is served while it is gone, then what it says") {
  const std::string api_type = GENERATE("GRPC", "DELTA_GRPC");
  CAPTURE(api_type);
  const fakes::Folder folder;
  const std::string path = folder.At("snapshot");
  const server::SnapshotOptions options = {path};
  ScriptedUpstream first;
  ScriptedUpstream second;
  first.Respond(200, "first");
  second.Respond(200, "second");
  const uint16_t port = d::DynamicWorld::FreePort();
  const uint16_t other = OtherPort(port);
  auto plane = std::make_unique<ControlPlane>();
  const net::Address address = plane->address();
  PutWorld(*plane, first, port, other);
  {
    Running server(AllFrom(address, api_type), options);
    AwaitAll(server);
    CHECK(Get(port) == "first");
    CHECK(server.Admin("/ready") == "LIVE\n");
  }  // what was not written yet is written at the end
  plane.reset();

  Running server(AllFrom(address, api_type), options);
  server.Await("/ready", "LIVE\nserving from a snapshot: ADS: ");
  CHECK(Get(port) == "first");
  CHECK(Get(other) == "first");
  server.Await("/stats?filter=config_snapshot.serving", "serving: 1");
  server.Await("/client_status", "\"client_status\": \"REQUESTED\"");
  CHECK(server.Admin("/config_dump?resource=dynamic_active_clusters")
            .find("\"client_status\": \"REQUESTED\"") != std::string::npos);
  server.Await("/config_journal", "\"source\": \"snapshot\"");
  Client kept(Connect(*net::Address::Ip("127.0.0.1", port)));
  CHECK(kept.Get("/").body == "first");

  // It comes back: most is as it was, one endpoint has moved, one listener is gone.
  ControlPlane again(address.port());
  PutWorld(again, first, port, other);
  again.Change([&] {
    Put(again, ResourceType::kEndpoints, "up", d::Assignment("up", {d::Host(second)}));
    again.Remove(std::string(xds::TypeUrl(ResourceType::kListener)), "other");
  });
  server.Await("/stats?filter=listener_manager.listener_removed", "listener_removed: 1");
  server.Await("/ready", "serving from", /*there=*/false);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::string body;
  while (body != "second" && std::chrono::steady_clock::now() < deadline) body = kept.Get("/").body;
  CHECK(body == "second");  // on the connection that there was
  CHECK(Refused(other));
  CHECK(server.Admin("/stats?filter=listener_manager.listener_modified")
            .find("listener_modified: 0") != std::string::npos);
  CHECK(
      server.Admin("/stats?filter=cluster_manager.cluster_modified").find("cluster_modified: 0") !=
      std::string::npos);
  server.Await("/client_status", "\"client_status\": \"REQUESTED\"", /*there=*/false);
  CHECK(server.Admin("/config_dump?include_eds").find("REQUESTED") == std::string::npos);
  server.Await("/stats?filter=config_snapshot.serving", "serving: 0");
}

TEST_CASE("A snapshot outlives starts that never hear of the control plane") {
  const fakes::Folder folder;
  const std::string path = folder.At("snapshot");
  const server::SnapshotOptions options = {path};
  ScriptedUpstream up;
  up.Respond(200, "up");
  const uint16_t port = d::DynamicWorld::FreePort();
  const uint16_t other = OtherPort(port);
  auto plane = std::make_unique<ControlPlane>();
  const net::Address address = plane->address();
  PutWorld(*plane, up, port, other);
  {
    Running server(AllFrom(address, "GRPC"), options);
    AwaitAll(server);
  }
  plane.reset();
  for (int start = 0; start < 2; ++start) {
    Running server(AllFrom(address, "GRPC"), options);
    server.Await("/ready", "LIVE");
    CHECK(Get(port) == "up");
    CHECK(Get(other) == "up");
  }
}

TEST_CASE("A control plane that takes the stream and says nothing is not waited for") {
  const std::string api_type = GENERATE("GRPC", "DELTA_GRPC");
  CAPTURE(api_type);
  const fakes::Folder folder;
  const std::string path = folder.At("snapshot");
  const server::SnapshotOptions options = {path};
  ScriptedUpstream up;
  up.Respond(200, "up");
  const uint16_t port = d::DynamicWorld::FreePort();
  const uint16_t other = OtherPort(port);
  ControlPlane plane;
  PutWorld(plane, up, port, other);
  {
    Running server(AllFrom(plane.address(), api_type), options);
    AwaitAll(server);
  }
  plane.BeSilent();
  Running server(AllFrom(plane.address(), api_type), options);
  server.Await("/ready", "LIVE\nserving from a snapshot");
  CHECK(Get(port) == "up");
  CHECK(Get(other) == "up");
  plane.Remove(std::string(xds::TypeUrl(ResourceType::kListener)), "other");
  plane.Speak();
  server.Await("/ready", "serving from", /*there=*/false);
  server.Await("/stats?filter=listener_manager.listener_removed", "listener_removed: 1");
  CHECK(Get(port) == "up");
  CHECK(Refused(other));
}

TEST_CASE("A damaged snapshot is refused, and the start goes on without it") {
  const fakes::Folder folder;
  const std::string path = folder.At("snapshot");
  const server::SnapshotOptions options = {path};
  folder.Write("snapshot", "remora snapshot 1\nnonsense");
  ControlPlane plane;
  ScriptedUpstream up;
  up.Respond(200, "up");
  const uint16_t port = d::DynamicWorld::FreePort();
  PutWorld(plane, up, port, OtherPort(port));
  Running server(AllFrom(plane.address(), "GRPC"), options);
  server.Await("/stats?filter=config_snapshot.refused", "refused: 1");
  server.Await("/ready", "LIVE");
  CHECK(Get(port) == "up");
  // In its place there is a good one soon.
  server.Await("/stats?filter=config_snapshot.written", "written: 1");
  const absl::StatusOr<std::string> bytes = config::ReadFile(path, 1'000'000);
  REQUIRE(bytes.ok());
  CHECK(bytes->find("nonsense") == std::string::npos);
  CHECK(bytes->find("table") != std::string::npos);
}

}  // namespace
}  // namespace remora::harness
