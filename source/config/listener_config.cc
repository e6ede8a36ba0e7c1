#include "source/config/listener_config.h"

#include <optional>
#include <string>
#include <utility>

#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/listener/v3/listener_components.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "source/config/access_log_config.h"
#include "source/config/http_connection_manager_config.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

namespace lds = envoy::config::listener::v3;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using HttpConfig = std::shared_ptr<const connection_manager::Config>;

// Network filter `index` of a chain of `count`.
HttpConfig ParseNetworkFilter(const lds::Filter& proto, bool last, const FieldPath& path,
                              Translation& translation) {
  const FieldPath config_path = path.Field("typed_config");
  if (!proto.typed_config().Is<HttpConnectionManager>()) {
    AddNoImplementation(proto.name(), proto.typed_config().type_url(), path, translation);
    return nullptr;
  }
  if (!last) {
    translation.errors.Add(
        path, Concat("Error: terminal filter named ", proto.name(),
                     " of type envoy.filters.network.http_connection_manager must be the last "
                     "filter in a network filter chain."));
  }
  HttpConnectionManager manager;
  if (!proto.typed_config().UnpackTo(&manager)) {
    translation.errors.Add(config_path, "the value is damaged");
    return nullptr;
  }
  return ParseHttpConnectionManager(manager, config_path, translation);
}

HttpConfig ParseFilterChain(const lds::FilterChain& proto, const FieldPath& path,
                            Translation& translation) {
  if (proto.has_transport_socket()) {
    CheckTransportSocket(proto.transport_socket(), path.Field("transport_socket"), translation);
  }
  const FieldPath filters = path.Field("filters");
  if (proto.filters().empty()) {
    translation.errors.Add(filters,
                           "a filter chain without filters is not supported: it needs an HTTP "
                           "connection manager");
  }
  HttpConfig http;
  for (int i = 0; i < proto.filters_size(); ++i) {
    http = ParseNetworkFilter(proto.filters(i), i + 1 == proto.filters_size(),
                              filters.Index(static_cast<size_t>(i)), translation);
  }
  return http;
}

// All chains are read, so that every fault is found; the first one counts.
HttpConfig ParseFilterChains(const lds::Listener& proto, const std::string& address,
                             const FieldPath& path, Translation& translation) {
  const FieldPath chains = path.Field("filter_chains");
  if (proto.filter_chains().empty() && !proto.has_default_filter_chain()) {
    translation.errors.Add(
        chains, Concat("error adding listener '", address, "': no filter chains specified"));
    return nullptr;
  }
  HttpConfig http;
  for (int i = 0; i < proto.filter_chains_size(); ++i) {
    const FieldPath chain = chains.Index(static_cast<size_t>(i));
    HttpConfig parsed = ParseFilterChain(proto.filter_chains(i), chain, translation);
    if (i == 0) {
      http = std::move(parsed);
      continue;
    }
    translation.errors.Add(
        chain,
        Concat("error adding listener '", address, "': filter chain '",
               proto.filter_chains(i).name(), "' has the same matching rules defined as '",
               proto.filter_chains(0).name(), "': more than one filter chain is not supported"));
  }
  if (!proto.has_default_filter_chain()) return http;
  HttpConfig fallback = ParseFilterChain(proto.default_filter_chain(),
                                         path.Field("default_filter_chain"), translation);
  // The first of filter_chains takes every connection, so there is nothing left for this one.
  return proto.filter_chains().empty() ? fallback : http;
}

void ParseListenOptions(const lds::Listener& proto, const FieldPath& path, Translation& translation,
                        net::ListenOptions& options) {
  options.reuse_port = !proto.has_enable_reuse_port() || proto.enable_reuse_port().value();
  options.transparent = proto.transparent().value();
  options.freebind = proto.freebind().value();
  if (proto.has_tcp_backlog_size()) {
    // 0 stands for the system's value in ListenOptions; the kernel takes 1 as the next smallest.
    options.backlog = proto.tcp_backlog_size().value() == 0 ? 1 : proto.tcp_backlog_size().value();
  }
  if (proto.has_tcp_keepalive()) options.keepalive = ParseKeepalive(proto.tcp_keepalive());
  options.options =
      ParseSocketOptions(proto.socket_options(), path.Field("socket_options"), translation);
}

TrafficDirection ParseDirection(envoy::config::core::v3::TrafficDirection direction) {
  switch (direction) {
    case envoy::config::core::v3::INBOUND:
      return TrafficDirection::kInbound;
    case envoy::config::core::v3::OUTBOUND:
      return TrafficDirection::kOutbound;
    default:
      return TrafficDirection::kUnspecified;
  }
}

}  // namespace

std::shared_ptr<const ListenerConfig> ParseListener(const lds::Listener& proto,
                                                    const FieldPath& path,
                                                    Translation& translation) {
  const size_t errors_before = translation.errors.size();
  ListenerConfig config;
  config.name = proto.name();
  config.stat_prefix = proto.stat_prefix();
  config.access_log = ParseAccessLogs(proto.access_log(), path.Field("access_log"), translation);
  if (!proto.filter_chains().empty()) {
    config.filter_chain_name = proto.filter_chains(0).name();
  } else {
    config.filter_chain_name = proto.default_filter_chain().name();
  }
  ParseListenOptions(proto, path, translation, config.options);
  if (!proto.has_address()) {
    translation.errors.Add(
        path, Concat("error adding listener named '", proto.name(), "': address is necessary"));
  } else if (std::optional<ParsedAddress> parsed =
                 ParseAddress(proto.address(), path.Field("address"), translation);
             parsed.has_value()) {
    config.address = std::move(parsed->address);
    config.options.ipv4_compat = parsed->ipv4_compat;
  }
  config.direction = ParseDirection(proto.traffic_direction());
  config.drains_on_failed_health_check = proto.drain_type() == lds::Listener::DEFAULT;
  if (proto.has_per_connection_buffer_limit_bytes()) {
    config.per_connection_buffer_limit = proto.per_connection_buffer_limit_bytes().value();
  }
  if (proto.has_address() || !proto.filter_chains().empty()) {
    const std::string address = config.address.ToString();
    config.http =
        ParseFilterChains(proto, address.empty() ? proto.name() : address, path, translation);
  }
  if (translation.errors.size() != errors_before) return nullptr;
  return std::make_shared<const ListenerConfig>(std::move(config));
}

}  // namespace remora::config
