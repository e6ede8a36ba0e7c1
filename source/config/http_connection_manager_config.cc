#include "source/config/http_connection_manager_config.h"

#include <utility>

#include "envoy/config/core/v3/protocol.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "source/config/http_filters_config.h"
#include "source/config/route_config.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

using connection_manager::Config;
using connection_manager::ServerHeader;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

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
  if (proto.codec_type() != HttpConnectionManager::AUTO &&
      proto.codec_type() != HttpConnectionManager::HTTP1) {
    translation.errors.Add(
        path.Field("codec_type"),
        Concat("codec type ", HttpConnectionManager::CodecType_Name(proto.codec_type()),
               " is not supported"));
  }
  const envoy::config::core::v3::Http1ProtocolOptions& http1 = proto.http_protocol_options();
  config.accept_http_10 = http1.accept_http_10();
  config.default_host_for_http_10 = http1.default_host_for_http_10();
  if (http1.has_allow_absolute_url()) {
    config.allow_absolute_url = http1.allow_absolute_url().value();
  }
  config.enable_trailers = http1.enable_trailers();
  if (proto.has_max_request_headers_kb()) {
    config.max_request_header_bytes = proto.max_request_headers_kb().value() * 1024;
  }
}

void ParseLimits(const HttpConnectionManager& proto, const FieldPath& path,
                 Translation& translation, Config& config) {
  const envoy::config::core::v3::HttpProtocolOptions& common = proto.common_http_protocol_options();
  const FieldPath common_path = path.Field("common_http_protocol_options");
  if (common.has_idle_timeout()) {
    config.idle_timeout =
        ParseDuration(common.idle_timeout(), common_path.Field("idle_timeout"), translation);
  }
  if (common.has_max_headers_count()) {
    config.max_request_headers = common.max_headers_count().value();
  }
  if (proto.has_stream_idle_timeout()) {
    config.stream_idle_timeout =
        ParseDuration(proto.stream_idle_timeout(), path.Field("stream_idle_timeout"), translation);
  }
}

void ParseHeaderPolicy(const HttpConnectionManager& proto, Config& config) {
  if (!proto.server_name().empty()) config.server_name = proto.server_name();
  config.server_header = ParseServerHeader(proto.server_header_transformation());
  config.use_remote_address = proto.use_remote_address().value();
  config.xff_num_trusted_hops = proto.xff_num_trusted_hops();
  config.skip_xff_append = proto.skip_xff_append();
  if (proto.has_generate_request_id()) {
    config.generate_request_id = proto.generate_request_id().value();
  }
  config.preserve_external_request_id = proto.preserve_external_request_id();
  config.always_set_request_id_in_response = proto.always_set_request_id_in_response();
}

}  // namespace

std::shared_ptr<const Config> ParseHttpConnectionManager(const HttpConnectionManager& proto,
                                                         const FieldPath& path,
                                                         Translation& translation) {
  const size_t errors_before = translation.errors.size();
  Config config;
  config.stat_prefix = proto.stat_prefix();
  ParseCodec(proto, path, translation, config);
  ParseLimits(proto, path, translation, config);
  ParseHeaderPolicy(proto, config);
  config.filters = ParseHttpFilters(proto, path.Field("http_filters"), translation);
  if (proto.has_route_config()) {
    config.routes = ParseRouteTable(proto.route_config(), config.filters,
                                    path.Field("route_config"), translation);
  } else {
    translation.errors.Add(path, "route_config is required");
  }
  if (translation.errors.size() != errors_before) return nullptr;
  return std::make_shared<const Config>(std::move(config));
}

}  // namespace remora::config
