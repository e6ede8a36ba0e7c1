#include "test/config/printed_config.h"

#include <iomanip>
#include <map>
#include <sstream>
#include <utility>

#include "envoy/extensions/filters/http/buffer/v3/buffer.pb.h"
#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "source/http/route/rewrite.h"

namespace remora::config {
namespace {

namespace filters = envoy::extensions::filters::http;

struct TestRouter {
  using Proto = filters::router::v3::Router;
  struct Config {};
  static constexpr bool kTerminal = true;
  static std::optional<Config> Parse(const Proto&, ConfigContext&) { return Config(); }
  static http::FilterPtr Create(const Config&, http::FilterContext&) { return {}; }
};

struct TestBuffer {
  using Proto = filters::buffer::v3::Buffer;
  using RouteProto = filters::buffer::v3::BufferPerRoute;
  struct Config {
    uint32_t limit;
  };
  struct RouteConfig {
    bool disabled;
    uint32_t limit;
  };
  static std::optional<Config> Parse(const Proto& proto, ConfigContext& context) {
    const uint32_t limit = proto.max_request_bytes().value();
    if (limit == 13) context.AddError("max_request_bytes", "13 brings bad luck");
    if (limit == 13) return std::nullopt;
    return Config{limit};
  }
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto, ConfigContext& context) {
    const uint32_t limit = proto.buffer().max_request_bytes().value();
    if (limit == 13) context.AddError("buffer.max_request_bytes", "13 brings bad luck");
    if (limit == 13) return std::nullopt;
    return RouteConfig{proto.disabled(), limit};
  }
  static http::FilterPtr Create(const Config&, http::FilterContext&) { return {}; }
};

struct TestMutation {
  using Proto = filters::header_mutation::v3::HeaderMutation;
  struct Config {};
  static std::optional<Config> Parse(const Proto&, ConfigContext&) { return Config(); }
  static http::FilterPtr Create(const Config&, http::FilterContext&) { return {}; }
};

std::string Time(event::Duration duration) {
  std::ostringstream out;
  out << static_cast<double>(duration) / event::kSecond << "s";
  return out.str();
}

std::string Limits(const upstream::CircuitBreakerLimits& limits) {
  std::ostringstream out;
  out << limits.max_connections << "/" << limits.max_pending_requests << "/" << limits.max_requests
      << "/" << limits.max_retries;
  return out.str();
}

std::string Keepalive(const std::optional<net::TcpKeepalive>& keepalive) {
  if (!keepalive.has_value()) return "";
  std::ostringstream out;
  const auto part = [&](const std::optional<uint32_t>& value) {
    if (value.has_value()) {
      out << *value;
    } else {
      out << "-";
    }
  };
  out << " keepalive=";
  part(keepalive->probes);
  out << "/";
  part(keepalive->time_seconds);
  out << "/";
  part(keepalive->interval_seconds);
  return out.str();
}

void PrintOptions(const std::vector<net::SocketOption>& options, std::ostream& out) {
  for (const net::SocketOption& option : options) {
    out << " option=" << option.level << ":" << option.name << ":" << std::hex;
    for (const char c : option.value) {
      out << std::setw(2) << std::setfill('0') << static_cast<int>(static_cast<unsigned char>(c));
    }
    out << std::dec << "@" << static_cast<int>(option.state);
  }
}

void PrintOverrides(const route::FilterOverrides* overrides, std::ostream& out) {
  if (overrides == nullptr) return;
  for (const route::FilterOverride& override : *overrides) {
    out << " [" << override.filter_name << ":";
    if (override.disabled) out << " disabled";
    if (override.config != nullptr) {
      const auto* value = static_cast<const TestBuffer::RouteConfig*>(override.config.get());
      out << (value->disabled ? " off" : " limit " + std::to_string(value->limit));
    }
    out << "]";
  }
}

void PrintRoute(const route::Route& route, std::ostream& out) {
  static const char* const kKinds[] = {"prefix", "path", "path_separated_prefix", "safe_regex",
                                       "connect"};
  out << "      route '" << route.name() << "' " << kKinds[static_cast<size_t>(route.path_kind())]
      << " " << route.path_text() << (route.case_sensitive() ? "" : " any case") << " ->";
  if (route.direct_response() != nullptr) {
    out << " answer " << route.direct_response()->status << " '" << route.direct_response()->body
        << "'";
  } else if (route.redirect() != nullptr) {
    out << " redirect " << route.redirect()->status();
  } else {
    for (const auto* choice = route.clusters_begin(); choice != route.clusters_end(); ++choice) {
      out << " " << choice->name << ":" << choice->weight_end;
    }
    out << " timeout=" << Time(route.timeout());
    if (route.forward()->idle_timeout.has_value()) {
      out << " idle=" << Time(*route.forward()->idle_timeout);
    }
  }
  PrintOverrides(route.overrides(), out);
  out << "\n";
  for (const auto* choice = route.clusters_begin(); choice != route.clusters_end(); ++choice) {
    if (choice->overrides == nullptr || choice->overrides == route.overrides()) continue;
    out << "        " << choice->name;
    PrintOverrides(choice->overrides, out);
    out << "\n";
  }
}

void PrintManager(const connection_manager::Config& config, std::ostream& out) {
  out << "  http '" << config.stat_prefix << "' server=" << config.server_name << ":"
      << static_cast<int>(config.server_header) << " idle=" << Time(config.idle_timeout) << "/"
      << Time(config.stream_idle_timeout) << " heads=" << config.max_request_header_bytes << "/"
      << config.max_request_headers << " http10=" << config.accept_http_10 << "'"
      << config.default_host_for_http_10 << "' absolute=" << config.allow_absolute_url
      << " trailers=" << config.enable_trailers << " xff=" << config.use_remote_address << "/"
      << config.xff_num_trusted_hops << "/" << config.skip_xff_append
      << " id=" << config.generate_request_id << config.preserve_external_request_id
      << config.always_set_request_id_in_response << "\n";
  for (const http::FilterFactory& filter : config.filters) {
    out << "    filter '" << filter.name << "' " << filter.type_url
        << (filter.terminal ? " terminal" : "") << (filter.disabled ? " disabled" : "") << "\n";
  }
  out << "    routes '" << config.routes->name() << "'\n";
  for (const route::VirtualHost& host : config.routes->virtual_hosts()) {
    out << "     host '" << host.name() << "'";
    for (const std::string& domain : host.domains()) out << " " << domain;
    PrintOverrides(host.overrides(), out);
    out << "\n";
    for (const route::Route& route : host.routes()) PrintRoute(route, out);
  }
}

void PrintListener(const ListenerConfig& listener, std::ostream& out) {
  out << "listener '" << listener.name << "' '" << listener.stat_prefix << "' "
      << listener.address.ToString() << " mode=" << std::oct << listener.address.mode() << std::dec
      << " buffer=" << listener.per_connection_buffer_limit
      << " reuse_port=" << listener.options.reuse_port << " v4=" << listener.options.ipv4_compat
      << " transparent=" << listener.options.transparent
      << " freebind=" << listener.options.freebind << " backlog=" << listener.options.backlog
      << Keepalive(listener.options.keepalive);
  PrintOptions(listener.options.options, out);
  out << "\n";
  for (const auto& chain : listener.AllChains()) {
    if (chain->http != nullptr) PrintManager(*chain->http, out);
  }
}

void PrintCluster(const upstream::ClusterConfig& cluster, std::ostream& out) {
  out << "cluster '" << cluster.name << "' '" << cluster.stat_name()
      << "' connect=" << Time(cluster.connect_timeout)
      << " buffer=" << cluster.per_connection_buffer_limit
      << " limits=" << Limits(cluster.limits[0]) << "," << Limits(cluster.limits[1])
      << Keepalive(cluster.keepalive) << " idle=" << Time(cluster.idle_timeout)
      << " headers=" << cluster.max_response_headers << " trailers=" << cluster.enable_trailers
      << "\n";
  for (const upstream::HostConfig& host : cluster.hosts) {
    out << "  host " << host.address.ToString() << " '" << host.hostname
        << "' weight=" << host.weight << " health=" << static_cast<int>(host.health) << " "
        << host.locality.region << "/" << host.locality.zone << "/" << host.locality.sub_zone
        << "\n";
  }
}

void PrintBootstrap(const BootstrapConfig& config, std::ostream& out) {
  out << "node '" << config.node.id << "' '" << config.node.cluster << "' "
      << config.node.locality.region << "/" << config.node.locality.zone << "/"
      << config.node.locality.sub_zone << "\n";
  if (config.admin.address.has_value()) {
    out << "admin " << config.admin.address->ToString() << " v4=" << config.admin.ipv4_compat;
    PrintOptions(config.admin.socket_options, out);
    out << "\n";
  }
  for (const upstream::ClusterConfig& cluster : config.clusters) PrintCluster(cluster, out);
  for (const auto& listener : config.listeners) PrintListener(*listener, out);
}

std::string WithoutPositions(const ErrorList& errors) {
  std::string out;
  for (const ConfigError& error : errors.errors()) {
    out += error.path + ": " + error.message + "\n";
  }
  return out;
}

const std::map<std::string, std::string> kPieces = {
    {"{{router}}",
     "{name: router, typed_config: {\"@type\": "
     "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}"},
    {"{{buffer}}",
     "{name: buffer, typed_config: {\"@type\": "
     "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, max_request_bytes: 5}}"},
    {"{{Buffer}}", "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer"},
    {"{{BufferPerRoute}}",
     "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute"},
    {"{{HeaderMutation}}",
     "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"},
    {"{{FilterConfig}}", "type.googleapis.com/envoy.config.route.v3.FilterConfig"},
    {"{{Router}}", "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
    {"{{Duration}}", "type.googleapis.com/google.protobuf.Duration"},
};

std::string Expanded(std::string text) {
  for (const auto& [name, piece] : kPieces) {
    for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
      text.replace(at, name.size(), piece);
      at += piece.size();
    }
  }
  return text;
}

// Each line of `text` after `indent` spaces.
std::string Lines(const std::string& text, size_t indent) {
  std::istringstream in(text);
  std::string out;
  for (std::string line; std::getline(in, line);) out += std::string(indent, ' ') + line + "\n";
  return out;
}

}  // namespace

Registry TestRegistry() {
  Registry registry;
  registry.AddHttpFilter<TestBuffer>();
  registry.AddHttpFilter<TestMutation>();
  registry.AddHttpFilter<TestRouter>();
  return registry;
}

LoadedBootstrap Load(std::string_view yaml) {
  LoadOptions options;
  options.yaml = Expanded(std::string(yaml));
  return LoadBootstrap(std::move(options), {}, TestRegistry(), 1'700'000'000'123'456'789);
}

std::string Printed(std::string_view yaml) {
  const LoadedBootstrap loaded = Load(yaml);
  std::ostringstream out;
  for (const ConfigError& error : loaded.errors.errors()) {
    out << error.line << ": " << error.path << ": " << error.message << "\n";
  }
  if (loaded.config.has_value()) PrintBootstrap(*loaded.config, out);
  for (const ConfigError& warning : loaded.warnings.errors()) {
    out << "warning " << warning.line << ": " << warning.path << ": " << warning.message << "\n";
  }
  return out.str();
}

std::string Bootstrap(const Parts& parts) {
  return parts.admin + "\n" + R"(static_resources:
  listeners:
  - name: l0
)" + (parts.address.empty() ? "" : "    address: " + parts.address + "\n") +
         Lines(parts.listener, 4) + R"(    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
)" + Lines(parts.manager, 10) +
         "          http_filters: " + parts.filters + R"(
          route_config:
            name: r
)" + Lines(parts.routes, 12) +
         R"(            virtual_hosts:
            - name: v
              domains: ["*"]
)" + Lines(parts.host, 14) +
         "              routes:\n              - match: {" + parts.match + "}\n" +
         Lines(parts.action, 16) + Lines(parts.route, 16) + Lines(parts.chain, 6) +
         R"(  clusters:
  - name: c0
)" +
         Lines(parts.cluster, 4) + (parts.endpoint.empty() ? "" : R"(    load_assignment:
      cluster_name: c0
      endpoints:
      - lb_endpoints:
        - endpoint: {address: )" + parts.endpoint + "}\n");
}

std::string Faults(const Parts& parts) { return WithoutPositions(Load(Bootstrap(parts)).errors); }

std::string Warnings(const Parts& parts) {
  const LoadedBootstrap loaded = Load(Bootstrap(parts));
  return WithoutPositions(loaded.errors) + WithoutPositions(loaded.warnings);
}

std::shared_ptr<const route::RouteTable> Routes(const Parts& parts) {
  const LoadedBootstrap loaded = Load(Bootstrap(parts));
  return loaded.config.has_value()
             ? loaded.config->listeners.at(0)->filter_chains.at(0)->http->routes
             : nullptr;
}

}  // namespace remora::config
