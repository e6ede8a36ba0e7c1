#include "source/xds/stream_source.h"

#include <thread>

#include "test/xds/grpc/source_world.h"

namespace remora::xds {
namespace {

using harness::ControlPlane;

const std::string kClusterUrl = Url(ResourceType::kCluster);
const std::string kEndpointsUrl = Url(ResourceType::kEndpoints);

config::ApiSource Delta() {
  config::ApiSource source;
  source.kind = config::ApiSource::Kind::kDeltaGrpc;
  return source;
}

TEST_CASE("ADS: what the control plane has comes, changes and goes, in both flavours") {
  const bool delta = GENERATE(false, true);
  ControlPlane plane;
  plane.Put(kClusterUrl, "a", Named("a"));
  plane.Put(kClusterUrl, "b", Named("b"));
  SourceWorld w(plane.address(), delta ? Delta() : config::ApiSource());
  KeepingUser clusters;
  w.Subscribe(ResourceType::kCluster, clusters);
  CHECK(clusters.updates == 0);  // not from inside
  w.Until([&] { return clusters.held.size() == 2; });
  plane.Put(kClusterUrl, "c", Named("c"));
  w.Until([&] { return clusters.held.size() == 3; });
  plane.Remove(kClusterUrl, "a");
  w.Until([&] { return clusters.held.size() == 2; });
  CHECK(clusters.log == "+a +b +c -a ");
  const std::string acked = "ACK Cluster " + std::string(delta ? "3" : "4");
  w.Until([&] { return plane.lines().back().starts_with(acked); });
  CHECK(plane.lines()[0] ==
        std::string("stream /envoy.service.discovery.v3.AggregatedDiscoveryService/") +
            (delta ? "Delta" : "Stream") + "AggregatedResources");
  CHECK(plane.lines()[1] == "ask Cluster  ");
  CHECK(plane.node_id() == "me");
  CHECK(w.Stat("control_plane.connected_state") == 1);
  CHECK(w.Stat("test.0.update_success") == 3);
  CHECK(w.Stat("test.0.update_attempt") == 4);
  CHECK(w.Stat("test.0.update_rejected") == 0);
  CHECK(w.sources->Troubles().empty());
}

TEST_CASE("What is refused is named, and everything else applies") {
  const bool delta = GENERATE(false, true);
  ControlPlane plane;
  plane.Put(kClusterUrl, "a", Named("a"));
  SourceWorld w(plane.address(), delta ? Delta() : config::ApiSource());
  KeepingUser clusters;
  w.Subscribe(ResourceType::kCluster, clusters);
  w.Until([&] { return clusters.held.size() == 1; });
  plane.Change([&plane] {
    plane.Put(kClusterUrl, "a", Named("a", "bad"));
    plane.Put(kClusterUrl, "b", Named("b"));
  });
  w.Until([&] { return clusters.held.size() == 2; });
  w.Until([&] { return w.Stat("test.0.update_rejected") == 1; });
  w.world.dispatcher.RunOnce(false);
  w.Until([&] { return plane.lines().back().starts_with("NACK"); });
  CHECK(plane.lines().back() ==
        (delta ? "NACK Cluster 2  Error adding/updating cluster(s) a: f: is bad"
               : "NACK Cluster 1  Error adding/updating cluster(s) a: f: is bad"));
  CHECK(clusters.held["a"] == Named("a"));
}

TEST_CASE("Requests of a connection come in the order of types, and wait while paused") {
  ControlPlane plane;
  SourceWorld w(plane.address());
  KeepingUser routes, listeners, endpoints, clusters;
  w.sources->Pause(ResourceType::kRoutes);
  w.Subscribe(ResourceType::kRoutes, routes, {"r"});
  w.Subscribe(ResourceType::kListener, listeners);
  w.Subscribe(ResourceType::kEndpoints, endpoints, {"e", "d"});
  w.Subscribe(ResourceType::kCluster, clusters);
  w.Until([&] { return plane.lines().size() >= 4; });
  w.sources->Resume(ResourceType::kRoutes);
  w.Until([&] { return plane.lines().size() >= 7; });
  std::vector<std::string> asked;
  for (const std::string& line : plane.lines()) {
    if (line.starts_with("ask")) asked.push_back(line);
  }
  CHECK(asked == std::vector<std::string>{"ask Cluster  ", "ask ClusterLoadAssignment  d,e",
                                          "ask Listener  ", "ask RouteConfiguration  r"});
}

TEST_CASE("Many names of one turn are one request") {
  const bool delta = GENERATE(false, true);
  ControlPlane plane;
  for (const char* name : {"a", "b", "c"}) plane.Put(kEndpointsUrl, name, Named(name));
  SourceWorld w(plane.address(), delta ? Delta() : config::ApiSource());
  KeepingUser user;
  // Each with a subscription of its own, as clusters have.
  for (const char* name : {"a", "b", "c"}) w.Subscribe(ResourceType::kEndpoints, user, {name});
  w.Until([&] { return user.held.size() == 3; });
  CHECK(plane.lines()[1] == "ask ClusterLoadAssignment  a,b,c");
  // One that ends is not asked for any more.
  w.subscriptions.erase(w.subscriptions.begin());
  plane.AwaitLine("stream");
  w.Until([&] { return plane.lines().back().find(delta ? " -a" : " b,c") != std::string::npos; });
}

TEST_CASE("After a lost stream the first request says what is here, and nothing comes twice") {
  const bool delta = GENERATE(false, true);
  ControlPlane plane;
  plane.Put(kClusterUrl, "a", Named("a"));
  SourceWorld w(plane.address(), delta ? Delta() : config::ApiSource());
  KeepingUser clusters;
  w.Subscribe(ResourceType::kCluster, clusters);
  w.Until([&] { return clusters.held.size() == 1; });
  plane.AwaitLine("stream");
  const size_t before = plane.lines().size();
  plane.BreakStreams();
  w.Until([&] { return w.Stat("control_plane.connected_state") == 0; });
  CHECK(w.Stat("test.0.update_failure") == 1);
  REQUIRE(w.sources->Troubles().size() == 1);
  CHECK(w.sources->Troubles()[0] ==
        "control plane in cluster svc: svc: UNAVAILABLE: broken on purpose");
  plane.Put(kClusterUrl, "b", Named("b"));
  w.Until([&] { return clusters.held.size() == 2; });
  CHECK(clusters.log == "+a +b ");
  const size_t stream = plane.AwaitLine("stream", before);
  CHECK(plane.lines()[stream + 1] == (delta ? "ask Cluster   held a:1" : "ask Cluster 1 "));
  CHECK(w.sources->Troubles().empty());
}

TEST_CASE("The node, metadata and method of a stream of one type") {
  const bool delta = GENERATE(false, true);
  ControlPlane plane;
  plane.Put(kEndpointsUrl, "e", Named("e"));
  SourceWorld w(plane.address());
  config::ConfigSource source;
  source.kind = config::ConfigSource::Kind::kApi;
  if (delta) source.api.kind = config::ApiSource::Kind::kDeltaGrpc;
  source.api.services.push_back({.cluster = "svc", .initial_metadata = {{"x-token", "t"}}});
  source.api.node_on_first_message_only = true;
  KeepingUser user;
  w.Subscribe(ResourceType::kEndpoints, user, {"e"}, source);
  w.Until([&] { return user.held.size() == 1; });
  plane.Put(kEndpointsUrl, "e", Named("e", "new"));
  w.Until([&] { return user.updates == 2; });
  w.Until([&] { return plane.lines().size() >= 4; });
  CHECK(plane.lines()[0] ==
        std::string("stream /envoy.service.endpoint.v3.EndpointDiscoveryService/") +
            (delta ? "Delta" : "Stream") + "Endpoints");
  CHECK(plane.nodes() == 1);
  const std::vector<std::string> metadata = plane.metadata();
  CHECK(std::find(metadata.begin(), metadata.end(), "x-token=t") != metadata.end());
  CHECK(w.Stat("test.1.control_plane.connected_state") == 1);
  // The stream ends with its last subscription.
  w.subscriptions.clear();
  w.world.dispatcher.RunOnce(false);
  w.world.dispatcher.RunOnce(false);
  CHECK_THROWS_AS(w.Stat("test.1.control_plane.connected_state"), std::out_of_range);
}

TEST_CASE("Servers are tried in turn, and one that cannot be reached is tried for ever") {
  ControlPlane plane;
  plane.Put(kClusterUrl, "a", Named("a"));
  config::ApiSource ads;
  ads.services = {{.cluster = "gone"}, {.cluster = "svc"}};
  SourceWorld w(plane.address(), ads);
  KeepingUser clusters;
  w.Subscribe(ResourceType::kCluster, clusters);
  w.Until([&] { return !w.sources->Troubles().empty() && w.Stat("test.0.update_failure") == 1; });
  CHECK(w.sources->Troubles()[0] ==
        "control plane in cluster gone, svc: gone: UNAVAILABLE: there is no such cluster");
  w.Until([&] { return clusters.held.size() == 1; });
}

TEST_CASE("Requests beyond the rate limit wait") {
  ControlPlane plane;
  for (const char* name : {"a", "b"}) plane.Put(kEndpointsUrl, name, Named(name));
  config::ApiSource ads = Delta();
  ads.rate_limit = {.max_tokens = 1, .tokens_per_fill = 1, .fill_interval = 50'000'000};
  SourceWorld w(plane.address(), ads);
  KeepingUser user;
  w.Subscribe(ResourceType::kEndpoints, user, {"a"});
  w.Until([&] { return user.held.size() == 1; });
  w.Subscribe(ResourceType::kEndpoints, user, {"b"});
  w.Until([&] { return user.held.size() == 2; });
  CHECK(w.Stat("control_plane.rate_limit_enforced") > 0);
}

TEST_CASE("A fetch that takes too long is given up, and what comes later is taken") {
  ControlPlane plane;
  plane.BeSilent();
  plane.Put(kClusterUrl, "a", Named("a"));
  plane.Put(kEndpointsUrl, "e", Named("e"));
  SourceWorld w(plane.address());
  config::ConfigSource source;
  source.initial_fetch_timeout = 20 * event::kMillisecond;
  KeepingUser clusters, endpoints;
  w.Subscribe(ResourceType::kCluster, clusters, {}, source);
  w.Subscribe(ResourceType::kEndpoints, endpoints, {"e", "f"}, source);
  w.Until([&] { return !clusters.log.empty() && !endpoints.log.empty(); });
  CHECK(clusters.log == "timeout; ");
  CHECK(endpoints.log == "timeout e f; ");
  CHECK(w.Stat("test.0.init_fetch_timeout") == 1);
  plane.Speak();
  w.Until([&] { return clusters.held.size() == 1 && endpoints.held.size() == 1; });
}

TEST_CASE("A second subscriber gets what is held") {
  ControlPlane plane;
  plane.Put(kEndpointsUrl, "e", Named("e"));
  SourceWorld w(plane.address());
  KeepingUser first, second;
  w.Subscribe(ResourceType::kEndpoints, first, {"e"});
  w.Until([&] { return first.held.size() == 1; });
  plane.BeSilent();
  w.Subscribe(ResourceType::kEndpoints, second, {"e"});
  CHECK(second.updates == 0);
  w.Until([&] { return second.held.size() == 1; });
  CHECK(first.updates == 1);
}

TEST_CASE("Whatever a control plane does, its resources are here in the end") {
  const bool delta = GENERATE(false, true);
  const uint64_t seed = GENERATE(range(1, 9));
  CAPTURE(seed, delta);
  ControlPlane plane;
  config::ApiSource ads = delta ? Delta() : config::ApiSource();
  ads.services.push_back({.cluster = "svc", .max_message_bytes = 1024 * 1024});
  SourceWorld w(plane.address(), ads);
  plane.SetFaults({.break_stream = 4,
                   .twice = 10,
                   .stale_nonce = 10,
                   .garbage = 3,
                   .unknown_type = 10,
                   .too_long = 2},
                  seed);
  KeepingUser clusters, endpoints;
  w.Subscribe(ResourceType::kCluster, clusters);
  Subscription& names = w.Subscribe(ResourceType::kEndpoints, endpoints, {"e0"});
  base::Random random(seed);
  std::map<std::string, std::string> wanted;
  for (int step = 0; step < 60; ++step) {
    const std::string name = "c" + std::to_string(random.Below(8));
    if (random.Below(4) == 0) {
      wanted.erase(name);
      plane.Remove(kClusterUrl, name);
    } else {
      const std::string content = random.Below(6) == 0 ? "bad" : std::to_string(step);
      wanted[name] = content;
      plane.Put(kClusterUrl, name, Named(name, content));
    }
    const std::string endpoints_name = "e" + std::to_string(random.Below(4));
    plane.Put(kEndpointsUrl, endpoints_name, Named(endpoints_name, std::to_string(step)));
    names.SetNames({"e" + std::to_string(random.Below(4)), "e1"});
    for (int turn = 0; turn < 20; ++turn) w.world.dispatcher.RunOnce(false);
  }
  // Peace: all that is good is here, and nothing that is not.
  plane.SetFaults({}, seed);
  names.SetNames({"e1"});
  plane.Put(kEndpointsUrl, "e1", Named("e1", "last"));
  plane.Put(kClusterUrl, "end", Named("end"));
  wanted["end"] = "";
  w.Until([&] {
    if (endpoints.held["e1"] != Named("e1", "last")) return false;
    for (const auto& [name, content] : wanted) {
      if (content != "bad" && clusters.held[name] != Named(name, content)) return false;
    }
    for (const auto& [name, bytes] : clusters.held) {
      if (!bytes.empty() && !wanted.contains(name)) return false;
    }
    return true;
  });
}

}  // namespace
}  // namespace remora::xds
