#include <catch2/catch.hpp>

#include "test/config/printed_config.h"

namespace remora::config {
namespace {

constexpr char kListener[] = "static_resources.listeners[0]";
constexpr char kChain[] = "static_resources.listeners[0].filter_chains[0]";

std::string With(const std::string& where, const std::string& text) { return where + text + "\n"; }

TEST_CASE("a listener's address") {
  Parts parts;
  const auto faults = [&](const std::string& address) {
    parts.address = address;
    return Faults(parts);
  };
  const std::string socket = std::string(kListener) + ".address.socket_address";
  CHECK(faults("{socket_address: {address: \"::1\", port_value: 0}}") == "");
  CHECK(faults("{socket_address: {address: localhost, port_value: 1}}") ==
        With(socket, ".address: malformed IP address: localhost"));
  CHECK(faults("{socket_address: {address: \"[::1]\", port_value: 1}}") ==
        With(socket, ".address: malformed IP address: [::1]"));
  CHECK(faults("{socket_address: {address: 127.0.0.01, port_value: 1}}") ==
        With(socket, ".address: malformed IP address: 127.0.0.01"));
  CHECK(faults("{socket_address: {address: 127.0.0.1, port_value: 65536}}") ==
        With(socket, ".port_value: must be at most 65535 (65536)"));
  CHECK(faults("{socket_address: {address: 127.0.0.1, port_value: 1, protocol: UDP}}")
            .find("UDP is not supported") != std::string::npos);
  CHECK(faults("") == With(kListener, ": error adding listener named 'l0': address is necessary"));
}

TEST_CASE("ipv4_compat needs an address that can take IPv4") {
  Parts parts;
  const auto faults = [&](const std::string& address) {
    parts.address =
        "{socket_address: {address: \"" + address + "\", port_value: 1, ipv4_compat: true}}";
    return Faults(parts);
  };
  const std::string text =
      "static_resources.listeners[0].address.socket_address.ipv4_compat: Only IPv6 address '::' or "
      "valid IPv4-mapped IPv6 address can set ipv4_compat: ";
  CHECK(faults("::") == "");
  CHECK(faults("::ffff:10.0.0.1") == "");
  CHECK(faults("::1") == text + "[::1]:1\n");
  CHECK(faults("127.0.0.1") == text + "127.0.0.1:1\n");
}

TEST_CASE("a Unix socket's path and mode") {
  Parts parts;
  const std::string pipe = std::string(kListener) + ".address.pipe";
  parts.address = "{pipe: {path: \"@name\"}}";
  CHECK(Faults(parts) == "");
  parts.address = "{pipe: {path: \"@name\", mode: 511}}";
  CHECK(Faults(parts) == With(pipe, ".mode: Cannot set mode for Abstract AF_UNIX sockets"));
  const std::string longest(107, 'p');
  parts.address = "{pipe: {path: " + longest + "}}";
  CHECK(Faults(parts) == "");
  parts.address = "{pipe: {path: " + longest + "p}}";
  CHECK(Faults(parts) ==
        With(pipe, ".path: Path \"" + longest +
                       "p\" exceeds maximum UNIX domain socket path size of 108."));
}

TEST_CASE("socket options have to fit setsockopt") {
  Parts parts;
  parts.listener = "socket_options: [{level: 4294967296, name: 1, int_value: -4294967296}]";
  CHECK(Faults(parts) ==
        "static_resources.listeners[0].socket_options[0].level: value is out of range for an int "
        "(4294967296)\n"
        "static_resources.listeners[0].socket_options[0].int_value: value is out of range for an "
        "int (-4294967296)\n");
}

TEST_CASE("an explicit backlog of 0 is not the system's") {
  Parts parts;
  parts.listener = "tcp_backlog_size: 0";
  CHECK(Load(Bootstrap(parts)).config->listeners[0]->options.backlog == 1);
}

TEST_CASE("exactly one filter chain") {
  Parts parts;
  parts.chain = "name: first\n";
  const std::string second = "- name: second\n  filters: []\n";
  parts.chain = "name: first";
  std::string text = Bootstrap(parts);
  const size_t clusters = text.find("  clusters:");
  text.insert(clusters, "    - name: second\n      filters: []\n");
  const LoadedBootstrap loaded = Load(text);
  REQUIRE(loaded.errors.size() == 2);
  CHECK(loaded.errors.errors()[0].message ==
        "error adding listener '127.0.0.1:8080': filter chain 'second' has the same matching rules "
        "defined as 'first': more than one filter chain is not supported");
  CHECK(loaded.errors.errors()[1].message ==
        "a filter chain without filters is not supported: it needs an HTTP connection manager");
  CHECK(Printed("static_resources: {listeners: [{name: x, address: {pipe: {path: /a}}}]}") ==
        "1: static_resources.listeners[0].filter_chains: error adding listener '/a': no filter "
        "chains specified\n");
}

TEST_CASE("a filter chain match is refused unless it is empty") {
  Parts parts;
  parts.chain = "filter_chain_match: {}";
  CHECK(Faults(parts) == "");
  parts.chain = "filter_chain_match: {server_names: [a.b]}";
  CHECK(Faults(parts) ==
        With(kChain, ".filter_chain_match.server_names: not supported by this version of Remora"));
}

TEST_CASE("plain text is the only transport socket") {
  Parts parts;
  parts.chain =
      "transport_socket: {name: t, typed_config: {\"@type\": "
      "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}";
  CHECK(Faults(parts) == "");
  parts.chain =
      "transport_socket: {name: t, typed_config: {\"@type\": {{Buffer}}, max_request_bytes: 1}}";
  CHECK(Faults(parts) ==
        With(kChain,
             ".transport_socket.typed_config: Didn't find a registered implementation for 't' with "
             "type URL: 'envoy.extensions.filters.http.buffer.v3.Buffer'"));
  parts.chain = "transport_socket: {name: envoy.transport_sockets.raw_buffer}";
  CHECK(Faults(parts) == With(kChain,
                              ".transport_socket: Didn't find a registered implementation for "
                              "'envoy.transport_sockets.raw_buffer' with type URL: ''"));
}

TEST_CASE("network filters are found by type, and the connection manager comes last") {
  std::string text = Bootstrap({});
  const auto with_filter = [&](const std::string& filter) {
    std::string changed = text;
    changed.insert(changed.find("      - name: hcm"), "      - " + filter + "\n");
    return changed;
  };
  CHECK(Printed(with_filter("{name: x, typed_config: {\"@type\": {{Duration}}, value: 1s}}")) ==
        "8: static_resources.listeners[0].filter_chains[0].filters[0].typed_config: Didn't find a "
        "registered implementation for 'x' with type URL: 'google.protobuf.Duration'\n");
  CHECK(Printed(with_filter("{name: x}")) ==
        "8: static_resources.listeners[0].filter_chains[0].filters[0]: Didn't find a registered "
        "implementation for 'x' with type URL: ''\n");
  const std::string manager =
      "{name: early, typed_config: {\"@type\": "
      "type.googleapis.com/envoy.extensions.filters.network."
      "http_connection_manager.v3.HttpConnectionManager, stat_prefix: s, route_config: {}, "
      "http_filters: [{{router}}]}}";
  CHECK(
      Printed(with_filter(manager)) ==
      "8: static_resources.listeners[0].filter_chains[0].filters[0]: Error: terminal filter named "
      "early of type envoy.filters.network.http_connection_manager must be the last filter in a "
      "network filter chain.\n");
}

}  // namespace
}  // namespace remora::config
