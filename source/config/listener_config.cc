#include "source/config/listener_config.h"

#include <optional>
#include <string>
#include <utility>

#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/listener/original_dst/v3/original_dst.pb.h"
#include "source/config/access_log_config.h"
#include "source/config/filter_chain_config.h"
#include "source/config/listener_filter_config.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

namespace lds = envoy::config::listener::v3;

void ParseListenOptions(const lds::Listener& proto, const FieldPath& path, Translation& translation,
                        net::ListenOptions& options) {
  options.reuse_port = !proto.has_enable_reuse_port() || proto.enable_reuse_port().value();
  options.transparent = proto.transparent().value();
  options.freebind = proto.freebind().value();
  if (proto.has_tcp_backlog_size()) {
    // 0 stands for the system's value in ListenOptions; the kernel takes 1 as the next smallest.
    options.backlog = proto.tcp_backlog_size().value() == 0 ? 1 : proto.tcp_backlog_size().value();
  }
  if (proto.has_tcp_fast_open_queue_length()) {
    options.fast_open_queue = proto.tcp_fast_open_queue_length().value();
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

void ParseAddresses(const lds::Listener& proto, const FieldPath& path, Translation& translation,
                    ListenerConfig& config) {
  if (!proto.has_address()) {
    translation.errors.Add(
        path, Concat("error adding listener named '", proto.name(), "': address is necessary"));
  } else if (std::optional<ParsedAddress> parsed =
                 ParseAddress(proto.address(), path.Field("address"), translation);
             parsed.has_value()) {
    config.address = std::move(parsed->address);
    config.options.ipv4_compat = parsed->ipv4_compat;
  }
  const FieldPath list = path.Field("additional_addresses");
  for (int i = 0; i < proto.additional_addresses_size(); ++i) {
    const FieldPath entry = list.Index(static_cast<size_t>(i));
    const FieldPath address = entry.Field("address");
    std::optional<ParsedAddress> parsed =
        ParseAddress(proto.additional_addresses(i).address(), address, translation);
    if (parsed.has_value()) config.additional_addresses.push_back(std::move(parsed->address));
  }
}

// As Envoy: a listener that hands connections over finds out by itself where they wanted to go,
// behind its other filters.
void AddOriginalDst(const FieldPath& path, Translation& translation,
                    std::vector<net::ListenerFilterFactory>& filters) {
  google::protobuf::RepeatedPtrField<lds::ListenerFilter> added;
  lds::ListenerFilter& filter = *added.Add();
  filter.set_name("envoy.filters.listener.original_dst");
  filter.mutable_typed_config()->PackFrom(
      envoy::extensions::filters::listener::original_dst::v3::OriginalDst());
  for (net::ListenerFilterFactory& factory :
       ParseListenerFilters(added, path.Field("use_original_dst"), translation)) {
    filters.push_back(std::move(factory));
  }
}

void ParseListenerFilterSettings(const lds::Listener& proto, const FieldPath& path,
                                 Translation& translation, ListenerConfig& config) {
  config.listener_filters =
      ParseListenerFilters(proto.listener_filters(), path.Field("listener_filters"), translation);
  if (proto.use_original_dst().value()) AddOriginalDst(path, translation, config.listener_filters);
  if (proto.has_listener_filters_timeout()) {
    config.listener_filters_timeout = ParseDuration(
        proto.listener_filters_timeout(), path.Field("listener_filters_timeout"), translation);
  }
  config.continues_on_timeout = proto.continue_on_listener_filters_timeout();
}

bool Binds(const lds::Listener& proto) {
  if (proto.has_bind_to_port()) return proto.bind_to_port().value();
  const auto& old = proto.deprecated_v1();
  return !old.has_bind_to_port() || old.bind_to_port().value();
}

}  // namespace

std::shared_ptr<const ListenerConfig> ParseListener(const lds::Listener& proto,
                                                    const FieldPath& path,
                                                    Translation& translation) {
  const size_t errors_before = translation.errors.size();
  ListenerConfig config;
  if (translation.known_chains.has_value()) {
    lds::Listener rest = proto;
    rest.clear_filter_chains();
    rest.clear_default_filter_chain();
    config.meaning = MeaningOf(rest);
  }
  config.name = proto.name();
  config.stat_prefix = proto.stat_prefix();
  config.access_log = ParseAccessLogs(proto.access_log(), path.Field("access_log"), translation);
  ParseListenOptions(proto, path, translation, config.options);
  ParseAddresses(proto, path, translation, config);
  ParseListenerFilterSettings(proto, path, translation, config);
  config.binds = Binds(proto);
  config.hands_over = proto.use_original_dst().value();
  config.balances = proto.connection_balance_config().has_exact_balance();
  config.ignores_global_limit = proto.ignore_global_conn_limit();
  config.direction = ParseDirection(proto.traffic_direction());
  config.drains_on_failed_health_check = proto.drain_type() == lds::Listener::DEFAULT;
  if (proto.has_per_connection_buffer_limit_bytes()) {
    config.per_connection_buffer_limit = proto.per_connection_buffer_limit_bytes().value();
  }
  if (proto.has_address() || !proto.filter_chains().empty()) {
    const std::string address = config.address.ToString();
    ParseFilterChains(proto, address.empty() ? proto.name() : address, path, translation, config);
  }
  if (translation.errors.size() != errors_before) return nullptr;
  return std::make_shared<const ListenerConfig>(std::move(config));
}

}  // namespace remora::config
