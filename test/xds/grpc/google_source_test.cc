// Sources whose service is a target URI.

#include "test/grpc/google_module.h"
#include "test/xds/grpc/source_world.h"

namespace remora::xds {
namespace {

using harness::ControlPlane;

const std::string kClusterUrl = Url(ResourceType::kCluster);

config::ApiSource Google(const net::Address& address, bool delta) {
  grpc::FindGoogleModule();
  config::ApiSource source;
  if (delta) source.kind = config::ApiSource::Kind::kDeltaGrpc;
  grpc::Service service;
  service.google =
      grpc::GoogleTarget{.uri = "dns:///" + address.ToString(), .stat_prefix = "plane"};
  service.initial_metadata = {{"x-token", "t"}};
  source.services.push_back(service);
  return source;
}

TEST_CASE("ADS at a target URI: what there is comes and goes, and what is wrong is refused") {
  const bool delta = GENERATE(false, true);
  ControlPlane plane;
  plane.Put(kClusterUrl, "a", Named("a"));
  SourceWorld w(plane.address(), Google(plane.address(), delta));
  KeepingUser clusters;
  w.Subscribe(ResourceType::kCluster, clusters);
  CHECK(w.sources->Troubles() ==
        std::vector<std::string>{"control plane in target dns:///" + plane.address().ToString() +
                                 ": connecting"});
  w.Until([&] { return clusters.held.size() == 1; });
  CHECK(plane.node_id() == "me");
  CHECK(plane.metadata() == std::vector<std::string>{"x-token=t"});
  CHECK(w.Stat("control_plane.connected_state") == 1);
  CHECK(w.sources->Troubles().empty());
  plane.Change([&plane] {
    plane.Put(kClusterUrl, "a", Named("a", "bad"));
    plane.Put(kClusterUrl, "b", Named("b"));
  });
  w.Until([&] { return clusters.held.size() == 2; });
  w.Until([&] { return plane.lines().back().starts_with("NACK"); });
  CHECK(clusters.held["a"] == Named("a"));
  plane.Remove(kClusterUrl, "a");
  w.Until([&] { return clusters.held.size() == 1; });
  CHECK(w.Stat("grpc.plane.streams_total") == 1);
}

TEST_CASE("A stream of one type at a target URI") {
  const bool delta = GENERATE(false, true);
  ControlPlane plane;
  plane.Put(Url(ResourceType::kEndpoints), "e", Named("e"));
  SourceWorld w(plane.address());
  config::ConfigSource source;
  source.kind = config::ConfigSource::Kind::kApi;
  source.api = Google(plane.address(), delta);
  KeepingUser user;
  w.Subscribe(ResourceType::kEndpoints, user, {"e"}, source);
  w.Until([&] { return user.held.size() == 1; });
  CHECK(plane.lines()[0] ==
        std::string("stream /envoy.service.endpoint.v3.EndpointDiscoveryService/") +
            (delta ? "DeltaEndpoints" : "StreamEndpoints"));
  // It is closed with its last subscription.
  w.subscriptions.clear();
  w.Until([&] { return w.Stat("grpc.plane.streams_total") == 1; });
}

TEST_CASE("A target that goes and comes back is told what is here; the cluster behind it is next") {
  const bool delta = GENERATE(false, true);
  ControlPlane first;
  const net::Address address = first.address();
  first.Put(kClusterUrl, "a", Named("a"));
  SourceWorld w(address, Google(address, delta));
  KeepingUser clusters;
  w.Subscribe(ResourceType::kCluster, clusters);
  w.Until([&] { return clusters.held.size() == 1; });
  first.Stop();
  w.Until([&] { return w.Stat("control_plane.connected_state") == 0; });
  CHECK(w.Stat("test.0.update_failure") >= 1);
  REQUIRE(w.sources->Troubles().size() == 1);
  CHECK(w.sources->Troubles()[0].find("UNAVAILABLE") != std::string::npos);
  ControlPlane second(address.port());
  second.Put(kClusterUrl, "a", Named("a"));
  second.Put(kClusterUrl, "b", Named("b"));
  w.Until([&] { return clusters.held.size() == 2; });
  CHECK(clusters.log == "+a +b ");
  CHECK(second.lines()[1] == (delta ? "ask Cluster   held a:1" : "ask Cluster 1 "));
}

TEST_CASE("A dead target beside a cluster: the services are tried in turn") {
  ControlPlane plane;
  plane.Put(kClusterUrl, "a", Named("a"));
  ControlPlane gone;
  config::ApiSource source = Google(gone.address(), false);
  gone.Stop();
  source.services.push_back({.cluster = "svc"});
  SourceWorld w(plane.address(), source);
  KeepingUser clusters;
  w.Subscribe(ResourceType::kCluster, clusters);
  w.Until([&] { return clusters.held.size() == 1; });
  CHECK(w.Stat("grpc.plane.streams_closed_14") == 1);
}

TEST_CASE("Garbage and breaks of a target: everything is there in the end") {
  const bool delta = GENERATE(false, true);
  ControlPlane plane;
  plane.SetFaults(
      {.break_stream = 20, .twice = 20, .stale_nonce = 20, .garbage = 20, .too_long = 5}, 7);
  for (int i = 0; i < 5; ++i)
    plane.Put(kClusterUrl, "c" + std::to_string(i), Named("c" + std::to_string(i)));
  SourceWorld w(plane.address(), Google(plane.address(), delta));
  KeepingUser clusters;
  w.Subscribe(ResourceType::kCluster, clusters);
  w.Until([&] { return !clusters.held.empty(); });
  plane.SetFaults({}, 7);
  plane.Put(kClusterUrl, "last", Named("last"));
  w.Until([&] { return clusters.held.contains("last"); });
}

}  // namespace
}  // namespace remora::xds
