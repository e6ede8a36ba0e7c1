#include "source/config/http_connection_manager_config.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/core/v3/protocol.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/request_id/uuid/v3/uuid.pb.h"
#include "source/config/access_log_config.h"
#include "source/config/config_source_config.h"
#include "source/config/http1_options_config.h"
#include "source/config/http2_options_config.h"
#include "source/config/http_filters_config.h"
#include "source/config/local_reply_config.h"
#include "source/config/matcher_config.h"
#include "source/config/route_config.h"
#include "source/config/scoped_routes_config.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

namespace core = envoy::config::core::v3;

using connection_manager::ClientCertificatePolicy;
using connection_manager::CodecType;
using connection_manager::Config;
using connection_manager::EscapedSlashes;
using connection_manager::InternalAddresses;
using connection_manager::ServerHeader;
using connection_manager::StripPort;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using envoy::extensions::filters::network::http_connection_manager::v3::Rds;
using envoy::extensions::request_id::uuid::v3::UuidRequestIdConfig;

ServerHeader ParseServerHeader(HttpConnectionManager::ServerHeaderTransformation value) {
  switch (value) {
    case HttpConnectionManager::APPEND_IF_ABSENT:
      return ServerHeader::kAppendIfAbsent;
    case HttpConnectionManager::PASS_THROUGH:
      return ServerHeader::kPassThrough;
    default:
      return ServerHeader::kOverwrite;
  }
}

void ParseCodec(const HttpConnectionManager& proto, const FieldPath& path, Translation& translation,
                Config& config) {
  switch (proto.codec_type()) {
    case HttpConnectionManager::AUTO:
      break;
    case HttpConnectionManager::HTTP1:
      config.codec = CodecType::kHttp1;
      break;
    case HttpConnectionManager::HTTP2:
      config.codec = CodecType::kHttp2;
      break;
    default:
      translation.errors.Add(
          path.Field("codec_type"),
          Concat("codec type ", HttpConnectionManager::CodecType_Name(proto.codec_type()),
                 " is not supported"));
  }
  config.http2 = ParseHttp2Options(proto.http2_protocol_options(),
                                   path.Field("http2_protocol_options"), translation);
  const core::Http1ProtocolOptions& http1 = proto.http_protocol_options();
  config.accept_http_10 = http1.accept_http_10();
  config.default_host_for_http_10 = http1.default_host_for_http_10();
  if (http1.has_allow_absolute_url()) {
    config.allow_absolute_url = http1.allow_absolute_url().value();
  }
  config.enable_trailers = http1.enable_trailers();
  config.allow_chunked_length = http1.allow_chunked_length();
  config.keep_after_refusal = http1.has_override_stream_error_on_invalid_http_message()
                                  ? http1.override_stream_error_on_invalid_http_message().value()
                                  : proto.stream_error_on_invalid_http_message().value();
  config.name_case = ParseNameCase(http1, path.Field("http_protocol_options"), translation);
  if (proto.has_max_request_headers_kb()) {
    config.max_request_header_bytes = proto.max_request_headers_kb().value() * 1024;
  }
}

// A Duration field into `to`, which keeps its default where the field is not set.
class DurationReader {
 public:
  DurationReader(const FieldPath& path, Translation& translation)
      : path_(path), translation_(translation) {}

  void Read(bool set, const google::protobuf::Duration& proto, std::string_view field,
            event::Duration& to) const {
    if (set) to = ParseDuration(proto, path_.Field(field), translation_);
  }

 private:
  const FieldPath& path_;
  Translation& translation_;
};

void ParseTimeouts(const HttpConnectionManager& proto, const FieldPath& path,
                   Translation& translation, Config& config) {
  const core::HttpProtocolOptions& common = proto.common_http_protocol_options();
  const FieldPath common_path = path.Field("common_http_protocol_options");
  const DurationReader of_common(common_path, translation);
  of_common.Read(common.has_idle_timeout(), common.idle_timeout(), "idle_timeout",
                 config.idle_timeout);
  of_common.Read(common.has_max_connection_duration(), common.max_connection_duration(),
                 "max_connection_duration", config.max_connection_duration);
  of_common.Read(common.has_max_stream_duration(), common.max_stream_duration(),
                 "max_stream_duration", config.max_stream_duration);
  const DurationReader own(path, translation);
  own.Read(proto.has_stream_idle_timeout(), proto.stream_idle_timeout(), "stream_idle_timeout",
           config.stream_idle_timeout);
  own.Read(proto.has_request_timeout(), proto.request_timeout(), "request_timeout",
           config.request_timeout);
  own.Read(proto.has_request_headers_timeout(), proto.request_headers_timeout(),
           "request_headers_timeout", config.request_headers_timeout);
  own.Read(proto.has_drain_timeout(), proto.drain_timeout(), "drain_timeout", config.drain_timeout);
  own.Read(proto.has_delayed_close_timeout(), proto.delayed_close_timeout(),
           "delayed_close_timeout", config.delayed_close_timeout);
  config.http1_safe_max_connection_duration = proto.http1_safe_max_connection_duration();
}

http::UnderscoreNames ParseUnderscores(const core::HttpProtocolOptions& proto) {
  switch (proto.headers_with_underscores_action()) {
    case core::HttpProtocolOptions::REJECT_REQUEST:
      return http::UnderscoreNames::kReject;
    case core::HttpProtocolOptions::DROP_HEADER:
      return http::UnderscoreNames::kDrop;
    default:
      return http::UnderscoreNames::kAllow;
  }
}

void ParseLimits(const HttpConnectionManager& proto, const FieldPath& path,
                 Translation& translation, Config& config) {
  const core::HttpProtocolOptions& common = proto.common_http_protocol_options();
  if (common.has_max_response_headers_kb()) {
    const FieldPath at = path.Field("common_http_protocol_options");
    translation.errors.Add(at.Field("max_response_headers_kb"),
                           "not supported for downstream connections");
  }
  if (common.has_max_headers_count()) {
    config.max_request_headers = common.max_headers_count().value();
  }
  config.max_requests_per_connection = common.max_requests_per_connection().value();
  config.underscore_names = ParseUnderscores(common);
}

connection_manager::ServiceNames ParseServiceNames(const HttpConnectionManager& proto,
                                                   const Translation& translation) {
  if (!proto.add_user_agent().value()) return {};
  return {true, translation.service_cluster, translation.service_node};
}

ClientCertificatePolicy ParseClientCertificatePolicy(const HttpConnectionManager& proto) {
  using Mode = connection_manager::ClientCertificateMode;
  ClientCertificatePolicy policy;
  switch (proto.forward_client_cert_details()) {
    case HttpConnectionManager::FORWARD_ONLY:
      policy.mode = Mode::kForwardOnly;
      break;
    case HttpConnectionManager::APPEND_FORWARD:
      policy.mode = Mode::kAppendForward;
      break;
    case HttpConnectionManager::SANITIZE_SET:
      policy.mode = Mode::kSanitizeSet;
      break;
    case HttpConnectionManager::ALWAYS_FORWARD_ONLY:
      policy.mode = Mode::kAlwaysForwardOnly;
      break;
    default:
      break;
  }
  const auto& details = proto.set_current_client_cert_details();
  policy.details.subject = details.subject().value();
  policy.details.certificate = details.cert();
  policy.details.chain = details.chain();
  policy.details.dns = details.dns();
  policy.details.uri = details.uri();
  return policy;
}

InternalAddresses ParseInternalAddresses(const HttpConnectionManager::InternalAddressConfig& proto,
                                         const FieldPath& path, Translation& translation) {
  InternalAddresses internal;
  internal.unix_sockets = proto.unix_sockets();
  const FieldPath list = path.Field("cidr_ranges");
  for (int i = 0; i < proto.cidr_ranges_size(); ++i) {
    const FieldPath entry = list.Index(static_cast<size_t>(i));
    const auto range = ParseCidrRange(proto.cidr_ranges(i), entry, translation);
    if (range.has_value()) internal.ranges.push_back(*range);
  }
  if (proto.cidr_ranges_size() > 0) return internal;
  constexpr std::pair<std::string_view, uint32_t> kPrivate[] = {
      {"10.0.0.0", 8},   {"172.16.0.0", 12}, {"192.168.0.0", 16},
      {"127.0.0.1", 32}, {"fd00::", 8},      {"::1", 128},
  };
  for (const auto& [prefix, bits] : kPrivate) {
    internal.ranges.emplace_back(*net::Address::Ip(prefix, 0), bits);
  }
  return internal;
}

void ParseRequestId(const HttpConnectionManager& proto, const FieldPath& path,
                    Translation& translation, Config& config) {
  if (proto.has_generate_request_id()) {
    config.generate_request_id = proto.generate_request_id().value();
  }
  config.preserve_external_request_id = proto.preserve_external_request_id();
  config.always_set_request_id_in_response = proto.always_set_request_id_in_response();
  const auto& typed_config = proto.request_id_extension().typed_config();
  if (typed_config.type_url().empty()) return;
  UuidRequestIdConfig uuid;
  const FieldPath extension = path.Field("request_id_extension");
  if (!typed_config.Is<UuidRequestIdConfig>() || !typed_config.UnpackTo(&uuid)) {
    AddNoImplementation("", typed_config.type_url(), extension, translation);
  }
  if (uuid.has_pack_trace_reason()) config.pack_trace_reason = uuid.pack_trace_reason().value();
}

void ParseHeaderPolicy(const HttpConnectionManager& proto, const FieldPath& path,
                       Translation& translation, Config& config) {
  if (!proto.server_name().empty()) config.server_name = proto.server_name();
  config.server_header = ParseServerHeader(proto.server_header_transformation());
  config.use_remote_address = proto.use_remote_address().value();
  config.xff_num_trusted_hops = proto.xff_num_trusted_hops();
  config.skip_xff_append = proto.skip_xff_append();
  config.append_x_forwarded_port = proto.append_x_forwarded_port();
  if (proto.has_internal_address_config()) {
    config.internal_addresses = ParseInternalAddresses(
        proto.internal_address_config(), path.Field("internal_address_config"), translation);
  }
  config.via = proto.via();
  config.client_certificate = ParseClientCertificatePolicy(proto);
  config.service_names = ParseServiceNames(proto, translation);
  config.scheme_to_overwrite = proto.scheme_header_transformation().scheme_to_overwrite();
}

void ParseUpgrades(const HttpConnectionManager& proto, const FieldPath& path,
                   Translation& translation, Config& config) {
  const FieldPath list = path.Field("upgrade_configs");
  for (const HttpConnectionManager::UpgradeConfig& upgrade : proto.upgrade_configs()) {
    const bool enabled = !upgrade.has_enabled() || upgrade.enabled().value();
    const bool known = std::any_of(
        config.upgrades.begin(), config.upgrades.end(), [&upgrade](const route::Upgrade& other) {
          return absl::EqualsIgnoreCase(other.type, upgrade.upgrade_type());
        });
    if (known) {
      translation.errors.Add(list, Concat("Error: multiple upgrade configs with the same name: '",
                                          upgrade.upgrade_type(), "'"));
    }
    config.upgrades.push_back({upgrade.upgrade_type(), enabled});
    if (!upgrade.filters().empty()) {
      const FieldPath at = list.Index(config.upgrades.size() - 1);
      config.upgrade_filters.push_back(
          {upgrade.upgrade_type(),
           ParseHttpFilters(upgrade.filters(), at.Field("filters"), translation)});
    }
  }
  config.proxy_100_continue = proto.proxy_100_continue();

  const core::Http1ProtocolOptions& http1 = proto.http_protocol_options();
  const FieldPath http1_path = path.Field("http_protocol_options");
  const FieldPath ignored = http1_path.Field("ignore_http_11_upgrade");
  std::vector<std::function<bool(std::string_view)>> matchers;
  for (int i = 0; i < http1.ignore_http_11_upgrade_size(); ++i) {
    auto matcher = ParseStatPredicate(http1.ignore_http_11_upgrade(i),
                                      ignored.Index(static_cast<size_t>(i)), translation);
    if (matcher != nullptr) matchers.push_back(std::move(matcher));
  }
  if (matchers.empty()) return;
  config.ignores_upgrade = [matchers = std::move(matchers)](std::string_view protocol) {
    return std::any_of(matchers.begin(), matchers.end(),
                       [protocol](const auto& matches) { return matches(protocol); });
  };
}

EscapedSlashes ParseEscapedSlashes(HttpConnectionManager::PathWithEscapedSlashesAction value) {
  switch (value) {
    case HttpConnectionManager::REJECT_REQUEST:
      return EscapedSlashes::kReject;
    case HttpConnectionManager::UNESCAPE_AND_REDIRECT:
      return EscapedSlashes::kRedirect;
    case HttpConnectionManager::UNESCAPE_AND_FORWARD:
      return EscapedSlashes::kForward;
    default:
      return EscapedSlashes::kKeep;
  }
}

void ParseTargetPolicy(const HttpConnectionManager& proto, const FieldPath& path,
                       Translation& translation, Config& config) {
  config.normalize_path = proto.normalize_path().value();
  config.merge_slashes = proto.merge_slashes();
  config.escaped_slashes = ParseEscapedSlashes(proto.path_with_escaped_slashes_action());
  config.strip_trailing_host_dot = proto.strip_trailing_host_dot();
  if (proto.strip_any_host_port()) {
    config.strip_port = StripPort::kAny;
  } else if (proto.strip_matching_host_port()) {
    config.strip_port = StripPort::kMatching;
  }
  if (proto.strip_any_host_port() && proto.strip_matching_host_port()) {
    translation.errors.Add(
        path, "only one of `strip_matching_host_port` or `strip_any_host_port` can be set");
  }
}

void ParseAccessLog(const HttpConnectionManager& proto, const FieldPath& path,
                    Translation& translation, Config& config) {
  config.access_log = ParseAccessLogs(proto.access_log(), path.Field("access_log"), translation);
  const auto interval = [&](const google::protobuf::Duration& duration, const FieldPath& field) {
    config.access_log_flush_interval = ParseDuration(duration, field, translation);
  };
  if (proto.has_access_log_options()) {
    const auto& options = proto.access_log_options();
    const FieldPath field = path.Field("access_log_options");
    if (proto.has_access_log_flush_interval() || proto.flush_access_log_on_new_request()) {
      translation.errors.Add(
          field,
          "Only one of access_log_flush_interval, flush_access_log_on_new_request or "
          "access_log_options can be specified.");
    }
    if (options.has_access_log_flush_interval()) {
      interval(options.access_log_flush_interval(), field.Field("access_log_flush_interval"));
    }
    config.access_log_on_new_request = options.flush_access_log_on_new_request();
    config.access_log_on_tunnel = options.flush_log_on_tunnel_successfully_established();
  } else {
    if (proto.has_access_log_flush_interval()) {
      interval(proto.access_log_flush_interval(), path.Field("access_log_flush_interval"));
    }
    config.access_log_on_new_request = proto.flush_access_log_on_new_request();
  }
  if (config.access_log.empty()) {
    config.access_log_flush_interval = 0;
    config.access_log_on_new_request = config.access_log_on_tunnel = false;
  }
}

void ParseRds(const Rds& proto, const FieldPath& path, Translation& translation, Config& config) {
  const std::optional<ConfigSource> source =
      ParseConfigSource(proto.config_source(), path.Field("config_source"), translation);
  if (!source.has_value()) return;
  config.route_slot = std::make_shared<const route::RouteSlot>();
  translation.route_uses.push_back(
      {*source, proto.route_config_name(), config.stat_prefix, config.route_slot, config.filters});
}

}  // namespace

std::shared_ptr<const Config> ParseHttpConnectionManager(const HttpConnectionManager& proto,
                                                         const FieldPath& path,
                                                         Translation& translation) {
  const size_t errors_before = translation.errors.size();
  Config config;
  config.stat_prefix = proto.stat_prefix();
  ParseCodec(proto, path, translation, config);
  ParseTimeouts(proto, path, translation, config);
  ParseLimits(proto, path, translation, config);
  ParseHeaderPolicy(proto, path, translation, config);
  ParseRequestId(proto, path, translation, config);
  ParseTargetPolicy(proto, path, translation, config);
  ParseUpgrades(proto, path, translation, config);
  ParseAccessLog(proto, path, translation, config);
  if (proto.has_local_reply_config()) {
    config.local_replies = ParseLocalReplies(proto.local_reply_config(),
                                             path.Field("local_reply_config"), translation);
  }
  config.filters = ParseHttpFilters(proto.http_filters(), path.Field("http_filters"), translation);
  if (proto.has_route_config()) {
    config.routes = ParseRouteTable(proto.route_config(), config.filters, true,
                                    path.Field("route_config"), translation);
  } else if (proto.has_rds()) {
    ParseRds(proto.rds(), path.Field("rds"), translation, config);
  } else if (proto.has_scoped_routes()) {
    config.scopes = ParseScopes(proto.scoped_routes(), config.stat_prefix, config.filters,
                                path.Field("scoped_routes"), translation);
  } else {
    translation.errors.Add(path, "route_config, rds or scoped_routes is required");
  }
  if (translation.errors.size() != errors_before) return nullptr;
  return std::make_shared<const Config>(std::move(config));
}

}  // namespace remora::config
