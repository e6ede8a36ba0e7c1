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
  const event::Duration timeout =
      loaded.config->listeners[0]->filter_chains.at(0)->http->stream_idle_timeout;
  CHECK(timeout > 50LL * 365 * 24 * 3600 * event::kSecond);
  CHECK(timeout < std::numeric_limits<event::Duration>::max() / 2);
}

TEST_CASE("HTTP/3 is refused by name") {
  Parts parts;
  parts.manager = "codec_type: HTTP2";
  CHECK(Faults(parts) == "");
  parts.manager = "codec_type: HTTP3";
  CHECK(Faults(parts) ==
        At(".codec_type", "value HTTP3 is not supported by this version of Remora"));
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
  REQUIRE(loaded.config->listeners[0]->filter_chains.at(0)->http->filters.size() == 1);
  CHECK(loaded.config->listeners[0]->filter_chains.at(0)->http->filters[0].name == "router");
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

TEST_CASE("a filter's configuration may come from a source") {
  Parts parts;
  parts.admin =
      "dynamic_resources: {ads_config: {api_type: GRPC, grpc_services: [{envoy_grpc: "
      "{cluster_name: c0}}]}}";
  const auto faults = [&](const std::string& discovery, const std::string& before = "") {
    parts.filters = "[" + before + "{name: x, config_discovery: {config_source: {ads: {}}, " +
                    discovery + "}}, {{router}}]";
    return Faults(parts);
  };
  const auto at = [](const std::string& field, const std::string& message) {
    return At(".http_filters[0].config_discovery." + field, message);
  };
  CHECK(faults("type_urls: [{{Buffer}}, {{HeaderMutation}}]") == "");
  CHECK(faults("type_urls: [{{Duration}}]") ==
        at("type_urls[0]",
           "Error: no factory found for a required type URL google.protobuf.Duration."));
  CHECK(faults("type_urls: [{{Buffer}}], apply_default_config_without_warming: true") ==
        at("default_config",
           "Error: filter config x applied without warming but has no default config."));
  CHECK(faults("type_urls: [{{HeaderMutation}}], default_config: {\"@type\": {{Buffer}}, "
               "max_request_bytes: 1}") ==
        at("default_config",
           "Error: filter config has type URL envoy.extensions.filters.http.buffer.v3.Buffer but "
           "expect envoy.extensions.filters.http.header_mutation.v3.HeaderMutation."));
  CHECK(faults("type_urls: [{{Buffer}}], default_config: {\"@type\": {{Buffer}}, "
               "max_request_bytes: 13}") ==
        at("default_config.max_request_bytes", "13 brings bad luck"));
  CHECK(faults("type_urls: [{{Router}}], default_config: {\"@type\": {{Router}}}") ==
        at("default_config",
           "Error: terminal filter named x of type envoy.filters.http.router must be the last "
           "filter in a http filter chain."));
}

TEST_CASE("a filter of a source is what its chain needs, and has its per-route configuration") {
  Parts parts;
  parts.admin =
      "dynamic_resources: {ads_config: {api_type: GRPC, grpc_services: [{envoy_grpc: "
      "{cluster_name: c0}}]}}";
  parts.filters =
      "[{name: x, config_discovery: {config_source: {ads: {}}, type_urls: [{{HeaderMutation}}, "
      "{{Buffer}}]}}, {name: r, config_discovery: {config_source: {ads: {}}, type_urls: "
      "[{{Router}}], default_config: {\"@type\": {{Router}}}, "
      "apply_default_config_without_warming: true}}]";
  parts.host =
      "typed_per_filter_config: {x: {\"@type\": "
      "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute, disabled: "
      "true}}";
  const LoadedBootstrap loaded = Load(Bootstrap(parts));
  REQUIRE(loaded.config.has_value());
  CHECK(loaded.warnings.empty());
  const FilterChain& chain = *loaded.config->listeners[0]->filter_chains.at(0);
  REQUIRE(chain.extension_uses.size() == 2);
  const ExtensionUse& first = chain.extension_uses[0];
  CHECK(first.name == "x");
  CHECK(first.types.size() == 2);
  CHECK_FALSE(first.last);
  CHECK(first.warms);
  CHECK(first.fallback == nullptr);
  const ExtensionUse& second = chain.extension_uses[1];
  CHECK(second.last);
  CHECK_FALSE(second.warms);
  CHECK(second.fallback != nullptr);
  const std::vector<http::FilterFactory>& filters = chain.http->filters;
  REQUIRE(filters.size() == 2);
  CHECK(filters[0].route_type_url ==
        "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute");
  CHECK_FALSE(filters[0].terminal);
  CHECK(filters[1].terminal);
}

// The connection manager of a configuration without faults.
std::shared_ptr<const connection_manager::Config> Manager(const std::string& lines) {
  Parts parts;
  parts.manager = lines;
  const LoadedBootstrap loaded = Load(Bootstrap(parts));
  REQUIRE(loaded.config.has_value());
  return loaded.config->listeners[0]->filter_chains.at(0)->http;
}

TEST_CASE("every timeout gets where it belongs") {
  const auto manager = Manager(
      "request_timeout: 1s\nrequest_headers_timeout: 2s\ndrain_timeout: 3s\n"
      "delayed_close_timeout: 4s\nstream_idle_timeout: 5s\n"
      "http1_safe_max_connection_duration: true\ncommon_http_protocol_options: {idle_timeout: 6s, "
      "max_connection_duration: 7s, max_stream_duration: 8s, max_requests_per_connection: 9}");
  CHECK(manager->request_timeout == 1 * event::kSecond);
  CHECK(manager->request_headers_timeout == 2 * event::kSecond);
  CHECK(manager->drain_timeout == 3 * event::kSecond);
  CHECK(manager->delayed_close_timeout == 4 * event::kSecond);
  CHECK(manager->stream_idle_timeout == 5 * event::kSecond);
  CHECK(manager->idle_timeout == 6 * event::kSecond);
  CHECK(manager->max_connection_duration == 7 * event::kSecond);
  CHECK(manager->max_stream_duration == 8 * event::kSecond);
  CHECK(manager->max_requests_per_connection == 9);
  CHECK(manager->http1_safe_max_connection_duration);
}

TEST_CASE("an upgrade may have filters of its own") {
  const auto manager = Manager(
      "upgrade_configs: [{upgrade_type: websocket, filters: [{{router}}]}, {upgrade_type: "
      "CONNECT}]");
  REQUIRE(manager->upgrade_filters.size() == 1);
  CHECK(manager->upgrade_filters[0].type == "websocket");
  CHECK(manager->upgrade_filters[0].filters.size() == 1);
  CHECK(manager->upgrades.size() == 2);
}

TEST_CASE("the option of HTTP/1 decides whether a connection outlives an invalid request") {
  CHECK_FALSE(Manager("")->keep_after_refusal);
  CHECK(Manager("stream_error_on_invalid_http_message: true")->keep_after_refusal);
  CHECK_FALSE(Manager("stream_error_on_invalid_http_message: true\nhttp_protocol_options: "
                      "{override_stream_error_on_invalid_http_message: false}")
                  ->keep_after_refusal);
}

TEST_CASE("internal addresses are none, the private ones or those that are named") {
  const auto has = [](const connection_manager::Config& manager, const char* ip) {
    return manager.internal_addresses->Has(*net::Address::Ip(ip, 0));
  };
  CHECK_FALSE(Manager("")->internal_addresses.has_value());
  const auto by_default = Manager("internal_address_config: {}");
  CHECK(has(*by_default, "10.255.0.1"));
  CHECK(has(*by_default, "172.31.0.1"));
  CHECK(has(*by_default, "127.0.0.1"));
  CHECK(has(*by_default, "::1"));
  CHECK(has(*by_default, "fd12::1"));
  CHECK_FALSE(has(*by_default, "172.32.0.1"));
  CHECK_FALSE(has(*by_default, "127.0.0.2"));
  CHECK_FALSE(has(*by_default, "fc00::1"));
  const auto named = Manager(
      "internal_address_config: {unix_sockets: true, cidr_ranges: [{address_prefix: 1.2.3.128, "
      "prefix_len: 25}, {address_prefix: 9.9.9.9, prefix_len: 33}]}");
  CHECK(has(*named, "1.2.3.200"));
  CHECK(has(*named, "9.9.9.9"));
  CHECK_FALSE(has(*named, "1.2.3.1"));
  CHECK_FALSE(has(*named, "10.0.0.1"));
  CHECK(named->internal_addresses->Has(*net::Address::Unix("/x")));
  Parts parts;
  parts.manager = "internal_address_config: {cidr_ranges: [{address_prefix: nonsense}]}";
  CHECK(Faults(parts) == At(".internal_address_config.cidr_ranges[0].address_prefix",
                            "malformed IP address: nonsense"));
}

TEST_CASE("paths, hosts and names") {
  using connection_manager::EscapedSlashes;
  using connection_manager::StripPort;
  const auto manager = Manager(
      "normalize_path: true\nmerge_slashes: true\nstrip_trailing_host_dot: true\n"
      "strip_any_host_port: true\npath_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT\n"
      "append_x_forwarded_port: true\nvia: me\nscheme_header_transformation: "
      "{scheme_to_overwrite: https}\nhttp_protocol_options: {allow_chunked_length: true, "
      "header_key_format: {proper_case_words: {}}}\ncommon_http_protocol_options: "
      "{headers_with_underscores_action: DROP_HEADER}");
  CHECK(manager->normalize_path);
  CHECK(manager->merge_slashes);
  CHECK(manager->strip_trailing_host_dot);
  CHECK(manager->strip_port == StripPort::kAny);
  CHECK(manager->escaped_slashes == EscapedSlashes::kRedirect);
  CHECK(manager->append_x_forwarded_port);
  CHECK(manager->via == "me");
  CHECK(manager->scheme_to_overwrite == "https");
  CHECK(manager->allow_chunked_length);
  CHECK(manager->name_case == http::NameCase::kProper);
  CHECK(manager->underscore_names == http::UnderscoreNames::kDrop);
  CHECK(Manager("strip_matching_host_port: true")->strip_port == StripPort::kMatching);
  Parts parts;
  parts.manager = "strip_matching_host_port: true\nstrip_any_host_port: true";
  CHECK(Faults(parts) ==
        At("", "only one of `strip_matching_host_port` or `strip_any_host_port` can be set"));
}

TEST_CASE("names that keep their case need their extension") {
  const std::string key = "http_protocol_options: {header_key_format: {stateful_formatter: ";
  const auto manager =
      Manager(key +
              "{name: x, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.http."
              "header_formatters.preserve_case.v3.PreserveCaseFormatterConfig}}}}");
  CHECK(manager->name_case == http::NameCase::kAsReceived);
}

TEST_CASE("local replies are changed by mappers and formats") {
  const auto manager = Manager(
      "local_reply_config: {mappers: [{filter: {status_code_filter: {comparison: {op: EQ, value: "
      "{default_value: 404, runtime_key: x}}}}, status_code: 410, body: {inline_string: gone}, "
      "headers_to_add: [{header: {key: x-a, value: b}}], body_format_override: "
      "{text_format_source: "
      "{inline_string: '%LOCAL_REPLY_BODY%!'}}}], body_format: {json_format: {code: "
      "'%RESPONSE_CODE%'}}}");
  REQUIRE(manager->local_replies != nullptr);
  const http::LocalReplyRules& rules = *manager->local_replies;
  REQUIRE(rules.mappers.size() == 1);
  base::ArenaPool pool;
  base::Arena arena(pool);
  base::Random random(1);
  const runtime::Snapshot runtime;
  const auto apply = [&](uint16_t status) {
    http::RequestHead request(arena);
    http::ResponseHead head(arena);
    http::StreamInfo info;
    http::LocalReply reply;
    reply.status = status;
    reply.body = "was";
    rules.Apply(&request, {runtime, random}, info, head, reply);
    std::string text = std::to_string(reply.status) + " " + std::to_string(info.response_code) +
                       " " + reply.content_type + " " + reply.body;
    head.headers.ForEach([&text](const http::HeaderEntry& entry) {
      text += " " + std::string(entry.name()) + "=" + std::string(entry.value());
    });
    return text;
  };
  CHECK(apply(404) == "410 410 text/plain gone! x-a=b");
  CHECK(apply(503) == "503 503 application/json {\"code\":503}\n");
  Parts parts;
  parts.manager = "local_reply_config: {mappers: [{status_code: 410}]}";
  CHECK(Faults(parts) != "");
}

TEST_CASE("upgrades are listed once") {
  const auto manager = Manager(
      "upgrade_configs: [{upgrade_type: websocket}, {upgrade_type: CONNECT, enabled: false}]");
  REQUIRE(manager->upgrades.size() == 2);
  CHECK(manager->upgrades[0].type == "websocket");
  CHECK(manager->upgrades[0].enabled);
  CHECK_FALSE(manager->upgrades[1].enabled);
  Parts parts;
  parts.manager = "upgrade_configs: [{upgrade_type: a}, {upgrade_type: A}]";
  CHECK(Faults(parts) ==
        At(".upgrade_configs", "Error: multiple upgrade configs with the same name: 'A'"));
  const auto ignoring =
      Manager("http_protocol_options: {ignore_http_11_upgrade: [{prefix: TLS/}, {exact: foo}]}");
  REQUIRE(ignoring->ignores_upgrade != nullptr);
  CHECK(ignoring->ignores_upgrade("TLS/1.2"));
  CHECK(ignoring->ignores_upgrade("foo"));
  CHECK_FALSE(ignoring->ignores_upgrade("websocket"));
}

}  // namespace
}  // namespace remora::config
