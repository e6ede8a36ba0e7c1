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

TEST_CASE("what is spoken to hosts: one protocol, the client's, or what ALPN says") {
  const auto cluster = [](const std::string& versions, const std::string& more) {
    Parts parts;
    parts.cluster = "typed_extension_protocol_options: {" + std::string(kOptions) +
                    ": {\"@type\": type.googleapis.com/" + kOptions + ", " + versions + "}}\n" +
                    more;
    return Load(Bootstrap(parts));
  };
  const std::string http2 = "http2_protocol_options: {max_concurrent_streams: 7}";
  const std::string both = "{http_protocol_options: {enable_trailers: true}, " + http2 + "}";
  using upstream::Protocol;
  CHECK(cluster("explicit_http_config: {http_protocol_options: {}}", "")
            .config->clusters[0]
            .protocol == Protocol::kHttp1);
  CHECK(cluster("explicit_http_config: {" + http2 + "}", "").config->clusters[0].protocol ==
        Protocol::kHttp2);
  const auto follows = cluster("use_downstream_protocol_config: " + both, "").config->clusters[0];
  CHECK(follows.protocol == Protocol::kAsDownstream);
  CHECK(follows.enable_trailers);
  CHECK(follows.http2.max_concurrent_streams == 7);
  const auto by_alpn =
      cluster("auto_config: " + both,
              "transport_socket: {name: tls, typed_config: {\"@type\": type.googleapis.com/"
              "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext}}")
          .config->clusters[0];
  CHECK(by_alpn.protocol == Protocol::kByAlpn);
  CHECK(by_alpn.enable_trailers);
  CHECK(by_alpn.http2.max_concurrent_streams == 7);
  CHECK(FaultsWith("typed_extension_protocol_options: {" + std::string(kOptions) +
                   ": {\"@type\": type.googleapis.com/" + kOptions + ", auto_config: {}}}") ==
        At("", "ALPN configured for cluster c0 which has a non-ALPN transport socket"));
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

}  // namespace
}  // namespace remora::config
