#include "source/config/tcp_proxy_config.h"

#include <utility>

#include "envoy/config/core/v3/backoff.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "envoy/type/v3/hash_policy.pb.h"
#include "envoy/type/v3/percent.pb.h"
#include "source/config/access_log_config.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

namespace v3 = envoy::extensions::filters::network::tcp_proxy::v3;
using tcp::Config;
using tcp::ConnectMode;

void ParseClusters(const v3::TcpProxy& proto, Config& config) {
  if (!proto.has_weighted_clusters()) {
    config.clusters.push_back({proto.cluster(), 1});
    return;
  }
  config.total_weight = 0;
  for (const auto& cluster : proto.weighted_clusters().clusters()) {
    config.clusters.push_back({cluster.name(), cluster.weight()});
    config.total_weight += cluster.weight();
  }
}

void ParseConnecting(const v3::TcpProxy& proto, const FieldPath& path, Translation& translation,
                     Config& config) {
  if (proto.has_max_connect_attempts()) {
    config.max_connect_attempts = proto.max_connect_attempts().value();
  }
  if (proto.has_backoff_options()) {
    const auto& backoff = proto.backoff_options();
    const FieldPath field = path.Field("backoff_options");
    config.backoff_base =
        ParseDuration(backoff.base_interval(), field.Field("base_interval"), translation);
    constexpr int kDefaultGrowth = 10;
    config.backoff_max =
        backoff.has_max_interval()
            ? ParseDuration(backoff.max_interval(), field.Field("max_interval"), translation)
            : config.backoff_base * kDefaultGrowth;
    if (config.backoff_max < config.backoff_base) {
      translation.errors.Add(field, "max_interval must be greater than or equal to base_interval");
    }
  }
  config.reads_early = proto.has_max_early_data_bytes();
  config.max_early_bytes = proto.max_early_data_bytes().value();
  switch (proto.upstream_connect_mode()) {
    case v3::ON_DOWNSTREAM_DATA:
      config.connect_mode = ConnectMode::kOnData;
      break;
    case v3::ON_DOWNSTREAM_TLS_HANDSHAKE:
      config.connect_mode = ConnectMode::kOnHandshake;
      break;
    default:
      // With more than one cluster it is chance which one a client would be turned away for.
      config.holds_handshake = config.clusters.size() == 1;
      return;
  }
  if (!config.reads_early) {
    translation.errors.Add(
        path, "max_early_data_bytes must be set when upstream_connect_mode is not IMMEDIATE");
  }
}

void ParseTimes(const v3::TcpProxy& proto, const FieldPath& path, Translation& translation,
                Config& config) {
  if (proto.has_idle_timeout()) {
    config.idle_timeout =
        ParseDuration(proto.idle_timeout(), path.Field("idle_timeout"), translation);
  }
  if (proto.has_max_downstream_connection_duration()) {
    config.max_connection_duration =
        ParseDuration(proto.max_downstream_connection_duration(),
                      path.Field("max_downstream_connection_duration"), translation);
  }
  constexpr double kPercent = 100;
  config.max_connection_duration_jitter =
      proto.max_downstream_connection_duration_jitter_percentage().value() / kPercent;
}

void ParseLogs(const v3::TcpProxy& proto, const FieldPath& path, Translation& translation,
               Config& config) {
  config.access_log = ParseAccessLogs(proto.access_log(), path.Field("access_log"), translation);
  const auto interval = [&](const google::protobuf::Duration& duration, const FieldPath& field) {
    config.access_log_interval = ParseDuration(duration, field, translation);
  };
  // As Envoy: where the options are, the older fields do not count.
  if (proto.has_access_log_options()) {
    const auto& options = proto.access_log_options();
    const FieldPath options_path = path.Field("access_log_options");
    if (options.has_access_log_flush_interval()) {
      interval(options.access_log_flush_interval(),
               options_path.Field("access_log_flush_interval"));
    }
    config.access_log_on_connected = options.flush_access_log_on_connected();
    config.access_log_on_start = options.flush_access_log_on_start();
  } else {
    if (proto.has_access_log_flush_interval()) {
      interval(proto.access_log_flush_interval(), path.Field("access_log_flush_interval"));
    }
    config.access_log_on_connected = proto.flush_access_log_on_connected();
  }
  if (!config.access_log.empty()) return;
  config.access_log_interval = 0;
  config.access_log_on_connected = config.access_log_on_start = false;
}

}  // namespace

std::shared_ptr<const Config> ParseTcpProxy(const v3::TcpProxy& proto, const FieldPath& path,
                                            Translation& translation) {
  const size_t errors_before = translation.errors.size();
  Config config;
  config.stat_prefix = proto.stat_prefix();
  ParseClusters(proto, config);
  ParseConnecting(proto, path, translation, config);
  ParseTimes(proto, path, translation, config);
  ParseLogs(proto, path, translation, config);
  for (const auto& policy : proto.hash_policy()) config.hash_source_ip |= policy.has_source_ip();
  config.drain_closes = proto.check_drain_close().value();
  if (translation.errors.size() != errors_before) return nullptr;
  return std::make_shared<const Config>(std::move(config));
}

}  // namespace remora::config
