#include "test/sim/settings.h"

#include <algorithm>
#include <iterator>

namespace remora::sim {
namespace {

std::string Number(uint64_t n) { return std::to_string(n); }

class Writer {
 public:
  Writer(base::Random& random, Settings& settings) : random_(random), settings_(settings) {}

  std::string Bootstrap() {
    settings_.trailers = Chance(50);
    settings_.mirrors = Chance(25);
    settings_.logs = Chance(40);
    settings_.drains = Chance(20);
    // A held head of a tunnel would wait for an end that never comes.
    settings_.clients.tunnels = !settings_.shakes && Chance(40);
    const std::string limit = BufferLimit();
    std::string text = "static_resources:\n  listeners:\n" + Listener(limit) + "  clusters:\n" +
                       Cluster("a", 0, settings_.hosts - 1, limit) +
                       Cluster("b", settings_.hosts - 1, settings_.hosts, limit);
    if (settings_.mirrors) text += Cluster("mirror", settings_.hosts, settings_.hosts + 1, limit);
    return text;
  }

 private:
  bool Chance(uint32_t percent) { return random_.Below(100) < percent; }

  std::string BufferLimit() {
    constexpr uint32_t kLimits[] = {0, 64, 1024, 16384, 100000};
    if (Chance(40)) return "";
    return "    per_connection_buffer_limit_bytes: " + Number(kLimits[random_.Below(5)]) + "\n";
  }

  // All classes; some of them together.
  std::string RetryPolicy() {
    constexpr const char* kClasses[] = {"5xx",
                                        "gateway-error",
                                        "reset",
                                        "reset-before-request",
                                        "connect-failure",
                                        "envoy-ratelimited",
                                        "retriable-4xx",
                                        "refused-stream",
                                        "retriable-status-codes",
                                        "retriable-headers"};
    const auto retries = static_cast<uint32_t>(1 + random_.Below(3));
    settings_.retries = std::max(settings_.retries, retries);
    std::string text = ", retry_policy: { num_retries: " + Number(retries) + ", retry_on: \"";
    for (uint64_t words = 1 + random_.Below(3); words > 0; --words) {
      text += std::string(kClasses[random_.Below(std::size(kClasses))]) + (words > 1 ? "," : "\"");
    }
    text +=
        ", retriable_status_codes: [418, 503], retriable_headers: [{ name: x-drop, "
        "present_match: true }]";
    if (Chance(30)) text += ", retry_back_off: { base_interval: 0.001s }";
    if (!settings_.clean && Chance(40)) text += ", per_try_timeout: 0.1s";
    if (!settings_.clean && Chance(20)) {
      settings_.hurries = true;
      text += ", per_try_idle_timeout: 0.1s";
    }
    if (Chance(30)) {
      text +=
          ", host_selection_retry_max_attempts: 3, retry_host_predicate: [{ name: "
          "envoy.retry_host_predicates.previous_hosts, typed_config: { \"@type\": "
          "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3."
          "PreviousHostsPredicate } }]";
    }
    return text + " }";
  }

  std::string RouteAction(const std::string& cluster) {
    const bool hurries = !settings_.clean && Chance(40);
    settings_.hurries |= hurries;
    std::string text =
        "                route: { cluster: " + cluster + ", timeout: " + (hurries ? "0.5s" : "60s");
    if (Chance(50)) text += RetryPolicy();
    if (settings_.mirrors && Chance(70)) {
      text +=
          ", request_mirror_policies: [{ cluster: mirror, runtime_fraction: { default_value: "
          "{ numerator: 70 } } }]";
    }
    return text + " }\n";
  }

  std::string Route(const std::string& prefix, const std::string& cluster) {
    settings_.clients.paths.push_back(prefix);
    return "              - match: { prefix: \"" + prefix + "\" }\n" + RouteAction(cluster);
  }

  std::string AccessLog() {
    return std::string(
               "          access_log:\n          - name: file\n            typed_config:\n") +
           "              \"@type\": type.googleapis.com/envoy.extensions.access_loggers.file.v3."
           "FileAccessLog\n              path: \"" +
           kLogPath +
           "\"\n              log_format: { text_format_source: { inline_string: "
           "\"%REQ(x-sim-id)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\\n\" } }\n";
  }

  std::string RateLimit() {
    settings_.may_refuse = true;
    return "          - name: local_ratelimit\n            typed_config:\n"
           "              \"@type\": type.googleapis.com/envoy.extensions.filters.http."
           "local_ratelimit.v3.LocalRateLimit\n              stat_prefix: sim\n"
           "              token_bucket: { max_tokens: " +
           Number(2 + random_.Below(20)) +
           ", fill_interval: 1s }\n"
           "              filter_enabled: { default_value: { numerator: 100 } }\n"
           "              filter_enforced: { default_value: { numerator: 100 } }\n";
  }

  // Clients say which upstream their session belongs to, of whatever cluster it is.
  std::string Affinity() {
    for (size_t i = 0; i < settings_.hosts; ++i) {
      settings_.clients.instances.push_back(static_cast<uint16_t>(kFirstUpstreamPort + i));
    }
    return "          - name: session_affinity\n            typed_config:\n"
           "              \"@type\": type.googleapis.com/remora.extensions.filters.http."
           "session_affinity.v1.SessionAffinity\n              session_cookies: [ session ]\n";
  }

  std::string Listener(const std::string& limit) {
    // What is held of a body must fit, or the answer is 413 or 500.
    const std::string bound = settings_.shakes ? "" : limit;
    std::string text = "  - name: sim\n" + bound +
                       "    address: { socket_address: { address: 127.0.0.1, port_value: " +
                       Number(kListenerPort) + " } }\n";
    text +=
        "    filter_chains:\n    - filters:\n"
        "      - name: envoy.filters.network.http_connection_manager\n"
        "        typed_config:\n"
        "          \"@type\": type.googleapis.com/envoy.extensions.filters.network."
        "http_connection_manager.v3.HttpConnectionManager\n"
        "          stat_prefix: sim\n";
    text += "          stream_idle_timeout: " + std::string(Chance(50) ? "120s" : "300s") + "\n";
    text += "          common_http_protocol_options: { idle_timeout: 30s }\n";
    text += "          http_protocol_options: { accept_http_10: true, enable_trailers: " +
            std::string(settings_.trailers ? "true" : "false") + " }\n";
    if (Chance(30)) text += "          use_remote_address: true\n";
    if (settings_.logs) text += AccessLog();
    if (settings_.clients.tunnels) {
      text +=
          "          upgrade_configs: [{ upgrade_type: websocket }, { upgrade_type: CONNECT }]\n";
    }
    text +=
        "          route_config:\n            virtual_hosts:\n            - name: all\n"
        "              domains: [\"*\"]\n              routes:\n";
    if (settings_.clients.tunnels) {
      text += "              - match: { connect_matcher: {} }\n" + RouteAction("a");
    }
    text += Route("/a", "a") + Route("/b", "b");
    if (Chance(50)) {
      settings_.clients.paths.push_back("/direct");
      text +=
          "              - match: { prefix: \"/direct\" }\n"
          "                direct_response: { status: 200, body: { inline_string: direct } }\n";
    }
    text += "          http_filters:\n";
    if (Chance(30)) text += Affinity();
    if (!settings_.clean && Chance(15)) text += RateLimit();
    if (!settings_.clean && !settings_.clients.tunnels && Chance(15)) {
      settings_.buffers = true;
      text +=
          "          - name: buffer\n            typed_config:\n"
          "              \"@type\": type.googleapis.com/envoy.extensions.filters.http.buffer.v3."
          "Buffer\n              max_request_bytes: 2000\n";
    }
    return text +
           "          - name: router\n            typed_config:\n"
           "              \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3."
           "Router\n";
  }

  std::string Cluster(const std::string& name, size_t first, size_t end, const std::string& limit) {
    std::string text =
        "  - name: " + name + "\n    type: STATIC\n    connect_timeout: 0.25s\n" + limit;
    if (!settings_.clean && Chance(25)) {
      settings_.may_refuse = true;
      text += "    circuit_breakers: { thresholds: [{ max_connections: " +
              Number(1 + random_.Below(3)) + ", max_pending_requests: " + Number(random_.Below(4)) +
              ", max_requests: " + Number(1 + random_.Below(4)) + " }] }\n";
    }
    text +=
        "    typed_extension_protocol_options:\n"
        "      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:\n"
        "        \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3."
        "HttpProtocolOptions\n"
        "        explicit_http_config: { http_protocol_options: { enable_trailers: " +
        std::string(settings_.trailers ? "true" : "false") +
        " } }\n"
        "        common_http_protocol_options: { idle_timeout: 10s";
    text += " }\n    load_assignment:\n      cluster_name: " + name +
            "\n      endpoints:\n      - lb_endpoints:\n";
    for (size_t i = first; i < end; ++i) {
      const std::string port = Number(kFirstUpstreamPort + i);
      text +=
          "        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: " +
          port +
          " } } }\n          metadata: { filter_metadata: { remora.affinity: { instance_id: \"" +
          port + "\" } } }\n";
    }
    return text;
  }

  base::Random& random_;
  Settings& settings_;
};

}  // namespace

Settings MakeSettings(uint64_t seed) {
  base::Random random(seed * 2 + 1);
  Settings settings;
  const auto chance = [&random](uint32_t percent) { return random.Below(100) < percent; };
  settings.clean = seed % 4 == 0;
  settings.shakes = chance(30);
  settings.hosts = 2 + random.Below(3);
  settings.client_count = 4 + random.Below(12);
  settings.clients_at_once = 1 + random.Below(6);
  settings.clients.faults = !settings.clean;
  settings.upstreams.faults = !settings.clean;
  settings.upstreams.stale_closes = !settings.clean && chance(50);
  settings.upstreams.connect_faults = !settings.clean && chance(40);
  settings.clients.largest_body = settings.upstreams.largest_body = chance(20) ? 400000 : 30000;
  settings.weather.tiny_cuts = chance(20);
  if (settings.weather.tiny_cuts) {
    settings.clients.largest_body = settings.upstreams.largest_body = 2000;
  }
  settings.weather.hold_percent = static_cast<uint32_t>(random.Below(20));
  settings.weather.late_ready_percent = static_cast<uint32_t>(random.Below(30));
  settings.weather.full_percent = static_cast<uint32_t>(random.Below(20));
  if (!settings.clean && chance(20)) {
    settings.weather.no_descriptor_per_mille = static_cast<uint32_t>(random.Below(100));
  }
  settings.yaml = Writer(random, settings).Bootstrap();
  return settings;
}

}  // namespace remora::sim
