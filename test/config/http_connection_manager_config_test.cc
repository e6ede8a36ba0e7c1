#include <catch2/catch.hpp>

#include "test/config/printed_config.h"

namespace remora::config {
namespace {

constexpr char kManager[] =
    "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";

std::string At(const std::string& field, const std::string& message) {
  return std::string(kManager) + field + ": " + message + "\n";
}

TEST_CASE("timeouts are not negative and fit nanoseconds") {
  Parts parts;
  const auto faults = [&](const std::string& lines) {
    parts.manager = lines;
    return Faults(parts);
  };
  CHECK(faults("stream_idle_timeout: 0s") == "");
  CHECK(faults("stream_idle_timeout: 9223372036s") == "");
  CHECK(faults("stream_idle_timeout: -1s") ==
        At(".stream_idle_timeout", "Invalid duration: Expected positive duration"));
  CHECK(faults("stream_idle_timeout: 9223372037s") ==
        At(".stream_idle_timeout", "Invalid duration: Duration out-of-range"));
  CHECK(faults("common_http_protocol_options: {idle_timeout: -0.5s}") ==
        At(".common_http_protocol_options.idle_timeout",
           "Invalid duration: Expected positive duration"));
}

TEST_CASE("a huge timeout leaves room for sums with a point in time") {
  Parts parts;
  parts.manager = "stream_idle_timeout: 9223372036.9s";
  const LoadedBootstrap loaded = Load(Bootstrap(parts));
  REQUIRE(loaded.config.has_value());
  const event::Duration timeout = loaded.config->listeners[0]->http->stream_idle_timeout;
  CHECK(timeout > 50LL * 365 * 24 * 3600 * event::kSecond);
  CHECK(timeout < std::numeric_limits<event::Duration>::max() / 2);
}

TEST_CASE("other codecs than HTTP/1 are refused by name") {
  Parts parts;
  parts.manager = "codec_type: HTTP2";
  CHECK(Faults(parts) ==
        At(".codec_type", "value HTTP2 is not supported by this version of Remora"));
}

TEST_CASE("one terminal filter, last and enabled") {
  Parts parts;
  const auto faults = [&](const std::string& filters) {
    parts.filters = filters;
    return Faults(parts);
  };
  CHECK(faults("[{{buffer}}, {{buffer}}, {{router}}]") == "");
  CHECK(faults("[]") ==
        At(".http_filters",
           "a connection manager without HTTP filters is not supported: the last one has to be a "
           "terminal filter (envoy.filters.http.router)"));
  CHECK(faults("[{{buffer}}]") ==
        At(".http_filters[0]",
           "Error: non-terminal filter named buffer of type envoy.filters.http.buffer is the last "
           "filter in a http filter chain."));
  CHECK(faults("[{{router}}, {{buffer}}, {{router}}]") ==
        At(".http_filters[0]",
           "Error: terminal filter named router of type envoy.filters.http.router must be the last "
           "filter in a http filter chain."));
  const std::string disabled =
      ": Error: the last (terminal) filter (x) in the chain cannot be disabled by default.\n";
  CHECK(faults("[{name: x, disabled: true, typed_config: {\"@type\": {{Router}}}}]") ==
        std::string(kManager) + ".http_filters[0].disabled" + disabled);
  CHECK(faults("[{name: x, disabled: true, typed_config: {\"@type\": {{Buffer}}, "
               "max_request_bytes: 1}}]") ==
        std::string(kManager) + ".http_filters[0].disabled" + disabled);
}

TEST_CASE("filters are found by type, never by name") {
  Parts parts;
  const auto faults = [&](const std::string& filter) {
    parts.filters = "[" + filter + ", {{router}}]";
    return Warnings(parts);
  };
  CHECK(faults("{name: x, typed_config: {\"@type\": {{Duration}}, value: 1s}}") ==
        At(".http_filters[0].typed_config",
           "Didn't find a registered implementation for 'x' with type URL: "
           "'google.protobuf.Duration'"));
  CHECK(faults("{name: envoy.filters.http.buffer}") ==
        At(".http_filters[0]",
           "Didn't find a registered implementation for 'envoy.filters.http.buffer' with type URL: "
           "''"));
  CHECK(
      faults("{name: x, is_optional: true, typed_config: {\"@type\": {{Duration}}, value: 1s}}") ==
      At(".http_filters[0].typed_config",
         "Didn't find a registered factory for the optional http filter x"));
}

TEST_CASE("an optional filter is left out, but not the last") {
  Parts parts;
  const std::string optional =
      "{name: x, is_optional: true, typed_config: {\"@type\": {{Duration}}, value: 1s}}";
  parts.filters = "[" + optional + ", {{router}}]";
  const LoadedBootstrap loaded = Load(Bootstrap(parts));
  REQUIRE(loaded.config.has_value());
  REQUIRE(loaded.config->listeners[0]->http->filters.size() == 1);
  CHECK(loaded.config->listeners[0]->http->filters[0].name == "router");
  parts.filters = "[{{buffer}}, " + optional + "]";
  CHECK(Faults(parts) ==
        At(".http_filters[1]",
           "leaving out the last filter, which has to be terminal, is not supported"));
}

TEST_CASE("what a filter finds wrong stands at its field") {
  Parts parts;
  parts.filters =
      "[{name: b, typed_config: {\"@type\": {{Buffer}}, max_request_bytes: 13}}, {{router}}]";
  CHECK(Faults(parts) ==
        At(".http_filters[0].typed_config.max_request_bytes", "13 brings bad luck"));
}

TEST_CASE("a TypedStruct stands for the type that it names") {
  Parts parts;
  parts.filters =
      "[{name: b, typed_config: {\"@type\": type.googleapis.com/udpa.type.v1.TypedStruct, "
      "type_url: "
      "{{Buffer}}, value: {max_request_bytes: 13}}}, {{router}}]";
  CHECK(Faults(parts) ==
        At(".http_filters[0].typed_config.max_request_bytes", "13 brings bad luck"));
}

}  // namespace
}  // namespace remora::config
