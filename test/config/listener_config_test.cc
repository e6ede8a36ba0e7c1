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

// One listener whose filter chains are the lines of `chains`, each "{filter_chain_match: ...}".
std::string Chains(const std::vector<std::string>& matches, const std::string& more = "") {
  std::string text =
      "static_resources:\n"
      "  listeners:\n"
      "  - name: l0\n"
      "    address: {socket_address: {address: 127.0.0.1, port_value: 8080}}\n"
      "    filter_chains:\n";
  for (size_t i = 0; i < matches.size(); ++i) {
    text += "    - name: c" + std::to_string(i) + "\n";
    if (!matches[i].empty()) text += "      filter_chain_match: " + matches[i] + "\n";
    text +=
        "      filters:\n"
        "      - name: hcm\n"
        "        typed_config:\n"
        "          \"@type\": type.googleapis.com/envoy.extensions.filters.network."
        "http_connection_manager.v3.HttpConnectionManager\n"
        "          stat_prefix: s\n"
        "          route_config: {}\n"
        "          http_filters: [{{router}}]\n";
  }
  return text + more;
}

std::string ChainFaults(const std::vector<std::string>& matches) {
  std::string text;
  const LoadedBootstrap loaded = Load(Chains(matches));
  for (const ConfigError& error : loaded.errors.errors()) {
    text += error.path.substr(std::string("static_resources.listeners[0].").size()) + ": " +
            error.message + "\n";
  }
  return text;
}

TEST_CASE("filter chains need something to tell them apart") {
  const std::string where = "error adding listener '127.0.0.1:8080': ";
  CHECK(ChainFaults({"", "{server_names: [a.b]}", "{destination_port: 8080}"}) == "");
  CHECK(ChainFaults({"", ""}) == "filter_chains[1]: " + where +
                                     "filter chain 'c1' has the same matching rules defined as "
                                     "'c0'\n");
  CHECK(ChainFaults({"{server_names: [a, b]}", "{server_names: [c]}", "{server_names: [b, d]}"}) ==
        "filter_chains[2]: " + where +
            "multiple filter chains with overlapping matching rules are defined\n");
  CHECK(Printed("static_resources: {listeners: [{name: x, address: {pipe: {path: /a}}}]}") ==
        "1: static_resources.listeners[0].filter_chains: error adding listener '/a': no filter "
        "chains specified\n");
}

TEST_CASE("a filter chain's conditions") {
  const LoadedBootstrap loaded =
      Load(Chains({"{destination_port: 443, prefix_ranges: "
                   "[{address_prefix: 10.0.0.0, prefix_len: 8}], "
                   "server_names: [A.b, \"*.c.D\"], "
                   "transport_protocol: tls, "
                   "application_protocols: [h2], "
                   "direct_source_prefix_ranges: [{address_prefix: "
                   "'::', prefix_len: 0}], source_type: EXTERNAL, "
                   "source_prefix_ranges: [{address_prefix: 1.2.3.4, "
                   "prefix_len: 32}], source_ports: [1, 2]}"}));
  INFO(loaded.errors.ToString());
  REQUIRE(loaded.config.has_value());
  const net::FilterChainMatch& match = loaded.config->listeners.at(0)->filter_chains.at(0)->match;
  CHECK(match.destination_port == 443);
  CHECK(match.prefix_ranges.at(0).prefix_length() == 8);
  CHECK(match.server_names == std::vector<std::string>{"a.b", ".c.d"});
  CHECK(match.transport_protocol == "tls");
  CHECK(match.application_protocols == std::vector<std::string>{"h2"});
  CHECK(match.direct_source_prefix_ranges.at(0).address().kind() == net::Address::Kind::kIpv6);
  CHECK(match.source_type == net::FilterChainMatch::SourceType::kExternal);
  CHECK(match.source_prefix_ranges.at(0).address().IpString() == "1.2.3.4");
  CHECK(match.source_ports == std::vector<uint16_t>{1, 2});
}

TEST_CASE("a filter chain's conditions have to make sense") {
  const std::string names = "filter_chains[0].filter_chain_match.server_names";
  const std::string partial =
      ": error adding listener '127.0.0.1:8080': partial wildcards are not supported in "
      "\"server_names\"\n";
  CHECK(ChainFaults({"{server_names: [\"*\"]}"}) == names + "[0]" + partial);
  CHECK(ChainFaults({"{server_names: [a, \"*a.b\"]}"}) == names + "[1]" + partial);
  CHECK(ChainFaults({"{server_names: [\"*.*.b\"]}"}) == names + "[0]" + partial);
  CHECK(ChainFaults({"{server_names: [\"a.*\"]}"}) == names + "[0]" + partial);
  CHECK(ChainFaults({"{prefix_ranges: [{address_prefix: nowhere, prefix_len: 8}]}"}) ==
        "filter_chains[0].filter_chain_match.prefix_ranges[0].address_prefix: malformed IP "
        "address: nowhere\n");
  CHECK(ChainFaults({"{destination_port: 0}"}) != "");
  CHECK(ChainFaults({"{source_ports: [65536]}"}) != "");
}

TEST_CASE("a listener filter is found by its type") {
  Parts parts;
  parts.listener =
      "listener_filters: [{name: x, typed_config: {\"@type\": {{Duration}}, value: 1s}}]";
  CHECK(Faults(parts) ==
        "static_resources.listeners[0].listener_filters[0].typed_config: Didn't find a registered "
        "implementation for 'x' with type URL: 'google.protobuf.Duration'\n");
}

TEST_CASE("what a listener does besides") {
  Parts parts;
  parts.listener =
      "bind_to_port: false\n"
      "continue_on_listener_filters_timeout: true\n"
      "listener_filters_timeout: 0s\n"
      "ignore_global_conn_limit: true\n"
      "connection_balance_config: {exact_balance: {}}\n"
      "tcp_fast_open_queue_length: 7\n"
      "additional_addresses: [{address: {pipe: {path: /also}}}]";
  const LoadedBootstrap loaded = Load(Bootstrap(parts));
  REQUIRE(loaded.config.has_value());
  const ListenerConfig& listener = *loaded.config->listeners.at(0);
  CHECK_FALSE(listener.hands_over);
  CHECK_FALSE(listener.binds);
  CHECK(listener.continues_on_timeout);
  CHECK(listener.listener_filters_timeout == 0);
  CHECK(listener.ignores_global_limit);
  CHECK(listener.balances);
  CHECK(listener.options.fast_open_queue == 7);
  CHECK(listener.additional_addresses.at(0).ToString() == "/also");
  parts.listener = "use_original_dst: true";
  CHECK(Faults(parts) ==
        "static_resources.listeners[0].use_original_dst[0].typed_config: Didn't find a registered "
        "implementation for 'envoy.filters.listener.original_dst' with type URL: "
        "'envoy.extensions.filters.listener.original_dst.v3.OriginalDst'\n");
  parts.listener = "deprecated_v1: {bind_to_port: false}";
  CHECK_FALSE(Load(Bootstrap(parts)).config->listeners.at(0)->binds);
  CHECK(Load(Bootstrap({})).config->listeners.at(0)->listener_filters_timeout ==
        15 * event::kSecond);
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
