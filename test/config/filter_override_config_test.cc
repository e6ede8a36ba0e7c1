#include <catch2/catch.hpp>

#include "test/config/printed_config.h"

namespace remora::config {
namespace {

constexpr char kRoutes[] =
    "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config";
constexpr char kHost[] = ".virtual_hosts[0]";
constexpr char kEntry[] = ".typed_per_filter_config[\"buffer\"]";

// The filter chain has a filter `buffer`; `value` is its entry in the virtual host.
std::string WithEntry(const std::string& value, const std::string& name = "buffer",
                      const std::string& filters = "[{{buffer}}, {{router}}]") {
  Parts parts;
  parts.filters = filters;
  parts.host = "typed_per_filter_config: {" + name + ": " + value + "}";
  return Warnings(parts);
}

std::string At(const std::string& field, const std::string& message) {
  return std::string(kRoutes) + kHost + kEntry + field + ": " + message + "\n";
}

// The part of a printed bootstrap that belongs to the routes.
std::string PrintedRoutes(const Parts& parts) {
  const std::string text = Printed(Bootstrap(parts));
  const size_t at = text.find("     host");
  return at == std::string::npos ? text : text.substr(at);
}

TEST_CASE("configuration on all four levels reaches the table; the most specific wins") {
  const std::string limit = ": {\"@type\": {{BufferPerRoute}}, buffer: {max_request_bytes: ";
  const auto filters = [&](const std::string& a, const std::string& b) {
    std::string text = "typed_per_filter_config: {";
    if (!a.empty()) text += "buffer" + limit + a + "}}";
    if (!a.empty() && !b.empty()) text += ", ";
    if (!b.empty()) text += "second" + limit + b + "}}";
    return text + "}";
  };
  Parts parts;
  parts.filters =
      "[{{buffer}}, {name: second, typed_config: {\"@type\": {{Buffer}}, max_request_bytes: 1}}, "
      "{{router}}]";
  parts.routes = filters("1", "10");
  CHECK(PrintedRoutes(parts) ==
        "     host 'v' * [buffer: limit 1] [second: limit 10]\n"
        "      route '' prefix / -> c0:1 timeout=15s [buffer: limit 1] [second: limit 10]\n");
  parts.host = filters("2", "");
  CHECK(PrintedRoutes(parts) ==
        "     host 'v' * [buffer: limit 2] [second: limit 10]\n"
        "      route '' prefix / -> c0:1 timeout=15s [buffer: limit 2] [second: limit 10]\n");
  parts.route = filters("", "30");
  CHECK(PrintedRoutes(parts) ==
        "     host 'v' * [buffer: limit 2] [second: limit 10]\n"
        "      route '' prefix / -> c0:1 timeout=15s [buffer: limit 2] [second: limit 30]\n");
  parts.action = "route: {weighted_clusters: {clusters: [{name: c0, weight: 1, " +
                 filters("4", "") + "}, {name: c0, weight: 1}]}}";
  CHECK(PrintedRoutes(parts) ==
        "     host 'v' * [buffer: limit 2] [second: limit 10]\n"
        "      route '' prefix / -> c0:1 c0:2 timeout=15s [buffer: limit 2] [second: limit 30]\n"
        "        c0 [buffer: limit 4] [second: limit 30]\n");
}

TEST_CASE("a FilterConfig wraps, disables or enables") {
  Parts parts;
  const auto printed = [&](const std::string& value) {
    parts.filters = "[{{buffer}}, {{router}}]";
    parts.host = "typed_per_filter_config: {buffer: {\"@type\": {{FilterConfig}}, " + value + "}}";
    const std::string text = PrintedRoutes(parts);
    return text.substr(0, text.find('\n'));
  };
  CHECK(printed("config: {\"@type\": {{BufferPerRoute}}, disabled: true}") ==
        "     host 'v' * [buffer: off]");
  CHECK(printed("disabled: true") == "     host 'v' * [buffer: disabled]");
  // Envoy then does not look at the configuration.
  CHECK(printed("disabled: true, config: {\"@type\": {{BufferPerRoute}}, disabled: true}") ==
        "     host 'v' * [buffer: disabled]");
  CHECK(printed("config: {}") == "     host 'v' * [buffer:]");
  CHECK(printed("is_optional: true, config: {\"@type\": {{Duration}}, value: 1s}")
            .starts_with("     host 'v' * [buffer:]"));
}

TEST_CASE("faults of an entry, in Envoy's words") {
  CHECK(WithEntry("{\"@type\": {{BufferPerRoute}}, disabled: true}") == "");
  CHECK(WithEntry("{\"@type\": {{Duration}}, value: 1s}") ==
        At("",
           "Didn't find a registered implementation for 'buffer' with type URL: "
           "'google.protobuf.Duration'"));
  CHECK(WithEntry("{}") ==
        At("", "Didn't find a registered implementation for 'buffer' with type URL: ''"));
  CHECK(
      WithEntry("{\"@type\": {{Buffer}}, max_request_bytes: 1}") ==
      At("",
         "Unable to unpack as envoy.extensions.filters.http.buffer.v3.BufferPerRoute: the type is "
         "envoy.extensions.filters.http.buffer.v3.Buffer"));
  CHECK(WithEntry("{\"@type\": {{Router}}}") ==
        At("", "The filter buffer doesn't support virtual host or route specific configurations"));
  CHECK(WithEntry("{\"@type\": {{FilterConfig}}}") ==
        At("", "Empty route/virtual host per filter configuration for buffer filter"));
  CHECK(WithEntry("{\"@type\": {{FilterConfig}}, config: {\"@type\": {{Duration}}, value: 1s}}") ==
        At(".config",
           "Didn't find a registered implementation for 'buffer' with type URL: "
           "'google.protobuf.Duration'"));
  CHECK(WithEntry("{\"@type\": {{BufferPerRoute}}, buffer: {max_request_bytes: 13}}") ==
        At(".buffer.max_request_bytes", "13 brings bad luck"));
  CHECK(WithEntry("{\"@type\": {{FilterConfig}}, config: {\"@type\": {{BufferPerRoute}}, buffer: "
                  "{max_request_bytes: 13}}}") ==
        At(".config.buffer.max_request_bytes", "13 brings bad luck"));
}

TEST_CASE("names that no filter has are accepted with a warning, as by Envoy") {
  const std::string text = std::string(kRoutes) + kHost +
                           ".typed_per_filter_config[\"other\"]: no HTTP filter is called 'other': "
                           "accepted without effect\n";
  CHECK(WithEntry("{\"@type\": {{BufferPerRoute}}, disabled: true}", "other") == text);
  CHECK(WithEntry("{\"@type\": {{FilterConfig}}, disabled: true}", "other") == text);
}

TEST_CASE("a filter never gets another type's configuration") {
  const std::string mutation = "{name: buffer, typed_config: {\"@type\": {{HeaderMutation}}}}";
  const std::string entry = "{\"@type\": {{BufferPerRoute}}, disabled: true}";
  // The only filter of that name is of a type that does not read it.
  CHECK(WithEntry(entry, "buffer", "[" + mutation + ", {{router}}]") ==
        At("",
           "the HTTP filter 'buffer' does not read a "
           "envoy.extensions.filters.http.buffer.v3.BufferPerRoute: accepted without effect"));
  Parts parts;
  parts.filters = "[" + mutation + ", {{router}}]";
  parts.host = "typed_per_filter_config: {buffer: " + entry + "}";
  CHECK(PrintedRoutes(parts).starts_with("     host 'v' * [buffer:]\n"));
  // Two types share the name.
  CHECK(WithEntry(entry, "buffer", "[{{buffer}}, " + mutation + ", {{router}}]") ==
        At("",
           "HTTP filters of several types are called 'buffer': configuration by route is not "
           "supported for them"));
}

TEST_CASE("the terminal filter stays where it is") {
  CHECK(WithEntry("{\"@type\": {{FilterConfig}}, disabled: true}", "router") ==
        std::string(kRoutes) + kHost +
            ".typed_per_filter_config[\"router\"].disabled: disabling the terminal filter (router) "
            "is not supported\n");
}

}  // namespace
}  // namespace remora::config
