#include "source/config/http2_options_config.h"

#include <algorithm>

#include "envoy/config/core/v3/protocol.pb.h"
#include "source/config/text.h"

namespace remora::config {

using envoy::config::core::v3::Http2ProtocolOptions;
using envoy::config::core::v3::KeepaliveSettings;

namespace {

// RFC 9113 section 6.5.2, RFC 8441 section 3, RFC 9218 section 2.1.
enum SettingsId : uint16_t {
  kHeaderTableSize = 1,
  kEnablePush = 2,
  kMaxConcurrentStreams = 3,
  kInitialWindowSize = 4,
  kEnableConnectProtocol = 8,
  kNoRfc7540Priorities = 9,
};

void ReadNumber(bool set, const google::protobuf::UInt32Value& proto, uint32_t& to) {
  if (set) to = proto.value();
}

void ParseLimits(const Http2ProtocolOptions& proto, http2::ProtocolOptions& options) {
  ReadNumber(proto.has_hpack_table_size(), proto.hpack_table_size(), options.hpack_table_size);
  ReadNumber(proto.has_max_concurrent_streams(), proto.max_concurrent_streams(),
             options.max_concurrent_streams);
  ReadNumber(proto.has_initial_stream_window_size(), proto.initial_stream_window_size(),
             options.initial_stream_window_size);
  ReadNumber(proto.has_initial_connection_window_size(), proto.initial_connection_window_size(),
             options.initial_connection_window_size);
  ReadNumber(proto.has_max_outbound_frames(), proto.max_outbound_frames(),
             options.max_outbound_frames);
  ReadNumber(proto.has_max_outbound_control_frames(), proto.max_outbound_control_frames(),
             options.max_outbound_control_frames);
  ReadNumber(proto.has_max_consecutive_inbound_frames_with_empty_payload(),
             proto.max_consecutive_inbound_frames_with_empty_payload(),
             options.max_consecutive_inbound_frames_with_empty_payload);
  ReadNumber(proto.has_max_inbound_priority_frames_per_stream(),
             proto.max_inbound_priority_frames_per_stream(),
             options.max_inbound_priority_frames_per_stream);
  ReadNumber(proto.has_max_inbound_window_update_frames_per_data_frame_sent(),
             proto.max_inbound_window_update_frames_per_data_frame_sent(),
             options.max_inbound_window_update_frames_per_data_frame_sent);
}

void ParseKeepalive(const KeepaliveSettings& proto, const FieldPath& path, Translation& translation,
                    http2::KeepaliveOptions& options) {
  const auto read = [&](bool set, const google::protobuf::Duration& duration,
                        std::string_view field, event::Duration& to) {
    if (set) to = ParseDuration(duration, path.Field(field), translation);
  };
  read(proto.has_interval(), proto.interval(), "interval", options.interval);
  read(proto.has_timeout(), proto.timeout(), "timeout", options.timeout);
  read(proto.has_connection_idle_interval(), proto.connection_idle_interval(),
       "connection_idle_interval", options.idle_interval);
  if (proto.has_interval_jitter()) options.jitter_percent = proto.interval_jitter().value();
}

// The option that a parameter stands for, when it has one, and whether that is set by name.
struct Named {
  uint32_t* option = nullptr;
  bool set = false;
};
Named FindNamed(uint32_t id, const Http2ProtocolOptions& proto, http2::ProtocolOptions& options) {
  switch (id) {
    case kHeaderTableSize:
      return {&options.hpack_table_size, proto.has_hpack_table_size()};
    case kMaxConcurrentStreams:
      return {&options.max_concurrent_streams, proto.has_max_concurrent_streams()};
    case kInitialWindowSize:
      return {&options.initial_stream_window_size, proto.has_initial_stream_window_size()};
    default:
      return {};
  }
}

void ParseCustomSettings(const Http2ProtocolOptions& proto, const FieldPath& path,
                         Translation& translation, http2::ProtocolOptions& options) {
  const FieldPath list = path.Field("custom_settings_parameters");
  for (int i = 0; i < proto.custom_settings_parameters_size(); ++i) {
    const auto& parameter = proto.custom_settings_parameters(i);
    const FieldPath entry = list.Index(static_cast<size_t>(i));
    const uint32_t id = parameter.identifier().value();
    const uint32_t value = parameter.value().value();
    const Named named = FindNamed(id, proto, options);
    const auto same = [id](const auto& other) { return other.first == id; };
    if (id == kEnablePush) {
      translation.errors.Add(entry,
                             "server push is not supported by Envoy and can not be enabled via a "
                             "SETTINGS parameter.");
    } else if (id == kEnableConnectProtocol) {
      translation.errors.Add(entry,
                             "the \"allow_connect\" SETTINGS parameter must only be configured "
                             "through the named field");
    } else if (id == kNoRfc7540Priorities) {
      translation.errors.Add(entry, "SETTINGS_NO_RFC7540_PRIORITIES is always 1");
    } else if (named.set) {
      translation.errors.Add(entry,
                             "the SETTINGS parameter can not be configured through both named and "
                             "custom parameters");
    } else if (std::any_of(options.custom_settings.begin(), options.custom_settings.end(), same)) {
      translation.errors.Add(entry, Concat("the SETTINGS parameter ", id, " is there twice"));
    } else if (named.option != nullptr) {
      *named.option = value;
    } else {
      options.custom_settings.emplace_back(static_cast<uint16_t>(id), value);
    }
  }
}

}  // namespace

http2::ProtocolOptions ParseHttp2Options(const Http2ProtocolOptions& proto, const FieldPath& path,
                                         Translation& translation) {
  http2::ProtocolOptions options;
  ParseLimits(proto, options);
  options.allow_connect = proto.allow_connect();
  options.stream_error_on_invalid_message =
      proto.has_override_stream_error_on_invalid_http_message()
          ? proto.override_stream_error_on_invalid_http_message().value()
          : proto.stream_error_on_invalid_http_messaging();
  if (proto.has_connection_keepalive()) {
    ParseKeepalive(proto.connection_keepalive(), path.Field("connection_keepalive"), translation,
                   options.keepalive);
  }
  ParseCustomSettings(proto, path, translation, options);
  return options;
}

}  // namespace remora::config
