#include "test/sim/settings.h"

namespace remora::sim {
namespace {

std::string Number(uint64_t n) { return std::to_string(n); }

class Writer {
 public:
  Writer(base::Random& random, Settings& settings) : random_(random), settings_(settings) {}

  std::string Bootstrap() {
    settings_.trailers = Chance(50);
    const std::string limit = BufferLimit();
    return "static_resources:\n  listeners:\n" + Listener(limit) + "  clusters:\n" +
           Cluster("a", 0, settings_.hosts - 1, limit) +
           Cluster("b", settings_.hosts - 1, settings_.hosts, limit);
  }

 private:
  bool Chance(uint32_t percent) { return random_.Below(100) < percent; }

  std::string BufferLimit() {
    constexpr uint32_t kLimits[] = {0, 64, 1024, 16384, 100000};
    if (Chance(40)) return "";
    return "    per_connection_buffer_limit_bytes: " + Number(kLimits[random_.Below(5)]) + "\n";
  }

  std::string Route(const std::string& prefix, const std::string& cluster) {
    settings_.clients.paths.push_back(prefix);
    const bool hurries = !settings_.clean && Chance(40);
    settings_.hurries |= hurries;
    return "              - match: { prefix: \"" + prefix +
           "\" }\n                route: { cluster: " + cluster +
           ", timeout: " + (hurries ? "0.5s" : "60s") + " }\n";
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
    text +=
        "          route_config:\n            virtual_hosts:\n            - name: all\n"
        "              domains: [\"*\"]\n              routes:\n";
    text += Route("/a", "a") + Route("/b", "b");
    if (Chance(50)) {
      settings_.clients.paths.push_back("/direct");
      text +=
          "              - match: { prefix: \"/direct\" }\n"
          "                direct_response: { status: 200, body: { inline_string: direct } }\n";
    }
    text += "          http_filters:\n";
    if (!settings_.clean && Chance(15)) {
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
      text +=
          "        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: " +
          Number(kFirstUpstreamPort + i) + " } } }\n";
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
