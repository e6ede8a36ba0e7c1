#include "source/config/resource_translator.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/service/runtime/v3/rtds.pb.h"
#include "source/config/load_bootstrap.h"
#include "source/config/meaning.h"
#include "source/config/registry.h"

namespace remora::config {
namespace {

template <class Proto>
std::string Bytes(const std::string& yaml) {
  Proto proto;
  LoadOptions options;
  options.yaml = yaml;
  LoadMessage(options, proto);
  return proto.SerializeAsString();
}

struct World {
  explicit World(UnknownFieldPolicy policy = UnknownFieldPolicy::kWarn) {
    setup.context.registry = &registry;
    setup.context.has_ads = true;
    setup.unknown_fields = policy;
    setup.on_unknown_fields = [this](size_t count) { unknown += count; };
    setup.on_warning = [this](const std::string& warning) { warnings.push_back(warning); };
    setup.has_cluster = [](std::string_view name) { return name == "known"; };
    translator.emplace(setup, parts);
  }
  std::string ClusterError(const std::string& bytes) {
    return std::string(translator->Cluster(bytes).status().message());
  }

  Registry registry;
  ResourceTranslator::Setup setup;
  tls::PartCache parts;
  std::optional<ResourceTranslator> translator;
  size_t unknown = 0;
  std::vector<std::string> warnings;
};

using ClusterProto = envoy::config::cluster::v3::Cluster;
using EndpointsProto = envoy::config::endpoint::v3::ClusterLoadAssignment;
using ListenerProto = envoy::config::listener::v3::Listener;
using RoutesProto = envoy::config::route::v3::RouteConfiguration;
using RuntimeProto = envoy::service::runtime::v3::Runtime;

TEST_CASE("a cluster of a source is what the bootstrap's would be, and says whose it is") {
  World w;
  const auto cluster = w.translator->Cluster(
      Bytes<ClusterProto>("{name: a, type: EDS, eds_cluster_config: {eds_config: {ads: {}}, "
                          "service_name: s}, connect_timeout: 2s}"));
  REQUIRE(cluster.ok());
  CHECK(cluster->config.name == "a");
  CHECK(cluster->config.added_by_source);
  CHECK(cluster->config.hosts_change);
  CHECK(cluster->config.connect_timeout == 2 * event::kSecond);
  REQUIRE(cluster->endpoints.has_value());
  CHECK(cluster->endpoints->service_name == "s");
  CHECK(cluster->endpoints->source.kind == ConfigSource::Kind::kAds);
}

TEST_CASE("every fault of a resource is told with its path") {
  World w;
  CHECK(w.ClusterError("\x0f") == "Unable to unpack as envoy.config.cluster.v3.Cluster");
  CHECK(w.ClusterError(Bytes<ClusterProto>("{name: a, connect_timeout: 0s}"))
            .starts_with("connect_timeout: "));
  CHECK(w.ClusterError(Bytes<ClusterProto>("{name: a, type: EDS}")) ==
        "eds_cluster_config: cannot create an EDS cluster without an EDS config");
  const std::string two = w.ClusterError(Bytes<ClusterProto>(
      "{name: a, load_assignment: {cluster_name: a, endpoints: [{priority: 1}, {priority: 2}]}}"));
  CHECK(
      two ==
      "load_assignment.endpoints[0].priority: not supported by this version of Remora: there is "
      "one "
      "priority level (1); load_assignment.endpoints[1].priority: not supported by this version of "
      "Remora: there is one priority level (2)");
}

TEST_CASE("fields that are not known are refused, warned of or passed over") {
  // health_checks (8), which this version does not have, and one of a message inside.
  ClusterProto proto;
  proto.set_name("a");
  proto.GetReflection()->MutableUnknownFields(&proto)->AddLengthDelimited(8, "");
  auto& thresholds = *proto.mutable_circuit_breakers()->add_thresholds();
  thresholds.GetReflection()->MutableUnknownFields(&thresholds)->AddVarint(99, 1);
  const std::string bytes = proto.SerializeAsString();

  World warns;
  CHECK(warns.translator->Cluster(bytes).ok());
  CHECK(warns.unknown == 2);
  CHECK(warns.warnings ==
        std::vector<std::string>{"unknown field number 8",
                                 "circuit_breakers.thresholds[0]: unknown field number 99"});
  World refuses(UnknownFieldPolicy::kReject);
  CHECK(refuses.ClusterError(bytes) ==
        "unknown field number 8; circuit_breakers.thresholds[0]: unknown field number 99");
  World ignores(UnknownFieldPolicy::kIgnore);
  CHECK(ignores.translator->Cluster(bytes).ok());
  CHECK(ignores.unknown == 2);
  CHECK(ignores.warnings.empty());
}

TEST_CASE("routes of a source may name clusters that are not there, unless they say otherwise") {
  World w;
  const std::string routes =
      "name: r, virtual_hosts: [{name: all, domains: ['*'], routes: [{match: {prefix: /}, route: "
      "{cluster: CLUSTER}}]}]}";
  const auto with = [&routes](const std::string& cluster, const std::string& more) {
    std::string text = "{" + more + routes;
    text.replace(text.find("CLUSTER"), 7, cluster);
    return Bytes<RoutesProto>(text);
  };
  CHECK(w.translator->Routes(with("other", ""), {}, {}, nullptr).ok());
  CHECK(w.translator->Routes(with("known", "validate_clusters: true, "), {}, {}, nullptr).ok());
  CHECK(w.translator->Routes(with("other", "validate_clusters: true, "), {}, {}, nullptr)
            .status()
            .message() ==
        "virtual_hosts[0].routes[0].route.cluster: route: unknown cluster 'other'");
}

TEST_CASE("endpoints get the transport that their metadata choose") {
  World w;
  upstream::TransportMatch match;
  match.name = "m";
  match.values.fields["k"].kind = http::MetadataValue::Kind::kString;
  match.values.fields["k"].text = "v";
  const auto endpoints = w.translator->Endpoints(
      Bytes<EndpointsProto>(
          "{cluster_name: s, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: "
          "{address: 127.0.0.1, port_value: 1}}}}, {endpoint: {address: {socket_address: {address: "
          "127.0.0.1, port_value: 2}}}, metadata: {filter_metadata: {envoy.transport_socket_match: "
          "{k: v}}}}]}]}"),
      {match});
  REQUIRE(endpoints.ok());
  CHECK(endpoints->service_name == "s");
  REQUIRE(endpoints->hosts.size() == 2);
  CHECK(endpoints->hosts[0].transport == 0);
  CHECK(endpoints->hosts[1].transport == 1);
}

TEST_CASE("messages mean the same in whatever order they were written") {
  const auto meaning = [](const std::string& yaml) {
    ListenerProto proto;
    proto.ParseFromString(Bytes<ListenerProto>(yaml));
    return MeaningOf(proto);
  };
  const std::string one =
      "{name: l, metadata: {filter_metadata: {a: {x: 1, y: 2}, b: {}}}, tcp_backlog_size: 5}";
  const std::string same =
      "{tcp_backlog_size: 5, metadata: {filter_metadata: {b: {}, a: {y: 2, x: 1}}}, name: l}";
  CHECK(meaning(one) == meaning(same));
  CHECK(meaning(one) != meaning("{name: l}"));
}

TEST_CASE("a runtime layer is its values, as static layers have them") {
  World w;
  const auto values = w.translator->RuntimeValues(Bytes<RuntimeProto>(
      "{name: rt, layer: {a: {b: 5, c: true}, envoy.reloadable_features.x: true, "
      "re2.max_program_size.error_level: 1}}"));
  REQUIRE(values.ok());
  CHECK(values->size() == 4);
  CHECK(values->at("a.b").number == 5.0);
  CHECK(values->at("a.c").boolean == true);
  REQUIRE(w.warnings.size() == 2);
  CHECK(w.warnings[0].find("accepted without effect: envoy.reloadable_features.x") !=
        std::string::npos);
  CHECK(w.warnings[1].find("it is read from static layers") != std::string::npos);
  CHECK(w.translator->RuntimeValues(Bytes<RuntimeProto>("{name: rt, layer: {a: {b: null}}}"))
            .status()
            .message() == "layer[\"a\"][\"b\"]: Invalid runtime entry value for a.b");
}

}  // namespace
}  // namespace remora::config
