#include "source/config/cluster_config.h"

#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "envoy/config/cluster/v3/circuit_breaker.pb.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/protocol.pb.h"
#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "envoy/type/metadata/v3/metadata.pb.h"
#include "envoy/type/v3/percent.pb.h"
#include "source/config/config_source_config.h"
#include "source/config/endpoint_config.h"
#include "source/config/http1_options_config.h"
#include "source/config/http2_options_config.h"
#include "source/config/load_balancing_config.h"
#include "source/config/proxy_transport_config.h"
#include "source/config/text.h"
#include "source/config/tls_config.h"
#include "source/config/transport_match_config.h"

namespace remora::config {
namespace {

namespace cds = envoy::config::cluster::v3;
using envoy::extensions::upstreams::http::v3::HttpProtocolOptions;

// Both name the HTTP options of a cluster; the second is the extension's own name in Envoy.
constexpr std::string_view kHttpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
constexpr std::string_view kHttpOptionsName = "envoy.upstreams.http.http_protocol_options";

void CheckKind(const cds::Cluster& proto, const FieldPath& path, Translation& translation) {
  if (proto.type() != cds::Cluster::STATIC && proto.type() != cds::Cluster::ORIGINAL_DST &&
      proto.type() != cds::Cluster::EDS) {
    translation.errors.Add(path.Field("type"),
                           Concat("cluster type ", cds::Cluster::DiscoveryType_Name(proto.type()),
                                  " is not supported"));
  }
}

// Also tells the translation where the endpoints come from.
void ParseEndpointSource(const cds::Cluster& proto, const FieldPath& path, Translation& translation,
                         upstream::ClusterConfig& config) {
  const FieldPath options = path.Field("eds_cluster_config");
  if (!proto.eds_cluster_config().has_eds_config()) {
    translation.errors.Add(options, "cannot create an EDS cluster without an EDS config");
    return;
  }
  const std::optional<ConfigSource> source = ParseConfigSource(
      proto.eds_cluster_config().eds_config(), options.Field("eds_config"), translation);
  config.hosts_change = true;
  config.eds_service_name = proto.eds_cluster_config().service_name();
  if (!source.has_value()) return;
  translation.endpoint_sources[proto.name()] = {
      *source, config.eds_service_name.empty() ? proto.name() : config.eds_service_name};
}

upstream::OriginalDestination ParseOriginalDestination(const cds::Cluster& proto,
                                                       const FieldPath& path,
                                                       Translation& translation) {
  upstream::OriginalDestination destination;
  const auto& options = proto.original_dst_lb_config();
  if (proto.lb_policy() != cds::Cluster::CLUSTER_PROVIDED) {
    translation.errors.Add(
        path, Concat("cluster: LB policy ", cds::Cluster::LbPolicy_Name(proto.lb_policy()),
                     " is not valid for Cluster type ORIGINAL_DST. Only 'CLUSTER_PROVIDED' is "
                     "allowed with cluster type 'ORIGINAL_DST'"));
  }
  if (proto.has_load_assignment()) {
    translation.errors.Add(path.Field("load_assignment"),
                           "ORIGINAL_DST clusters must have no load assignment configured");
  }
  if (options.use_http_header()) {
    destination.header = options.http_header_name().empty()
                             ? "x-envoy-original-dst-host"
                             : absl::AsciiStrToLower(options.http_header_name());
  } else if (!options.http_header_name().empty()) {
    const FieldPath field = path.Field("original_dst_lb_config");
    translation.errors.Add(
        field.Field("http_header_name"),
        Concat("ORIGINAL_DST cluster: invalid config http_header_name=", options.http_header_name(),
               " and use_http_header is false. Set use_http_header to true if http_header_name is "
               "desired."));
  }
  if (options.has_upstream_port_override()) {
    destination.port = static_cast<uint16_t>(options.upstream_port_override().value());
  }
  if (options.has_metadata_key()) {
    destination.metadata.push_back(options.metadata_key().key());
    for (const auto& step : options.metadata_key().path()) {
      destination.metadata.push_back(step.key());
    }
  }
  if (proto.has_cleanup_interval()) {
    destination.cleanup_interval =
        ParseDuration(proto.cleanup_interval(), path.Field("cleanup_interval"), translation);
  }
  return destination;
}

// What only another type of cluster has a use for.
void WarnOfUnused(const cds::Cluster& proto, const FieldPath& path, Translation& translation) {
  if (proto.has_eds_cluster_config() && proto.type() != cds::Cluster::EDS) {
    translation.errors.Add(path.Field("eds_cluster_config"),
                           "eds_cluster_config set in a non-EDS cluster");
  }
  if (proto.type() == cds::Cluster::ORIGINAL_DST) return;
  const auto warn = [&](bool set, std::string_view field) {
    if (!set) return;
    translation.warnings.Add(path.Field(field),
                             "for clusters of type ORIGINAL_DST: accepted without effect");
  };
  warn(proto.has_cleanup_interval(), "cleanup_interval");
  warn(proto.has_original_dst_lb_config(), "original_dst_lb_config");
}

upstream::CircuitBreakerLimits ParseThresholds(const cds::CircuitBreakers::Thresholds& proto) {
  upstream::CircuitBreakerLimits limits;
  if (proto.has_max_connections()) limits.max_connections = proto.max_connections().value();
  if (proto.has_max_pending_requests()) {
    limits.max_pending_requests = proto.max_pending_requests().value();
  }
  if (proto.has_max_requests()) limits.max_requests = proto.max_requests().value();
  if (proto.has_max_retries()) limits.max_retries = proto.max_retries().value();
  if (proto.has_max_connection_pools()) {
    limits.max_connection_pools = proto.max_connection_pools().value();
  }
  limits.track_remaining = proto.track_remaining();
  if (proto.has_retry_budget()) {
    const cds::CircuitBreakers::Thresholds::RetryBudget& given = proto.retry_budget();
    upstream::CircuitBreakerLimits::RetryBudget budget;
    if (given.has_budget_percent()) budget.percent = given.budget_percent().value();
    if (given.has_min_retry_concurrency()) {
      budget.min_concurrency = given.min_retry_concurrency().value();
    }
    limits.retry_budget = budget;
  }
  return limits;
}

void ParsePerHost(const cds::CircuitBreakers& proto, const FieldPath& path,
                  Translation& translation, upstream::ClusterConfig& config) {
  bool seen[2] = {};
  for (int i = 0; i < proto.per_host_thresholds_size(); ++i) {
    const cds::CircuitBreakers::Thresholds& thresholds = proto.per_host_thresholds(i);
    if (thresholds.has_max_pending_requests() || thresholds.has_max_requests() ||
        thresholds.has_max_retries() || thresholds.has_retry_budget() ||
        thresholds.has_max_connection_pools() || thresholds.track_remaining()) {
      translation.errors.Add(path.Index(static_cast<size_t>(i)),
                             "Unsupported field in per_host_thresholds");
      continue;
    }
    const size_t priority = thresholds.priority() == envoy::config::core::v3::HIGH ? 1 : 0;
    if (!seen[priority] && thresholds.has_max_connections()) {
      config.limits[priority].max_connections_per_host = thresholds.max_connections().value();
    }
    seen[priority] = true;
  }
}

void ParseCircuitBreakers(const cds::CircuitBreakers& proto, const FieldPath& path,
                          Translation& translation, upstream::ClusterConfig& config) {
  // Of several entries for one priority the first counts, whatever the others say (as in Envoy).
  bool seen[2] = {};
  for (const cds::CircuitBreakers::Thresholds& thresholds : proto.thresholds()) {
    const size_t priority = thresholds.priority() == envoy::config::core::v3::HIGH ? 1 : 0;
    if (!seen[priority]) config.limits[priority] = ParseThresholds(thresholds);
    seen[priority] = true;
  }
  ParsePerHost(proto, path.Field("per_host_thresholds"), translation, config);
}

// The options of HTTP/1 and HTTP/2, of whichever message has them both.
template <class Versions>
void ParseVersions(const Versions& proto, const FieldPath& path, Translation& translation,
                   upstream::ClusterConfig& config) {
  const envoy::config::core::v3::Http1ProtocolOptions& http1 = proto.http_protocol_options();
  const FieldPath http1_path = path.Field("http_protocol_options");
  config.enable_trailers = http1.enable_trailers();
  config.name_case = ParseNameCase(http1, http1_path, translation);
  if (http1.allow_chunked_length()) {
    translation.errors.Add(http1_path.Field("allow_chunked_length"),
                           "not supported for upstream connections");
  }
  config.http2 = ParseHttp2Options(proto.http2_protocol_options(),
                                   path.Field("http2_protocol_options"), translation);
}

void ParseCommonOptions(const envoy::config::core::v3::HttpProtocolOptions& common,
                        const FieldPath& common_path, Translation& translation,
                        upstream::ClusterConfig& config) {
  if (common.has_idle_timeout()) {
    config.idle_timeout =
        ParseDuration(common.idle_timeout(), common_path.Field("idle_timeout"), translation);
  }
  if (common.has_max_headers_count()) {
    config.max_response_headers = common.max_headers_count().value();
  }
  config.max_requests_per_connection = common.max_requests_per_connection().value();
  if (common.has_max_connection_duration()) {
    config.max_connection_duration =
        ParseDuration(common.max_connection_duration(),
                      common_path.Field("max_connection_duration"), translation);
  }
  if (common.has_max_stream_duration()) {
    config.max_stream_duration = ParseDuration(
        common.max_stream_duration(), common_path.Field("max_stream_duration"), translation);
  }
  if (common.has_max_response_headers_kb()) {
    config.max_response_header_bytes = common.max_response_headers_kb().value() * 1024;
  }
}

// Of whichever message has them.
template <class Options>
void ParseServerNames(const Options& proto, upstream::ClusterConfig& config) {
  const auto& given = proto.upstream_http_protocol_options();
  if (!given.auto_sni() && !given.auto_san_validation()) return;
  config.server_names = {given.auto_sni(), given.auto_san_validation(),
                         absl::AsciiStrToLower(given.override_auto_sni_header())};
}

void ParseHttpOptions(const HttpProtocolOptions& proto, const FieldPath& path,
                      Translation& translation, upstream::ClusterConfig& config) {
  ParseCommonOptions(proto.common_http_protocol_options(),
                     path.Field("common_http_protocol_options"), translation, config);
  ParseServerNames(proto, config);
  if (proto.has_use_downstream_protocol_config()) {
    config.protocol = upstream::Protocol::kAsDownstream;
    ParseVersions(proto.use_downstream_protocol_config(),
                  path.Field("use_downstream_protocol_config"), translation, config);
  } else if (proto.has_auto_config()) {
    config.protocol = upstream::Protocol::kByAlpn;
    ParseVersions(proto.auto_config(), path.Field("auto_config"), translation, config);
  } else {
    if (proto.explicit_http_config().has_http2_protocol_options()) {
      config.protocol = upstream::Protocol::kHttp2;
    }
    ParseVersions(proto.explicit_http_config(), path.Field("explicit_http_config"), translation,
                  config);
  }
}

// The fields that typed_extension_protocol_options has replaced.
void ParseOlderHttpOptions(const cds::Cluster& proto, const FieldPath& path,
                           Translation& translation, upstream::ClusterConfig& config) {
  ParseCommonOptions(proto.common_http_protocol_options(),
                     path.Field("common_http_protocol_options"), translation, config);
  ParseServerNames(proto, config);
  ParseVersions(proto, path, translation, config);
  if (proto.protocol_selection() == cds::Cluster::USE_DOWNSTREAM_PROTOCOL) {
    config.protocol = upstream::Protocol::kAsDownstream;
  } else if (proto.has_http2_protocol_options()) {
    config.protocol = upstream::Protocol::kHttp2;
    if (proto.has_http_protocol_options()) {
      translation.errors.Add(path,
                             "cluster: Both HTTP1 and HTTP2 options may only be configured with "
                             "non-default 'protocol_selection' values");
    }
  }
}

void WarnOfOlderHttpOptions(const cds::Cluster& proto, const FieldPath& path,
                            Translation& translation) {
  const auto warn = [&](bool set, std::string_view field) {
    if (!set) return;
    translation.warnings.Add(path.Field(field),
                             "typed_extension_protocol_options is set: accepted without effect");
  };
  warn(proto.protocol_selection() != cds::Cluster::USE_CONFIGURED_PROTOCOL, "protocol_selection");
  warn(proto.has_common_http_protocol_options(), "common_http_protocol_options");
  warn(proto.has_upstream_http_protocol_options(), "upstream_http_protocol_options");
  warn(proto.has_http_protocol_options(), "http_protocol_options");
  warn(proto.has_http2_protocol_options(), "http2_protocol_options");
}

void ParseProtocolOptions(const cds::Cluster& proto, const FieldPath& path,
                          Translation& translation, upstream::ClusterConfig& config) {
  for (const auto& [key, any] : proto.typed_extension_protocol_options()) {
    const FieldPath entry = path.Key(key);
    HttpProtocolOptions options;
    if (key != kHttpOptions && key != kHttpOptionsName) {
      translation.errors.Add(entry,
                             Concat("Didn't find a registered network or http filter or protocol "
                                    "options implementation for name: '",
                                    key, "'"));
    } else if (!any.Is<HttpProtocolOptions>() || !any.UnpackTo(&options)) {
      translation.errors.Add(entry, Concat("Unable to unpack as ", kHttpOptions, ": the type is '",
                                           TypeName(any.type_url()), "'"));
    } else {
      ParseHttpOptions(options, entry, translation, config);
    }
  }
}

// Raw buffers are the one transport socket without ALPN.
bool ChoosesProtocol(const cds::Cluster& proto) {
  using envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer;
  return proto.has_transport_socket() && !proto.transport_socket().typed_config().Is<RawBuffer>();
}

}  // namespace

upstream::ClusterConfig ParseCluster(const cds::Cluster& proto, const FieldPath& path,
                                     Translation& translation) {
  upstream::ClusterConfig config;
  config.name = proto.name();
  config.alt_stat_name = proto.alt_stat_name();
  CheckKind(proto, path, translation);
  if (proto.type() == cds::Cluster::ORIGINAL_DST) {
    config.original_destination = ParseOriginalDestination(proto, path, translation);
  }
  if (proto.type() == cds::Cluster::EDS) ParseEndpointSource(proto, path, translation, config);
  WarnOfUnused(proto, path, translation);
  config.pool_per_connection = proto.connection_pool_per_downstream_connection();
  if (proto.has_upstream_bind_config()) {
    config.source =
        ParseSource(proto.upstream_bind_config(), path.Field("upstream_bind_config"), translation);
  }
  if (proto.has_connect_timeout()) {
    config.connect_timeout =
        ParseDuration(proto.connect_timeout(), path.Field("connect_timeout"), translation);
  }
  if (proto.has_per_connection_buffer_limit_bytes()) {
    config.per_connection_buffer_limit = proto.per_connection_buffer_limit_bytes().value();
  }
  config.balancing = ParseBalancing(proto, path, translation);
  ParseCircuitBreakers(proto.circuit_breakers(), path.Field("circuit_breakers"), translation,
                       config);
  if (proto.upstream_connection_options().has_tcp_keepalive()) {
    config.keepalive = ParseKeepalive(proto.upstream_connection_options().tcp_keepalive());
  }
  if (proto.typed_extension_protocol_options().empty()) {
    ParseOlderHttpOptions(proto, path, translation, config);
  } else {
    ParseProtocolOptions(proto, path.Field("typed_extension_protocol_options"), translation,
                         config);
    WarnOfOlderHttpOptions(proto, path, translation);
  }
  if (config.max_requests_per_connection == 0) {
    config.max_requests_per_connection = proto.max_requests_per_connection().value();
  }
  if (proto.has_transport_socket()) {
    config.transport =
        ParseClusterTransport(proto.transport_socket(), Concat("cluster '", proto.name(), "'"),
                              path.Field("transport_socket"), translation);
  }
  if (config.protocol == upstream::Protocol::kByAlpn && !ChoosesProtocol(proto)) {
    translation.errors.Add(path, Concat("ALPN configured for cluster ", proto.name(),
                                        " which has a non-ALPN transport socket"));
  }
  // Other kinds of cluster may have names for addresses, which says nothing more.
  if (proto.has_load_assignment() && proto.type() == cds::Cluster::STATIC) {
    config.hosts =
        ParseLoadAssignment(proto.load_assignment(), path.Field("load_assignment"), translation);
  }
  ParseTransportMatches(proto, path, translation, config);
  return config;
}

}  // namespace remora::config
