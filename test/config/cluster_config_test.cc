#include <catch2/catch.hpp>

#include "test/config/printed_config.h"

namespace remora::config {
namespace {

constexpr char kCluster[] = "static_resources.clusters[0]";
constexpr char kOptions[] = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

std::string At(const std::string& field, const std::string& message) {
  return std::string(kCluster) + field + ": " + message + "\n";
}

std::string FaultsWith(const std::string& lines) {
  Parts parts;
  parts.cluster = lines;
  return Faults(parts);
}

TEST_CASE("other kinds of cluster and balancer are refused by name") {
  const std::string unsupported = " is not supported by this version of Remora";
  CHECK(FaultsWith("type: STATIC") == "");
  for (const std::string type : {"STRICT_DNS", "LOGICAL_DNS", "EDS", "ORIGINAL_DST"}) {
    CHECK(FaultsWith("type: " + type) == At(".type", "value " + type + unsupported));
  }
  CHECK(FaultsWith("lb_policy: CLUSTER_PROVIDED") ==
        At(".lb_policy", "value CLUSTER_PROVIDED" + unsupported));
}

TEST_CASE("endpoints have addresses, not names") {
  Parts parts;
  parts.endpoint = "{socket_address: {address: app.example, port_value: 1}}";
  const std::string endpoint =
      ".load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address";
  CHECK(Faults(parts) ==
        At(endpoint,
           "malformed IP address: app.example. Consider setting resolver_name or setting cluster "
           "type to 'STRICT_DNS' or 'LOGICAL_DNS'"));
  CHECK(Printed("static_resources: {clusters: [{name: c, load_assignment: {cluster_name: c, "
                "endpoints: [{lb_endpoints: [{}]}]}}]}") ==
        "1: static_resources.clusters[0].load_assignment.endpoints[0].lb_endpoints[0].endpoint."
        "address: Address must be set\n");
}

TEST_CASE("weights and priorities of endpoints") {
  const std::string host =
      "{load_balancing_weight: 4294967295, endpoint: {address: {pipe: {path: /a}}}}";
  const auto faults = [&](const std::string& endpoints) {
    Parts parts;
    parts.endpoint = "";
    parts.cluster = "load_assignment: {cluster_name: any, endpoints: " + endpoints + "}";
    return Faults(parts);
  };
  CHECK(faults("[{lb_endpoints: [" + host + "]}]") == "");
  CHECK(faults("[{lb_endpoints: [" + host + "]}, {lb_endpoints: [" + host + "]}]") ==
        At(".load_assignment.endpoints",
           "The sum of weights of all endpoints exceeds 4294967295 (8589934590)"));
  CHECK(faults("[{priority: 1}]") ==
        At(".load_assignment.endpoints[0].priority",
           "not supported by this version of Remora: there is one priority level (1)"));
}

TEST_CASE("a cluster's HTTP options are found by key and type") {
  const std::string options = std::string("{\"@type\": type.googleapis.com/") + kOptions +
                              ", explicit_http_config: {http_protocol_options: {}}}";
  const auto faults = [&](const std::string& key, const std::string& value) {
    return FaultsWith("typed_extension_protocol_options: {" + key + ": " + value + "}");
  };
  CHECK(faults(kOptions, options) == "");
  CHECK(faults("envoy.upstreams.http.http_protocol_options", options) == "");
  CHECK(faults("foo", options) ==
        At(".typed_extension_protocol_options[\"foo\"]",
           "Didn't find a registered network or http filter or protocol options implementation for "
           "name: 'foo'"));
  CHECK(faults(kOptions, "{\"@type\": {{Buffer}}, max_request_bytes: 1}") ==
        At(std::string(".typed_extension_protocol_options[\"") + kOptions + "\"]",
           std::string("Unable to unpack as ") + kOptions +
               ": the type is 'envoy.extensions.filters.http.buffer.v3.Buffer'"));
  CHECK(faults(kOptions, "{}") ==
        At(std::string(".typed_extension_protocol_options[\"") + kOptions + "\"]",
           std::string("Unable to unpack as ") + kOptions + ": the type is ''"));
}

TEST_CASE("a connection timeout in nanoseconds") {
  Parts parts;
  parts.cluster = "connect_timeout: 0.000000001s";
  CHECK(Load(Bootstrap(parts)).config->clusters[0].connect_timeout == 1);
  CHECK(FaultsWith("connect_timeout: 9223372037s") ==
        At(".connect_timeout", "Invalid duration: Duration out-of-range"));
  CHECK(FaultsWith("connect_timeout: 0s") ==
        At(".connect_timeout", "must be greater than 0s (0s)"));
}

upstream::ClusterConfig Cluster(const std::string& lines) {
  Parts parts;
  parts.cluster = lines;
  const LoadedBootstrap loaded = Load(Bootstrap(parts));
  INFO(loaded.errors.ToString());
  REQUIRE(loaded.config.has_value());
  return loaded.config->clusters.at(0);
}

TEST_CASE("limits of connection pools and of a connection's age") {
  const upstream::ClusterConfig cluster = Cluster(
      "circuit_breakers: {thresholds: [{max_connection_pools: 3}]}\n"
      "typed_extension_protocol_options: {" +
      std::string(kOptions) + ": {\"@type\": type.googleapis.com/" + kOptions +
      ", explicit_http_config: {http_protocol_options: {}}, common_http_protocol_options: "
      "{max_connection_duration: 7s}}}");
  CHECK(cluster.limits[0].max_connection_pools == 3);
  CHECK(cluster.limits[1].max_connection_pools == upstream::CircuitBreakerLimits::kUnlimited);
  CHECK(cluster.max_connection_duration == 7 * event::kSecond);
  CHECK(FaultsWith("circuit_breakers: {per_host_thresholds: [{max_connection_pools: 3}]}") ==
        At(".circuit_breakers.per_host_thresholds[0]", "Unsupported field in per_host_thresholds"));
}

TEST_CASE("endpoints choose their transport by metadata, then by their locality's") {
  const std::string values = "metadata: {filter_metadata: {envoy.transport_socket_match: ";
  const std::string raw =
      "transport_socket: {name: raw, typed_config: {'@type': type.googleapis.com/"
      "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}}";
  const std::string at = "endpoint: {address: {pipe: {path: /a}}}";
  const LoadedBootstrap loaded = Load(
      "static_resources: {clusters: [{name: c, transport_socket_matches: ["
      "{name: both, match: {a: x, n: 1}, " +
      raw + ", {name: one, match: {a: x}, " + raw + ", {name: list, match: {l: [1, {b: true}]}, " +
      raw +
      "], load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: ["
      "{" +
      at + "}, {" + at + ", " + values + "{a: x, n: 1, more: 2}}}}, {" + at + ", " + values +
      "{a: x, n: 2}}}}, {" + at + ", " + values + "{a: y}}}}, {" + at + ", " + values +
      "{l: [1, {b: true}]}}}}]}, {" + values + "{a: x}}}, lb_endpoints: [{" + at + "}, {" + at +
      ", " + values + "{l: [1, {b: true}]}}}}]}]}}]}");
  INFO(loaded.errors.ToString());
  REQUIRE(loaded.config.has_value());
  const upstream::ClusterConfig& cluster = loaded.config->clusters[0];
  std::vector<uint32_t> transports;
  for (const upstream::HostConfig& host : cluster.hosts) transports.push_back(host.transport);
  CHECK(transports == std::vector<uint32_t>{0, 1, 2, 0, 3, 2, 3});
  REQUIRE(cluster.transport_matches.size() == 3);
  CHECK(cluster.transport_matches[0].name == "both");
  CHECK(cluster.transport_matches[0].transport == nullptr);
  CHECK(FaultsWith("transport_socket_matches: [{name: a, transport_socket: {name: x}}]") ==
        At(".transport_socket_matches[0].transport_socket",
           "Didn't find a registered implementation for 'x' with type URL: ''"));
}

}  // namespace
}  // namespace remora::config
