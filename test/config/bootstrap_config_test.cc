#include <catch2/catch.hpp>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "test/config/printed_config.h"

namespace remora::config {
namespace {

// Every supported part of a bootstrap once, as a person writes it.
constexpr std::string_view kFull = R"(
node: {id: sidecar-1, cluster: web, locality: {region: eu, zone: a, sub_zone: r1}}
admin:
  address: {socket_address: {address: "::1", port_value: 9901}}
  socket_options: [{level: 1, name: 15, int_value: 1, state: STATE_BOUND}]
stats_config:
  stats_matcher: {exclusion_list: {patterns: [{prefix: cluster.noisy.}]}}
  stats_tags: [{tag_name: pod, fixed_value: p1}]
layered_runtime:
  layers:
  - name: base
    static_layer: {re2.max_program_size.error_level: 1000}
static_resources:
  listeners:
  - name: ingress
    stat_prefix: in
    address: {socket_address: {address: "::", port_value: 8080, ipv4_compat: true}}
    per_connection_buffer_limit_bytes: 32768
    tcp_backlog_size: 64
    freebind: true
    tcp_keepalive: {keepalive_time: 60}
    socket_options: [{level: 6, name: 9, buf_value: AQID, state: 2}]
    filter_chains:
    - name: main
      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          codec_type: HTTP1
          stat_prefix: ingress_http
          server_name: edge
          server_header_transformation: APPEND_IF_ABSENT
          max_request_headers_kb: 96
          stream_idle_timeout: 90s
          use_remote_address: true
          xff_num_trusted_hops: 2
          skip_xff_append: true
          generate_request_id: false
          preserve_external_request_id: true
          always_set_request_id_in_response: true
          http_protocol_options: {accept_http_10: true, default_host_for_http_10: old.example, allow_absolute_url: false, enable_trailers: true}
          common_http_protocol_options: {idle_timeout: 0s, max_headers_count: 50}
          http_filters: [{{buffer}}, {{router}}]
          route_config:
            name: local
            virtual_hosts:
            - name: api
              domains: [api.example, "*.api.example"]
              routes:
              - name: health
                match: {path: /health, case_sensitive: false}
                direct_response: {status: 200, body: {inline_string: fine}}
              - match: {safe_regex: {regex: "/v[0-9]{1,40}/.*"}}
                route: {cluster: local, timeout: 0s, idle_timeout: 2.5s}
              - match: {path_separated_prefix: /split}
                route:
                  weighted_clusters:
                    clusters:
                    - {name: local, weight: 1}
                    - name: other
                      weight: 3
                      typed_per_filter_config: {buffer: {"@type": {{BufferPerRoute}}, disabled: true}}
            - name: rest
              domains: ["*"]
              routes:
              - match: {prefix: /}
                route: {cluster: other}
  - address: {pipe: {path: /run/web.sock, mode: 432}}
    enable_reuse_port: false
    default_filter_chain:
      filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: pipe
          http_filters: [{{router}}]
          route_config: {}
      transport_socket: {name: raw, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}
  clusters:
  - name: local
    alt_stat_name: local_app
    connect_timeout: 0.25s
    per_connection_buffer_limit_bytes: 0
    circuit_breakers:
      thresholds:
      - {max_connections: 5}
      - {max_connections: 6, max_requests: 7}
      - {priority: HIGH, max_retries: 9, max_pending_requests: 8}
    upstream_connection_options: {tcp_keepalive: {keepalive_probes: 3, keepalive_interval: 10}}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        common_http_protocol_options: {idle_timeout: 30s, max_headers_count: 70}
        explicit_http_config: {http_protocol_options: {enable_trailers: true}}
    load_assignment:
      cluster_name: local
      endpoints:
      - locality: {region: eu, zone: a}
        lb_endpoints:
        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 3000}}, hostname: app}
          load_balancing_weight: 4
        - endpoint: {address: {pipe: {path: "@app"}}}
          health_status: DEGRADED
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: "::1", port_value: 3001}}}
          health_status: DRAINING
  - name: other
    type: STATIC
)";

constexpr std::string_view kFullPrinted =
    R"(node 'sidecar-1' 'web' eu/a/r1
admin [::1]:9901 v4=0 option=1:15:01000000@1
cluster 'local' 'local_app' connect=0.25s buffer=0 limits=5/1024/1024/3,1024/8/1024/9 keepalive=3/-/10 idle=30s headers=70 trailers=1
  host 127.0.0.1:3000 'app' weight=4 health=0 eu/a/
  host @app '' weight=1 health=5 eu/a/
  host [::1]:3001 '' weight=1 health=3 //
cluster 'other' 'other' connect=5s buffer=1048576 limits=1024/1024/1024/3,1024/1024/1024/3 idle=3600s headers=100 trailers=0
listener 'ingress' 'in' [::]:8080 mode=0 buffer=32768 reuse_port=1 v4=1 transparent=0 freebind=1 backlog=64 keepalive=-/60/- option=6:9:010203@2
  http 'ingress_http' server=edge:1 idle=0s/90s heads=98304/50 http10=1'old.example' absolute=0 trailers=1 xff=1/2/1 id=011
    filter 'buffer' type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
    filter 'router' type.googleapis.com/envoy.extensions.filters.http.router.v3.Router terminal
    routes 'local'
     host 'api' api.example *.api.example
      route 'health' path /health any case -> answer 200 'fine'
      route '' safe_regex /v[0-9]{1,40}/.* -> local:1 timeout=0s idle=2.5s
      route '' path_separated_prefix /split -> local:1 other:4 timeout=15s
        other [buffer: off]
     host 'rest' *
      route '' prefix / -> other:1 timeout=15s
listener '' '' /run/web.sock mode=660 buffer=1048576 reuse_port=0 v4=0 transparent=0 freebind=0 backlog=0
  http 'pipe' server=envoy:0 idle=3600s/300s heads=61440/100 http10=0'' absolute=1 trailers=0 xff=0/0/0 id=100
    filter 'router' type.googleapis.com/envoy.extensions.filters.http.router.v3.Router terminal
    routes ''
)";

TEST_CASE("a full bootstrap becomes values") { CHECK(Printed(kFull) == kFullPrinted); }

TEST_CASE("the bootstrap's statistics settings become predicates and rules") {
  const LoadedBootstrap loaded = Load(kFull);
  REQUIRE(loaded.config.has_value());
  CHECK(loaded.config->stats_matcher.Accepts("cluster.quiet.x"));
  CHECK_FALSE(loaded.config->stats_matcher.Accepts("cluster.noisy.x"));
  REQUIRE(loaded.config->stats_tags.rules.size() == 1);
  CHECK(loaded.config->stats_tags.rules[0].fixed_value == "p1");
}

TEST_CASE("an empty bootstrap is a bootstrap") {
  CHECK(Printed("{}") == "node '' '' //\n");
  CHECK(Printed("admin: {}") == "node '' '' //\n");
}

TEST_CASE("all faults of loader and translators come back at once, in file order") {
  CHECK(
      Printed(R"(static_resources:
  listeners:
  - name: a
    address: {socket_address: {address: localhost, port_value: 1}}
  - name: b
    addres: {}
    address: {socket_address: {address: 10.0.0.1, port_value: 70000}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ""
          http_filters: [{{buffer}}]
          route_config:
            virtual_hosts:
            - name: v
              domains: ["*"]
              routes:
              - match: {safe_regex: {regex: "("}}
                route: {cluster: x}
  clusters:
  - name: c
    connect_timeout: -1s
)") ==
      R"(3: static_resources.listeners[0].filter_chains: error adding listener 'a': no filter chains specified
4: static_resources.listeners[0].address.socket_address.address: malformed IP address: localhost
7: static_resources.listeners[1].address.socket_address.port_value: must be at most 65535 (70000)
13: static_resources.listeners[1].filter_chains[0].filters[0].typed_config.stat_prefix: a value is required
14: static_resources.listeners[1].filter_chains[0].filters[0].typed_config.http_filters[0]: Error: non-terminal filter named buffer of type envoy.filters.http.buffer is the last filter in a http filter chain.
20: static_resources.listeners[1].filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].routes[0].match.safe_regex.regex: missing ): (
21: static_resources.listeners[1].filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].routes[0].route.cluster: route: unknown cluster 'x'
24: static_resources.clusters[0].connect_timeout: must be greater than 0s (-1s)
)");
}

TEST_CASE("what follows from an earlier fault is not told again") {
  SECTION("a cluster whose name could not be read is not unknown") {
    CHECK(Printed(R"(static_resources:
  listeners:
  - address: {pipe: {path: /a}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: a
          http_filters: [{{router}}]
          route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: x}}]}]}
  clusters:
  - name: [x, y]
)")
              .find("unknown cluster") == std::string::npos);
  }
  SECTION("names as addresses in other kinds of cluster") {
    Parts parts;
    parts.endpoint = "{socket_address: {address: app.example, port_value: 1}}";
    parts.cluster = "type: STRICT_DNS";
    CHECK(Faults(parts) ==
          "static_resources.clusters[0].type: value STRICT_DNS is not supported by this version of "
          "Remora\n");
    parts.cluster = "cluster_type: {name: x}";
    CHECK(Faults(parts) ==
          "static_resources.clusters[0].cluster_type: not supported by this version of Remora\n");
  }
  SECTION("an extension whose type is not known") {
    Parts parts;
    parts.filters = "[{name: f, typed_config: {\"@type\": type.googleapis.com/x.Y}}, {{router}}]";
    CHECK(Faults(parts) ==
          "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[0]."
          "typed_config: type \"type.googleapis.com/x.Y\" is not supported by this build\n");
  }
  SECTION("a condition that is not supported is not a missing one") {
    Parts parts;
    parts.match = "path_match_policy: {}";
    CHECK(Faults(parts) ==
          "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config."
          "virtual_hosts[0].routes[0].match.path_match_policy: not supported by this version of "
          "Remora\n");
  }
  SECTION("but what is independent of it is") {
    Parts parts;
    parts.match = "headers: [{name: '', safe_regex_match: {regex: '('}}]";
    const std::string faults = Faults(parts);
    CHECK(faults.find("match: one of ") != std::string::npos);
    CHECK(faults.find("match.headers[0].name: ") != std::string::npos);
    CHECK(faults.find("missing ): (") != std::string::npos);
  }
  SECTION("a text that is no document") { CHECK(Load("a: [").errors.size() == 1); }
}

TEST_CASE("names of clusters differ, names of listeners need not") {
  const std::string listener = R"(
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: a
          http_filters: [{{router}}]
          route_config: {}
)";
  const auto listeners = [&](const std::string& first, const std::string& second) {
    return Printed("static_resources:\n  listeners:\n  - name: a\n    address: " + first +
                   listener + "  - name: a\n    address: " + second + listener);
  };
  const std::string any = "{socket_address: {address: 127.0.0.1, port_value: 0}}";
  const std::string fixed = "{socket_address: {address: 127.0.0.1, port_value: 80}}";
  CHECK(listeners(any, any).starts_with("node"));
  CHECK(listeners(fixed, any).starts_with("node"));
  CHECK(listeners(fixed, fixed) ==
        "14: static_resources.listeners[1].address: error adding listener: 'a' has duplicate "
        "address '127.0.0.1:80' as existing listener, to check if the listener has duplicated "
        "addresses with other listeners or 'enable_reuse_port' is set to 'false' for the "
        "listener\n");
  CHECK(Printed("static_resources: {clusters: [{name: a}, {name: b}, {name: a}]}") ==
        "1: static_resources.clusters[2].name: cluster manager: duplicate cluster 'a'\n");
}

TEST_CASE("the command line's node counts where the file says nothing") {
  LoadOptions options;
  options.yaml = "node: {id: file}";
  const LoadedBootstrap loaded =
      LoadBootstrap(options, {"flag-id", "flag-cluster", "flag-zone"}, TestRegistry(), 0);
  REQUIRE(loaded.config.has_value());
  CHECK(loaded.config->node.id == "file");
  CHECK(loaded.config->node.cluster == "flag-cluster");
  CHECK(loaded.config->node.locality.zone == "flag-zone");
}

TEST_CASE("ParseBootstrap does without the loader's rules") {
  // Nothing here keeps the rules of the .proto files; every fault has to be found all the same.
  envoy::config::bootstrap::v3::Bootstrap proto;
  proto.mutable_static_resources()->add_listeners()->mutable_address();
  proto.mutable_static_resources()
      ->add_clusters()
      ->mutable_load_assignment()
      ->add_endpoints()
      ->add_lb_endpoints();
  ErrorList errors, warnings;
  CHECK_FALSE(ParseBootstrap(proto, TestRegistry(), errors, warnings).has_value());
  CHECK(errors.ToString() ==
        "static_resources.clusters[0].load_assignment.endpoints[0].lb_endpoints[0].endpoint."
        "address: Address must be set\n"
        "static_resources.listeners[0].address: Address must be set\n"
        "static_resources.listeners[0].filter_chains: error adding listener '': no filter chains "
        "specified\n");
}

TEST_CASE("a mistyped extension type is answered with the nearest one") {
  const std::string wrong =
      "static_resources: {listeners: [{address: {socket_address: {address: 127.0.0.1, port_value: "
      "1}}, filter_chains: [{filters: [{name: a, typed_config: {'@type': "
      "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
      "HttpConectionManager}}]}]}]}";
  CHECK(Printed(wrong).find("did you mean \"type.googleapis.com/envoy.extensions.filters.network."
                            "http_connection_manager.v3.HttpConnectionManager\"?") !=
        std::string::npos);
}

TEST_CASE("the log's format is a pattern, also of JSON") {
  const auto format = [](const std::string& text) {
    Parts parts;
    parts.admin = "application_log_config: {log_format: " + text + "}";
    const LoadedBootstrap loaded = Load(Bootstrap(parts));
    return loaded.config.has_value() ? loaded.config->log_format : Faults(parts);
  };
  CHECK(format("{text_format: '[%l] %v'}") == "[%l] %v");
  CHECK(format("{json_format: {time: '%T', level: '%l', message: '%j', n: 1, o: {b: true}}}") ==
        R"({"level":"%l","message":"%j","n":1,"o":{"b":true},"time":"%T"})");
  CHECK(format("{json_format: {message: '%v'}}") ==
        "application_log_config.log_format.json_format: setJsonLogFormat error: Usage of %v is "
        "unavailable for JSON log formats\n");
}

TEST_CASE("when histograms are summed up") {
  const auto load = [](const std::string& text) {
    Parts parts;
    parts.admin = text;
    return *Load(Bootstrap(parts)).config;
  };
  CHECK(load("").stats_flush_interval == 5 * event::kSecond);
  CHECK_FALSE(load("").stats_flush_on_admin);
  CHECK(load("stats_flush_interval: 0.5s").stats_flush_interval == 500 * event::kMillisecond);
  CHECK(load("stats_flush_on_admin: true").stats_flush_on_admin);
}

}  // namespace
}  // namespace remora::config
