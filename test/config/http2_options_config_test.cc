#include "source/config/http2_options_config.h"

#include <catch2/catch.hpp>

#include "test/config/printed_config.h"

namespace remora::config {
namespace {

constexpr char kManager[] =
    "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.";

http2::ProtocolOptions Options(const std::string& text) {
  Parts parts;
  parts.manager = "http2_protocol_options: {" + text + "}";
  const LoadedBootstrap loaded = Load(Bootstrap(parts));
  REQUIRE(loaded.config.has_value());
  return loaded.config->listeners[0]->filter_chains.at(0)->http->http2;
}

std::string FaultsOf(const std::string& text) {
  Parts parts;
  parts.manager = "http2_protocol_options: {" + text + "}";
  return Faults(parts);
}

TEST_CASE("HTTP/2 options have Envoy's defaults") {
  const http2::ProtocolOptions options = Options("");
  CHECK(options.hpack_table_size == 4096);
  CHECK(options.max_concurrent_streams == 1024);
  CHECK(options.initial_stream_window_size == 0);
  CHECK(options.initial_connection_window_size == 24 * 1024 * 1024);
  CHECK(options.max_outbound_frames == 10000);
  CHECK(options.max_outbound_control_frames == 1000);
  CHECK(options.max_consecutive_inbound_frames_with_empty_payload == 1);
  CHECK(options.max_inbound_priority_frames_per_stream == 100);
  CHECK(options.max_inbound_window_update_frames_per_data_frame_sent == 10);
  CHECK_FALSE(options.allow_connect);
  CHECK_FALSE(options.stream_error_on_invalid_message);
  CHECK(options.keepalive.interval == 0);
}

TEST_CASE("HTTP/2 options are read") {
  const http2::ProtocolOptions options = Options(
      "hpack_table_size: 0, max_concurrent_streams: 7, initial_stream_window_size: 65535, "
      "initial_connection_window_size: 65536, allow_connect: true, max_outbound_frames: 8, "
      "max_outbound_control_frames: 9, max_consecutive_inbound_frames_with_empty_payload: 10, "
      "max_inbound_priority_frames_per_stream: 11, "
      "max_inbound_window_update_frames_per_data_frame_sent: 12, "
      "override_stream_error_on_invalid_http_message: true, custom_settings_parameters: "
      "[{identifier: 16, value: 1}], connection_keepalive: {interval: 1s, timeout: 2s, "
      "interval_jitter: {value: 5}, connection_idle_interval: 3s}");
  CHECK(options.hpack_table_size == 0);
  CHECK(options.max_concurrent_streams == 7);
  CHECK(options.initial_stream_window_size == 65535);
  CHECK(options.initial_connection_window_size == 65536);
  CHECK(options.allow_connect);
  CHECK(options.max_outbound_frames == 8);
  CHECK(options.max_outbound_control_frames == 9);
  CHECK(options.max_consecutive_inbound_frames_with_empty_payload == 10);
  CHECK(options.max_inbound_priority_frames_per_stream == 11);
  CHECK(options.max_inbound_window_update_frames_per_data_frame_sent == 12);
  CHECK(options.stream_error_on_invalid_message);
  CHECK(options.custom_settings == std::vector<std::pair<uint16_t, uint32_t>>{{16, 1}});
  CHECK(options.keepalive.interval == event::kSecond);
  CHECK(options.keepalive.timeout == 2 * event::kSecond);
  CHECK(options.keepalive.jitter_percent == 5);
  CHECK(options.keepalive.idle_interval == 3 * event::kSecond);
  CHECK(Options("stream_error_on_invalid_http_messaging: true").stream_error_on_invalid_message);
  CHECK(Options("custom_settings_parameters: [{identifier: 3, value: 5}]").max_concurrent_streams ==
        5);
}

TEST_CASE("HTTP/2 options that are refused") {
  const std::string options = std::string(kManager) + "http2_protocol_options";
  const std::string custom = options + ".custom_settings_parameters[0]: ";
  CHECK(FaultsOf("custom_settings_parameters: [{identifier: 2, value: 1}]") ==
        custom +
            "server push is not supported by Envoy and can not be enabled via a SETTINGS "
            "parameter.\n");
  CHECK(FaultsOf("custom_settings_parameters: [{identifier: 8, value: 1}]") ==
        custom +
            "the \"allow_connect\" SETTINGS parameter must only be configured through the named "
            "field\n");
  CHECK(FaultsOf("hpack_table_size: 1, custom_settings_parameters: [{identifier: 1, value: 1}]") ==
        custom +
            "the SETTINGS parameter can not be configured through both named and custom "
            "parameters\n");
  CHECK(FaultsOf("allow_metadata: true") != "");
  CHECK(FaultsOf("max_concurrent_streams: 0") != "");
  CHECK(FaultsOf("initial_stream_window_size: 1000") != "");
  CHECK(FaultsOf("connection_keepalive: {interval: 1s}") != "");
}

TEST_CASE("clusters speak HTTP/2 when told to") {
  Parts parts;
  parts.cluster =
      "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: "
      "{\"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, "
      "explicit_http_config: {http2_protocol_options: {max_concurrent_streams: 9}}}}";
  const LoadedBootstrap loaded = Load(Bootstrap(parts));
  REQUIRE(loaded.config.has_value());
  CHECK(loaded.config->clusters[0].protocol == upstream::Protocol::kHttp2);
  CHECK(loaded.config->clusters[0].http2.max_concurrent_streams == 9);
}

}  // namespace
}  // namespace remora::config
