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
  for (const std::string type : {"STRICT_DNS", "LOGICAL_DNS"}) {
    CHECK(FaultsWith("type: " + type) == At(".type", "value " + type + unsupported));
  }
  CHECK(FaultsWith("lb_policy: CLUSTER_PROVIDED") ==
        At(".lb_policy",
           "cluster manager: cluster provided LB specified but cluster 'c0' did not provide one. "
           "Check cluster documentation."));
}

// The faults of a cluster of type ORIGINAL_DST.
std::string OriginalDstFaults(const std::string& fields) {
  return Printed("static_resources: {clusters: [{name: c, type: ORIGINAL_DST" + fields + "}]}");
}

TEST_CASE("ORIGINAL_DST: what goes with it and what does not") {
  const std::string provided = ", lb_policy: CLUSTER_PROVIDED";
  CHECK_FALSE(OriginalDstFaults(provided).starts_with("1: "));
  CHECK_FALSE(OriginalDstFaults(
                  provided +
                  ", cleanup_interval: 1s, original_dst_lb_config: {use_http_header: true, "
                  "http_header_name: X-To, upstream_port_override: 80, metadata_key: {key: a, "
                  "path: [{key: b}]}}")
                  .starts_with("1: "));
  CHECK(OriginalDstFaults("") ==
        "1: static_resources.clusters[0]: cluster: LB policy ROUND_ROBIN is not valid for Cluster "
        "type ORIGINAL_DST. Only 'CLUSTER_PROVIDED' is allowed with cluster type "
        "'ORIGINAL_DST'\n");
  CHECK(OriginalDstFaults(provided + ", load_assignment: {cluster_name: c}") ==
        "1: static_resources.clusters[0].load_assignment: ORIGINAL_DST clusters must have no load "
        "assignment configured\n");
  CHECK(OriginalDstFaults(provided + ", original_dst_lb_config: {http_header_name: a}") ==
        "1: static_resources.clusters[0].original_dst_lb_config.http_header_name: ORIGINAL_DST "
        "cluster: invalid config http_header_name=a and use_http_header is false. Set "
        "use_http_header to true if http_header_name is desired.\n");
}

// A cluster whose transport socket says a PROXY header.
std::string ProxyTransport(const std::string& config, const std::string& inner) {
  return "transport_socket: {name: p, typed_config: {\"@type\": type.googleapis.com/envoy."
         "extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport, config: " +
         config + ", transport_socket: {name: i, typed_config: {\"@type\": type.googleapis.com/" +
         inner + "}}}}";
}

TEST_CASE("PROXY headers stand in front of plain text and TLS") {
  const std::string at = ".transport_socket.typed_config";
  const std::string raw = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
  Parts parts;
  parts.cluster = ProxyTransport("{version: V2, added_tlvs: [{type: 9, value: aGk=}]}", raw);
  const LoadedBootstrap loaded = Load(Bootstrap(parts));
  REQUIRE(loaded.config.has_value());
  REQUIRE(loaded.config->clusters.at(0).transport != nullptr);
  CHECK(loaded.config->clusters.at(0).transport->shows_client());
  CHECK(Warnings(parts) == "");
  CHECK(FaultsWith(ProxyTransport(
            "{}", "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext")) == "");
  CHECK(FaultsWith(ProxyTransport("{}", "google.protobuf.Duration")) ==
        At(at + ".transport_socket.typed_config",
           "Didn't find a registered implementation for 'i' with type URL: "
           "'google.protobuf.Duration'"));
  // Version 1 has no place for them.
  parts.cluster =
      ProxyTransport("{pass_through_tlvs: {}, added_tlvs: [{type: 9, value: aGk=}]}", raw);
  const std::string warnings = Warnings(parts);
  CHECK(warnings.find("pass_through_tlvs: version 1 has no TLVs") != std::string::npos);
  CHECK(warnings.find("added_tlvs: version 1 has no TLVs") != std::string::npos);
  const std::string large = FaultsWith(ProxyTransport(
      "{version: V2, pass_through_tlvs: {match_type: INCLUDE, tlv_type: [300]}}", raw));
  CHECK(large.find("tlv_type[0]") != std::string::npos);
}

TEST_CASE("connections come from the cluster's address, or the manager's") {
  const LoadedBootstrap loaded = Load(
      "cluster_manager: {upstream_bind_config: {source_address: {address: 127.0.0.2, port_value: "
      "0}}}\n"
      "static_resources: {clusters: [{name: a}, {name: b, "
      "connection_pool_per_downstream_connection: "
      "true, upstream_bind_config: {freebind: true, source_address: {address: \"::7\", port_value: "
      "9}, socket_options: [{level: 1, name: 2, int_value: 3}]}}]}\n");
  REQUIRE(loaded.config.has_value());
  const upstream::ClusterConfig& a = loaded.config->clusters.at(0);
  CHECK(a.source->address.ToString() == "127.0.0.2:0");
  CHECK_FALSE(a.source->freebind);
  CHECK_FALSE(a.pool_per_connection);
  const upstream::ClusterConfig& b = loaded.config->clusters.at(1);
  CHECK(b.source->address.ToString() == "[::7]:9");
  CHECK(b.source->freebind);
  CHECK(b.source->options.size() == 1);
  CHECK(b.pool_per_connection);
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

TEST_CASE("HTTP options in the fields that typed_extension_protocol_options has replaced") {
  using upstream::Protocol;
  CHECK(Cluster("http2_protocol_options: {}").protocol == Protocol::kHttp2);
  const upstream::ClusterConfig all = Cluster(
      "http2_protocol_options: {max_concurrent_streams: 7}\nhttp_protocol_options: "
      "{enable_trailers: true}\nprotocol_selection: USE_DOWNSTREAM_PROTOCOL\n"
      "max_requests_per_connection: 3\ncommon_http_protocol_options: {idle_timeout: 9s, "
      "max_stream_duration: 8s, max_response_headers_kb: 2}");
  CHECK(all.protocol == Protocol::kAsDownstream);
  CHECK(all.http2.max_concurrent_streams == 7);
  CHECK(all.enable_trailers);
  CHECK(all.max_requests_per_connection == 3);
  CHECK(all.idle_timeout == 9 * event::kSecond);
  CHECK(all.max_stream_duration == 8 * event::kSecond);
  CHECK(all.max_response_header_bytes == 2048);
  CHECK(FaultsWith("http2_protocol_options: {}\nhttp_protocol_options: {}") ==
        At("",
           "cluster: Both HTTP1 and HTTP2 options may only be configured with non-default "
           "'protocol_selection' values"));

  Parts parts;
  parts.cluster =
      "http2_protocol_options: {}\nmax_requests_per_connection: 3\n"
      "typed_extension_protocol_options: {" +
      std::string(kOptions) + ": {\"@type\": type.googleapis.com/" + kOptions +
      ", explicit_http_config: {http_protocol_options: {}}}}";
  const LoadedBootstrap loaded = Load(Bootstrap(parts));
  REQUIRE(loaded.config.has_value());
  CHECK(loaded.config->clusters[0].protocol == Protocol::kHttp1);
  CHECK(loaded.config->clusters[0].max_requests_per_connection == 3);
  CHECK(loaded.warnings.ToString().find(
            "http2_protocol_options: typed_extension_protocol_options is set: accepted without "
            "effect") != std::string::npos);
}

TEST_CASE("a trusted CA that is given is not empty") {
  CHECK(FaultsWith(
            "transport_socket: {name: tls, typed_config: {\"@type\": type.googleapis.com/"
            "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, "
            "common_tls_context: {validation_context: {trusted_ca: {inline_string: \"\"}}}}}") ==
        At(".transport_socket.typed_config.common_tls_context.validation_context.trusted_ca",
           "DataSource cannot be empty"));
}

}  // namespace
}  // namespace remora::config
