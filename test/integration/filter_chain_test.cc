// What happens to a connection before it has a session: listener filters, the choice of a filter
// chain, limits and guards; on real sockets.

#include <algorithm>
#include <catch2/catch.hpp>

#include "source/net/proxy_header.h"
#include "source/server/server.h"
#include "test/harness/harness.h"
#include "test/integration/parsed_listeners.h"
#include "test/net/client_hello_sample.h"

namespace remora::harness {
namespace {

std::string Guard(const std::string& name, const std::string& message, const std::string& fields) {
  return Typed(name, "filters.network." + name + ".v3." + message, fields);
}
const char kEcho[] =
    "{name: echo, typed_config: {\"@type\": "
    "type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}";

// A chain: its match (a flow map) and its filters.
std::string Chain(const std::string& match, const std::string& filters) {
  return "{filter_chain_match: " + match + ", filters: [" + filters + "]}";
}

// A listener with those fields, in a harness that has started.
struct Served {
  explicit Served(const std::string& fields, size_t workers = 1) { Start({fields}, workers); }
  Served(const std::vector<std::string>& listeners, size_t workers) { Start(listeners, workers); }

  void Start(const std::vector<std::string>& listeners, size_t workers) {
    std::string yaml = "static_resources:\n  listeners:\n";
    for (size_t i = 0; i < listeners.size(); ++i) {
      const std::string name = i == 0 ? "main" : "l" + std::to_string(i);
      yaml += "  - {name: " + name + ", stat_prefix: " + name +
              ", address: {socket_address: {address: 127.0.0.1, port_value: 0}}, " + listeners[i] +
              "}\n";
    }
    for (const auto& listener : ListenersOf(yaml)) h.Listener(listener->name) = *listener;
    h.Workers(workers);
    h.DirectResponse("/", 200, "never");
    h.Start();
  }

  // Everything that comes of a connection that sends `bytes`.
  std::string Ask(const std::string& bytes, const std::string& listener = "main") {
    Client client = h.Connect(listener);
    client.SendUnlessClosed(bytes);
    return client.ReceiveAll();
  }

  Harness h;
};

TEST_CASE("chains: by SNI and ALPN of a ClientHello, read in pieces") {
  Served served(
      "listener_filters: [" + ListenerFilter("tls_inspector", "TlsInspector") +
      "], filter_chains: [" + Chain("{server_names: [a.example]}", Says("a")) + ", " +
      Chain("{server_names: [\"*.example\"], application_protocols: [h2]}", Says("wild h2")) +
      ", " + Chain("{transport_protocol: tls}", Says("tls")) + ", " +
      Chain("{transport_protocol: raw_buffer}", Says("plain")) + "]");
  using namespace remora::net;
  CHECK(served.Ask(Hello(ServerName("A.example"))) == "a");
  CHECK(served.Ask(Hello(ServerName("b.example") + Protocols({"h2"}))) == "wild h2");
  CHECK(served.Ask(Hello(ServerName("other"))) == "tls");
  CHECK(served.Ask("GET / HTTP/1.1\r\n") == "plain");
  Client slow = served.h.Connect();
  for (const char c : Hello(ServerName("a.example"))) slow.Send(std::string(1, c));
  CHECK(slow.ReceiveAll() == "a");
  // A name that has chains, but none of them for this protocol.
  CHECK(served.Ask(Hello(ServerName("b.example"))) == "");
  CHECK(served.h.Stat("listener.main.no_filter_chain_match") == 1);
  CHECK(served.h.Stat("tls_inspector.tls_found") == 5);
  CHECK(served.h.Stat("tls_inspector.sni_found") == 5);
  CHECK(served.h.Stat("tls_inspector.alpn_found") == 1);
  CHECK(served.h.Stat("tls_inspector.tls_not_found") == 1);
  CHECK(served.h.Stat("listener.main.downstream_pre_cx_active") == 0);
}

TEST_CASE("chains: a ClientHello without end is cut off, and the listener goes on") {
  Served served("listener_filters: [" + ListenerFilter("tls_inspector", "TlsInspector") +
                "], default_filter_chain: {filters: [" + Says("plain") + "]}");
  const std::string padded =
      net::HandshakeMessage(net::HelloBody(net::Extension(21, std::string(12000, '\0'))));
  CHECK(served.Ask(net::Records(padded, 5)) == "");
  CHECK(served.h.Stat("tls_inspector.client_hello_too_large") == 1);
  CHECK(served.Ask("x") == "plain");
}

TEST_CASE("chains: HTTP in the clear by its first line") {
  Served served("listener_filters: [" + ListenerFilter("http_inspector", "HttpInspector") +
                "], filter_chains: [" +
                Chain("{application_protocols: [http/1.0, http/1.1]}", Says("http")) + ", " +
                Chain("{application_protocols: [h2c]}", Says("h2c")) + ", " +
                Chain("{}", Says("?")) + "]");
  CHECK(served.Ask("GET / HTTP/1.1\r\n") == "http");
  CHECK(served.Ask("GET / HTTP/1.0\r\n") == "http");
  CHECK(served.Ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == "h2c");
  CHECK(served.Ask("SSH-2.0-x\r\n") == "?");
  CHECK(served.h.Stat("http_inspector.http11_found") == 1);
  CHECK(served.h.Stat("http_inspector.http_not_found") == 1);
}

TEST_CASE("PROXY protocol: chains see the client, the bytes behind the header are the session's") {
  Served served(
      "listener_filters: [" + ListenerFilter("proxy_protocol", "ProxyProtocol") +
      "], filter_chains: [" +
      Chain("{source_prefix_ranges: [{address_prefix: 192.0.2.0, prefix_len: 24}]}", kEcho) + ", " +
      Chain("{destination_port: 443}", Says("443")) + "]");
  const net::Address client = *net::Address::Ip("192.0.2.1", 1);
  const net::Address other = *net::Address::Ip("203.0.113.1", 1);
  const net::Address wanted = *net::Address::Ip("10.0.0.9", 80);
  const net::Address tls = *net::Address::Ip("10.0.0.9", 443);
  Client echo = served.h.Connect();
  echo.Send(net::WriteProxyHeaderV1(client, wanted) + "hello");
  CHECK(echo.ReceiveExactly(5) == "hello");
  CHECK(served.Ask(net::WriteProxyHeaderV2(other, tls, {})) == "443");
  CHECK(served.Ask(net::WriteProxyHeaderV2(other, wanted, {})) == "");
  CHECK(served.Ask("no header") == "");
  CHECK(served.Ask("PROXY TCP4 1 2 3 4\r\n") == "");
  const std::string large =
      net::WriteProxyHeaderV2(client, wanted, {{1, std::string(60000, 'x')}, {2, "y"}});
  Client slow = served.h.Connect();
  slow.Send(large.substr(0, 30000));
  slow.Send(large.substr(30000) + "behind");
  CHECK(slow.ReceiveExactly(6) == "behind");
  CHECK(served.h.Stat("proxy_proto.versions.v1.found") == 1);
  CHECK(served.h.Stat("proxy_proto.versions.v1.error") == 1);
  CHECK(served.h.Stat("proxy_proto.versions.v2.found") == 3);
  CHECK(served.h.Stat("proxy_proto.not_found_disallowed") == 1);
  CHECK(served.h.Stat("downstream_cx_proxy_proto_error") == 2);
}

TEST_CASE("listener filters: who sends nothing is closed, or served with what is known") {
  Served strict("listener_filters_timeout: 0.05s, listener_filters: [" +
                ListenerFilter("tls_inspector", "TlsInspector") +
                "], default_filter_chain: {filters: [" + Says("late") + "]}");
  CHECK(strict.h.Connect().ReceiveAll() == "");
  CHECK(strict.h.Stat("listener.main.downstream_pre_cx_timeout") == 1);
  Served lenient(
      "listener_filters_timeout: 0.05s, continue_on_listener_filters_timeout: true, "
      "listener_filters: [" +
      ListenerFilter("tls_inspector", "TlsInspector") + "], default_filter_chain: {filters: [" +
      Says("late") + "]}");
  CHECK(lenient.h.Connect().ReceiveAll() == "late");
  CHECK(lenient.h.Stat("listener.main.downstream_pre_cx_timeout") == 1);
}

TEST_CASE("listener filters: a peer that goes is forgotten") {
  Served served("listener_filters: [" + ListenerFilter("tls_inspector", "TlsInspector") +
                "], default_filter_chain: {filters: [" + Says("x") + "]}");
  {
    Client client = served.h.Connect();
    client.Send("\x16\x03");
    served.h.AwaitStat("listener.main.downstream_pre_cx_active", 1);
    client.HalfClose();
    served.h.AwaitStat("listener.main.downstream_listener_filter_remote_close", 1);
  }
  CHECK(served.h.Stat("listener.main.downstream_pre_cx_active") == 0);
  CHECK(served.h.Stat("listener.main.downstream_cx_total") == 0);
}

TEST_CASE("guards: connections over a limit are closed, and what ends makes room") {
  Served served(
      "default_filter_chain: {filters: [" +
          Guard("connection_limit", "ConnectionLimit", ", stat_prefix: l, max_connections: 1") +
          ", " + kEcho + "]}",
      2);
  Client first = served.h.Connect();
  first.Send("a");
  CHECK(first.ReceiveExactly(1) == "a");
  CHECK(served.h.Connect().ReceiveAll() == "");
  CHECK(served.h.Stat("connection_limit.l.limited_connections") == 1);
  first.Close();
  served.h.AwaitStat("connection_limit.l.active_connections", 0);
  Client second = served.h.Connect();
  second.Send("b");
  CHECK(second.ReceiveExactly(1) == "b");
}

TEST_CASE("guards: a bucket of connections") {
  Served served("default_filter_chain: {filters: [" +
                Guard("local_ratelimit", "LocalRateLimit",
                      ", stat_prefix: r, token_bucket: {max_tokens: 2, fill_interval: 3600s}") +
                ", " + Says("in") + "]}");
  CHECK(served.Ask("") == "in");
  CHECK(served.Ask("") == "in");
  CHECK(served.Ask("") == "");
  CHECK(served.h.Stat("local_rate_limit.r.rate_limited") == 1);
}

TEST_CASE("guards: access rules are asked when bytes have come, and keep them from the session") {
  const auto rules = [](const std::string& principals) {
    return "{policies: {p: {permissions: [{any: true}], principals: [" + principals + "]}}}";
  };
  const std::string nobody = "{direct_remote_ip: {address_prefix: 192.0.2.0, prefix_len: 24}}";
  Served denied("default_filter_chain: {filters: [" +
                Guard("rbac", "RBAC",
                      ", stat_prefix: d, rules: " + rules(nobody) + ", shadow_rules: " +
                          rules("{any: true}") + ", shadow_rules_stat_prefix: s") +
                ", " + kEcho + "]}");
  CHECK(denied.Ask("hello") == "");
  CHECK(denied.h.Stat("d.rbac.denied") == 1);
  CHECK(denied.h.Stat("d.rbac.allowed") == 0);
  CHECK(denied.h.Stat("d.rbac.s.shadow_allowed") == 1);
  Served allowed("default_filter_chain: {filters: [" +
                 Guard("rbac", "RBAC", ", stat_prefix: a, rules: " + rules("{any: true}")) + ", " +
                 kEcho + "]}");
  Client client = allowed.h.Connect();
  client.Send("hello");
  CHECK(client.ReceiveExactly(5) == "hello");
  client.Send("again");
  CHECK(client.ReceiveExactly(5) == "again");
  CHECK(allowed.h.Stat("a.rbac.allowed") == 1);
}

TEST_CASE("hand-over: to the listener of the destination that was restored") {
  // Listeners that do not bind are found by their configured address.
  std::string yaml = "static_resources:\n  listeners:\n";
  const auto listener = [&yaml](const std::string& name, const std::string& address, uint16_t port,
                                const std::string& fields) {
    yaml += "  - {name: " + name + ", stat_prefix: " + name +
            ", address: {socket_address: {address: \"" + address +
            "\", port_value: " + std::to_string(port) + "}}, " + fields + "}\n";
  };
  listener("main", "127.0.0.1", 0,
           "use_original_dst: true, listener_filters: [" +
               ListenerFilter("proxy_protocol", "ProxyProtocol") +
               "], default_filter_chain: {filters: [" + Says("catch-all") + "]}");
  listener("exact", "10.0.0.9", 80,
           "bind_to_port: false, default_filter_chain: {filters: [" + Says("exact") + "]}");
  listener("port", "0.0.0.0", 443,
           "bind_to_port: false, listener_filters: [" +
               ListenerFilter("tls_inspector", "TlsInspector") + "], filter_chains: [" +
               Chain("{server_names: [a]}", Says("port with a")) + ", " +
               Chain("{}", Says("port")) + "]");
  Harness h;
  for (const auto& made : ListenersOf(yaml)) h.Listener(made->name) = *made;
  h.DirectResponse("/", 200, "never");
  h.Start();
  const auto ask = [&h](const std::string& ip, uint16_t port, const std::string& bytes) {
    Client client = h.Connect();
    client.Send(
        net::WriteProxyHeaderV1(*net::Address::Ip("192.0.2.1", 1), *net::Address::Ip(ip, port)) +
        bytes);
    return client.ReceiveAll();
  };
  CHECK(ask("10.0.0.9", 80, "") == "exact");
  CHECK(ask("10.0.0.8", 80, "") == "catch-all");
  CHECK(ask("10.0.0.8", 443, "x") == "port");
  CHECK(ask("10.0.0.8", 443, net::Hello(net::ServerName("a"))) == "port with a");
  CHECK(h.Stat("listener.exact.downstream_cx_total") == 1);
  CHECK(h.Stat("listener.port.downstream_cx_total") == 2);
  CHECK(h.Stat("listener.main.downstream_cx_total") == 1);
}

TEST_CASE("a listener has as many addresses as it is given") {
  Served served(
      "additional_addresses: [{address: {socket_address: {address: 127.0.0.1, port_value: 0}}}], "
      "default_filter_chain: {filters: [" +
      Says("here") + "]}");
  const std::string page = served.h.Admin("/listeners").body;
  CHECK(std::count(page.begin(), page.end(), ':') >= 3);
  CHECK(served.Ask("") == "here");
}

TEST_CASE("connections can be spread evenly over the workers") {
  Served served(
      "connection_balance_config: {exact_balance: {}}, default_filter_chain: {filters: [" +
          std::string(kEcho) + "]}",
      2);
  std::vector<Client> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(served.h.Connect());
    clients.back().Send("x");
    REQUIRE(clients.back().ReceiveExactly(1) == "x");
  }
  CHECK(served.h.Stat("listener.main.worker_0.downstream_cx_active") == 4);
  CHECK(served.h.Stat("listener.main.worker_1.downstream_cx_active") == 4);
}

}  // namespace
}  // namespace remora::harness
