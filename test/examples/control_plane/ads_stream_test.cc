// One sidecar's stream, both flavours: requests in, responses out.

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "examples/control_plane/ads_stream.h"
#include "test/examples/control_plane/tables.h"

namespace remora::control_plane {
namespace {

namespace discovery = envoy::service::discovery::v3;
using Names = std::vector<std::string>;

constexpr auto kClusters = ResourceType::kClusters;
constexpr auto kEndpoints = ResourceType::kEndpoints;
constexpr auto kListeners = ResourceType::kListeners;
constexpr auto kRoutes = ResourceType::kRoutes;

std::string NamesOf(ResourceType type, const discovery::DiscoveryResponse& response) {
  Names names;
  for (const auto& any : response.resources()) {
    if (type == kClusters) {
      envoy::config::cluster::v3::Cluster cluster;
      any.UnpackTo(&cluster);
      names.push_back(cluster.name());
    } else if (type == kEndpoints) {
      envoy::config::endpoint::v3::ClusterLoadAssignment assignment;
      any.UnpackTo(&assignment);
      names.push_back(assignment.cluster_name());
    } else {
      names.push_back("*");
    }
  }
  return absl::StrJoin(names, ",");
}

// A sidecar of one flavour: what it says, and what comes as "type names [-removed]".
struct Sidecar {
  explicit Sidecar(Flavour flavour, const std::string& yaml = kTwoRoutes)
      : delta(flavour == Flavour::kDelta), table(TableOf(yaml)), stream(flavour) {}

  void Ask(ResourceType type, const Names& names = {}, const std::string& refusal = "") {
    Say(type, nonces[static_cast<size_t>(type)], names, refusal);
  }
  void Say(ResourceType type, const std::string& nonce, const Names& names,
           const std::string& refusal = "") {
    discovery::DiscoveryRequest request;
    request.mutable_node()->set_id("me");
    request.set_type_url(std::string(TypeUrl(type)));
    request.set_response_nonce(nonce);
    for (const std::string& name : names) request.add_resource_names(name);
    if (!refusal.empty()) request.mutable_error_detail()->set_message(refusal);
    REQUIRE(stream.Receive(request.SerializeAsString()).ok());
  }
  void AskDelta(ResourceType type, const Names& more = {}, const Names& less = {},
                const std::string& refusal = "",
                const std::map<std::string, std::string>& held = {}) {
    discovery::DeltaDiscoveryRequest request;
    request.set_type_url(std::string(TypeUrl(type)));
    request.set_response_nonce(nonces[static_cast<size_t>(type)]);
    for (const std::string& name : more) request.add_resource_names_subscribe(name);
    for (const std::string& name : less) request.add_resource_names_unsubscribe(name);
    for (const auto& [name, version] : held) {
      (*request.mutable_initial_resource_versions())[name] = version;
    }
    if (!refusal.empty()) request.mutable_error_detail()->set_message(refusal);
    REQUIRE(stream.Receive(request.SerializeAsString()).ok());
  }

  std::string Next() {
    const std::optional<std::string> bytes = stream.Next(SnapshotOf(table));
    if (!bytes.has_value()) return "";
    return delta ? NextDelta(*bytes) : NextState(*bytes);
  }
  std::string NextState(const std::string& bytes) {
    discovery::DiscoveryResponse response;
    REQUIRE(response.ParseFromString(bytes));
    const ResourceType type = Note(response.type_url(), response.nonce());
    version = response.version_info();
    return absl::StrCat(TypeText(type), " ", NamesOf(type, response));
  }
  std::string NextDelta(const std::string& bytes) {
    discovery::DeltaDiscoveryResponse response;
    REQUIRE(response.ParseFromString(bytes));
    const ResourceType type = Note(response.type_url(), response.nonce());
    Names names;
    for (const auto& resource : response.resources()) names.push_back(resource.name());
    for (const std::string& name : response.removed_resources()) names.push_back("-" + name);
    return absl::StrCat(TypeText(type), " ", absl::StrJoin(names, ","));
  }
  ResourceType Note(const std::string& url, const std::string& nonce) {
    for (const ResourceType type : kResourceTypes) {
      if (TypeUrl(type) != url) continue;
      nonces[static_cast<size_t>(type)] = nonce;
      return type;
    }
    throw std::runtime_error("a type that nobody asked for: " + url);
  }
  static std::string TypeText(ResourceType type) { return std::string(TypeName(type)); }

  void Put(const std::string& route) { REQUIRE(table.Put(MessageOf<v1::Route>(route)).ok()); }
  v1::Sidecar Described() { return stream.Describe(SnapshotOf(table)); }

  // Everything up to the first quiet moment.
  void Start() {
    if (delta) {
      AskDelta(kClusters);
      CHECK(Next() == "clusters cart,shop");
      AskDelta(kClusters);
      AskDelta(kEndpoints, {"cart", "shop"});
      CHECK(Next() == "endpoints cart,shop");
      AskDelta(kEndpoints);
      AskDelta(kListeners);
      CHECK(Next() == "listeners ingress");
      AskDelta(kListeners);
      AskDelta(kRoutes, {"routes"});
      CHECK(Next() == "routes routes");
      AskDelta(kRoutes);
    } else {
      Ask(kClusters);
      CHECK(Next() == "clusters cart,shop");
      Ask(kClusters);
      Ask(kEndpoints, {"cart", "shop"});
      CHECK(Next() == "endpoints cart,shop");
      Ask(kEndpoints, {"cart", "shop"});
      Ask(kListeners);
      CHECK(Next() == "listeners *");
      Ask(kListeners);
      Ask(kRoutes, {"routes"});
      CHECK(Next() == "routes *");
      Ask(kRoutes, {"routes"});
    }
    CHECK(Next().empty());
    CHECK(Described().up_to_date());
  }

  const bool delta;
  RouteTable table;
  AdsStream stream;
  std::array<std::string, 4> nonces;
  std::string version;
};

TEST_CASE("state of the world: a new route goes out in order, routes last") {
  Sidecar s(Flavour::kStateOfTheWorld);
  s.Start();
  s.Put("{name: news, path: /news, instances: [{address: 127.0.0.1, port: 9}]}");
  CHECK_FALSE(s.Described().up_to_date());
  CHECK(s.Next() == "clusters cart,news,shop");
  CHECK(s.Next().empty());  // routes wait for the answer
  s.Ask(kClusters);
  CHECK(s.Next().empty());  // and for the endpoints
  s.Ask(kEndpoints, {"cart", "news", "shop"});
  CHECK(s.Next() == "endpoints news");
  CHECK(s.Next().empty());
  s.Ask(kEndpoints, {"cart", "news", "shop"});
  CHECK(s.Next() == "routes *");
  s.Ask(kRoutes, {"routes"});
  CHECK(s.Next().empty());
  CHECK(s.Described().up_to_date());
}

TEST_CASE("state of the world: a removed route's cluster goes when the routes are accepted") {
  Sidecar s(Flavour::kStateOfTheWorld);
  s.Start();
  REQUIRE(s.table.Remove("cart").ok());
  CHECK(s.Next() == "routes *");
  CHECK(s.Next().empty());
  s.Ask(kRoutes, {"routes"});
  CHECK(s.Next() == "clusters shop");
  s.Ask(kClusters);
  s.Ask(kEndpoints, {"shop"});
  CHECK(s.Next().empty());
  CHECK(s.Described().up_to_date());
}

TEST_CASE("delta: a new route and a removed one") {
  Sidecar s(Flavour::kDelta);
  s.Start();
  s.Put("{name: news, path: /news}");
  CHECK(s.Next() == "clusters news");
  s.AskDelta(kClusters);
  CHECK(s.Next().empty());
  s.AskDelta(kEndpoints, {"news"});
  CHECK(s.Next() == "endpoints news");
  s.AskDelta(kEndpoints);
  CHECK(s.Next() == "routes routes");
  s.AskDelta(kRoutes);
  CHECK(s.Next().empty());

  REQUIRE(s.table.Remove("news").ok());
  // The endpoints have gone with the route: told at once, the cluster keeps its place.
  CHECK(s.Next() == "endpoints -news");
  s.AskDelta(kEndpoints);
  CHECK(s.Next() == "routes routes");
  s.AskDelta(kRoutes);
  CHECK(s.Next() == "clusters -news");
  s.AskDelta(kClusters);
  s.AskDelta(kEndpoints, {}, {"news"});
  CHECK(s.Next().empty());
  CHECK(s.Described().up_to_date());
}

TEST_CASE("an instance's change is one endpoints resource") {
  const Flavour flavour = GENERATE(Flavour::kStateOfTheWorld, Flavour::kDelta);
  Sidecar s(flavour);
  s.Start();
  REQUIRE(s.table.RemoveInstance("shop", "127.0.0.1:82").ok());
  CHECK(s.Next() == "endpoints shop");
  CHECK(s.Next().empty());
}

TEST_CASE("changes while an answer is out become one") {
  Sidecar s(Flavour::kStateOfTheWorld);
  s.Start();
  REQUIRE(s.table.RemoveInstance("shop", "127.0.0.1:82").ok());
  CHECK(s.Next() == "endpoints shop");
  REQUIRE(s.table.RemoveInstance("shop", "127.0.0.1:81").ok());
  REQUIRE(s.table.RemoveInstance("cart", "[::1]:83").ok());
  CHECK(s.Next().empty());
  s.Ask(kEndpoints, {"cart", "shop"});
  CHECK(s.Next() == "endpoints cart,shop");
}

TEST_CASE("a refusal is told once and what was refused goes again with the next change") {
  const Flavour flavour = GENERATE(Flavour::kStateOfTheWorld, Flavour::kDelta);
  Sidecar s(flavour);
  s.Start();
  s.Put("{name: bad, path: /bad, tls: {server_name: x, trusted_ca: nobody}}");
  CHECK(s.Next() == (s.delta ? "clusters bad" : "clusters bad,cart,shop"));
  const std::string refusal = "bad: no secret nobody";
  s.delta ? s.AskDelta(kClusters, {}, {}, refusal) : s.Ask(kClusters, {}, refusal);
  const Names warnings = s.stream.TakeWarnings();
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].starts_with(s.delta ? "node \"\" refuses clusters "
                                        : "node \"me\" refuses clusters "));
  CHECK(warnings[0].ends_with(": bad: no secret nobody"));
  CHECK(s.stream.TakeWarnings().empty());
  v1::Sidecar described = s.Described();
  CHECK_FALSE(described.up_to_date());
  CHECK(described.subscriptions(0).refused() == 1);
  CHECK(described.subscriptions(0).refused_because() == refusal);
  CHECK(described.subscriptions(0).accepted() == 1);
  CHECK(described.subscriptions(0).accepted_version() !=
        described.subscriptions(0).refused_version());
  // The routes do not wait for endpoints that nobody will ask for; the clusters are not repeated.
  CHECK(s.Next() == (s.delta ? "routes routes" : "routes *"));
  s.delta ? s.AskDelta(kRoutes) : s.Ask(kRoutes, {"routes"});
  CHECK(s.Next().empty());

  s.Put("{name: news, path: /news}");
  CHECK(s.Next() == (s.delta ? "clusters bad,news" : "clusters bad,cart,news,shop"));
  s.delta ? s.AskDelta(kClusters) : s.Ask(kClusters);
  CHECK(s.Described().subscriptions(0).refused_because().empty());
}

TEST_CASE("state of the world: stale nonces are passed over") {
  Sidecar s(Flavour::kStateOfTheWorld);
  s.Start();
  REQUIRE(s.table.RemoveInstance("shop", "127.0.0.1:82").ok());
  const std::string before = s.nonces[1];
  CHECK(s.Next() == "endpoints shop");
  s.Say(kEndpoints, before, {"cart"});
  CHECK(s.Next().empty());
  s.Ask(kEndpoints, {"cart"});
  CHECK(s.Next().empty());
}

TEST_CASE("what is asked for again is sent again") {
  Sidecar s(Flavour::kStateOfTheWorld);
  s.Start();
  s.Ask(kEndpoints, {"cart", "shop"});
  CHECK(s.Next() == "endpoints cart,shop");
  Sidecar d(Flavour::kDelta);
  d.Start();
  d.AskDelta(kEndpoints, {"shop"});
  CHECK(d.Next() == "endpoints shop");
}

TEST_CASE("names that there are not") {
  Sidecar s(Flavour::kStateOfTheWorld);
  s.Ask(kEndpoints, {"nobody"});
  CHECK(s.Next().empty());
  s.Put("{name: nobody, path: /n}");
  CHECK(s.Next() == "endpoints nobody");
  Sidecar d(Flavour::kDelta);
  d.AskDelta(kEndpoints, {"nobody"});
  CHECK(d.Next() == "endpoints -nobody");
  d.AskDelta(kEndpoints);
  CHECK(d.Next().empty());
  d.Put("{name: nobody, path: /n}");
  CHECK(d.Next() == "endpoints nobody");
}

TEST_CASE("an empty table is told") {
  Sidecar s(Flavour::kStateOfTheWorld, "{}");
  s.Ask(kClusters);
  CHECK(s.Next() == "clusters ");
  s.Ask(kClusters);
  CHECK(s.Next().empty());
  Sidecar d(Flavour::kDelta, "{}");
  d.AskDelta(kClusters);
  CHECK(d.Next() == "clusters ");
  d.AskDelta(kClusters);
  CHECK(d.Next().empty());
}

TEST_CASE("delta: what a sidecar holds is not sent, what is gone is removed") {
  Sidecar s(Flavour::kDelta);
  const Snapshot snapshot = SnapshotOf(s.table);
  s.AskDelta(kClusters, {}, {}, "",
             {{"shop", snapshot.of(kClusters).at("shop").version}, {"cart", "old"}, {"gone", "1"}});
  CHECK(s.Next() == "clusters cart,-gone");
}

TEST_CASE("what is no request ends the stream; other types are warned of") {
  AdsStream stream(Flavour::kStateOfTheWorld);
  CHECK_FALSE(stream.Receive("\xff").ok());
  discovery::DiscoveryRequest request;
  request.set_type_url("type.googleapis.com/other.Type");
  CHECK(stream.Receive(request.SerializeAsString()).ok());
  REQUIRE(stream.TakeWarnings().size() == 1);
  CHECK_FALSE(stream.Next(Snapshot()).has_value());
}

}  // namespace
}  // namespace remora::control_plane
