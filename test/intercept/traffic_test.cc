// Redirected connections through a whole server, with real rules in a network namespace of its own.

#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <functional>
#include <string>

#include "source/intercept/command.h"
#include "source/net/proxy_header.h"
#include "test/harness/harness.h"
#include "test/integration/parsed_listeners.h"
#include "test/intercept/namespace.h"

namespace remora::intercept {
namespace {

using harness::Client;
using harness::Harness;
using harness::ListenerFilter;
using harness::Parsed;
using harness::ScriptedUpstream;

// A service that clients reach by its address, and the client whose connections are redirected.
constexpr char kService[] = "10.9.9.9";
constexpr char kClient[] = "10.8.8.8";

void Shell(const std::string& script) {
  const auto result = RunCommand({"/bin/sh", "-ec", "PATH=$PATH:/usr/sbin:/sbin; " + script}, "");
  if (!result.ok() || result->status != 0) {
    throw std::runtime_error(script + ": " + (result.ok() ? result->error : ""));
  }
}

// Runs the function in a namespace with both addresses, where `probe` can be done.
void Expect(const std::string& probe, const std::function<std::string()>& function,
            const std::string& expected) {
  const bool programs = !FindProgram("iptables").empty() && !FindProgram("ip").empty();
  const auto run = [&] {
    try {
      Shell(probe);
      Shell(std::string("ip address add ") + kService + "/32 dev lo; ip address add " + kClient +
            "/32 dev lo");
    } catch (const std::runtime_error&) {
      return std::string("no rules");
    }
    return function();
  };
  const std::optional<std::string> text = programs ? InNamespace(run) : std::nullopt;
  if (!text.has_value() || *text == "no rules") {
    WARN("skipped: network namespaces or iptables cannot be used here");
    return;
  }
  CHECK(*text == expected);
}

constexpr char kRedirectProbe[] =
    "iptables -t nat -A OUTPUT -p tcp -j REDIRECT --to-ports 1; "
    "iptables -t nat -F OUTPUT";

// Connections of the client to the service's port 80 come to that port of ours instead.
void Redirect(const net::Address& to) {
  Shell(std::string("iptables -t nat -A OUTPUT -p tcp -s ") + kClient + " -d " + kService +
        " --dport 80 -j REDIRECT --to-ports " + std::to_string(to.port()));
}

net::Address Service(uint16_t port) { return *net::Address::Ip(kService, port); }

std::string Get(Client client) {
  const harness::Message answer = client.Get("/");
  return std::to_string(answer.status) + " " + answer.body + "\n";
}

// Everything that comes of a connection to the service.
std::string Ask() { return harness::Connect(Service(80), kClient).ReceiveAll() + "\n"; }

TEST_CASE("redirected: ORIGINAL_DST clusters take requests and bytes to where they were going") {
  Expect(
      kRedirectProbe,
      [] {
        ScriptedUpstream service(Service(80));
        service.Respond(200, "the service");
        Harness h;
        h.Cluster("there").original_destination.emplace();
        h.Route("/", "there");
        h.TcpProxy("tcp", "there");
        for (const char* listener : {"main", "tcp"}) {
          h.Listener(listener).listener_filters =
              Parsed(ListenerFilter("original_dst", "OriginalDst"));
        }
        h.Start();
        Redirect(h.Address());
        std::string text = Get(Client(harness::Connect(Service(80), kClient)));
        Shell("iptables -t nat -F OUTPUT");
        Redirect(h.Address("tcp"));
        text += Get(Client(harness::Connect(Service(80), kClient)));
        text += std::to_string(h.Stat("cluster.there.membership_total")) + " " +
                std::to_string(h.Stat("cluster.there.upstream_cx_total")) + "\n";
        // Who was not redirected goes nowhere: it would come back here for ever.
        return text + Get(h.Connect());
      },
      "200 the service\n200 the service\n1 2\n503 no healthy upstream\n");
}

TEST_CASE("redirected: use_original_dst hands connections to listeners that do not bind") {
  Expect(
      kRedirectProbe,
      [] {
        const auto listeners = harness::ListenersOf(
            "static_resources: {listeners: ["
            "{name: main, use_original_dst: true, address: {socket_address: {address: 127.0.0.1, "
            "port_value: 0}}, default_filter_chain: {filters: [" +
            harness::Says("nobody's") +
            "]}}, {name: service, bind_to_port: false, address: {socket_address: {address: " +
            kService + ", port_value: 80}}, default_filter_chain: {filters: [" +
            harness::Says("the service's") +
            "]}}, {name: any, bind_to_port: false, address: {socket_address: {address: 0.0.0.0, "
            "port_value: 81}}, default_filter_chain: {filters: [" +
            harness::Says("port 81's") + "]}}]}");
        Harness h;
        for (const auto& listener : listeners) h.Listener(listener->name) = *listener;
        h.DirectResponse("/", 200, "");
        h.Start();
        Redirect(h.Address());
        const std::string service = Ask();
        Shell(std::string("iptables -t nat -A OUTPUT -p tcp -s ") + kClient +
              " --dport 81:82 -j REDIRECT --to-ports " + std::to_string(h.Address().port()));
        return service + harness::Connect(Service(81), kClient).ReceiveAll() + "\n" +
               harness::Connect(Service(82), kClient).ReceiveAll() + "\n" +
               h.Connect().ReceiveAll() + "\n";
      },
      "the service's\nport 81's\nnobody's\nnobody's\n");
}

std::string PeerOf(const harness::Wire& wire) {
  sockaddr_storage storage;
  socklen_t length = sizeof(storage);
  if (getpeername(wire.fd(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) return "nobody";
  return net::Address::FromSocket(storage, length).ToString();
}

TEST_CASE("original_src: upstream connections come from the client's address, marked") {
  Expect(
      "iptables -t nat -A OUTPUT -m mark --mark 1 -p tcp -j REDIRECT --to-ports 1; "
      "iptables -t nat -F OUTPUT; ip route add local 192.0.2.0/24 dev lo",
      [] {
        Harness h;
        // Marked connections to the endpoint's port, on which nobody listens, come to the service.
        ScriptedUpstream service(Service(80));
        upstream::HostConfig host;
        host.address = Service(81);
        h.Cluster("up").hosts.push_back(host);
        h.TcpProxy("tcp", "up");
        h.TcpProxy("port", "up");
        const auto filters = [](const std::string& port) {
          return Parsed(ListenerFilter("proxy_protocol", "ProxyProtocol") + ", " +
                        ListenerFilter("original_src", "OriginalSrc", ", mark: 123" + port));
        };
        h.Listener("tcp").listener_filters = filters("");
        h.Listener("port").listener_filters = filters(", bind_port: true");
        h.Start();
        Shell(
            "iptables -t nat -A OUTPUT -m mark --mark 123 -p tcp --dport 81 -j DNAT "
            "--to-destination 10.9.9.9:80");
        const std::string header =
            net::WriteProxyHeaderV1(*net::Address::Ip("192.0.2.77", 7777), Service(80));
        Client client = h.Connect("tcp");
        client.Send(header);
        std::string text = PeerOf(service.Accept());
        text = text.substr(0, text.find(':')) + "\n";
        Client with_port = h.Connect("port");
        with_port.Send(header);
        return text + PeerOf(service.Accept()) + "\n";
      },
      "192.0.2.77\n192.0.2.77:7777\n");
}

TEST_CASE("original_src: requests of one client do not travel with another's") {
  Expect(
      kRedirectProbe,
      [] {
        Harness h;
        ScriptedUpstream up = h.Upstream("up").Respond(200, "hi");
        h.Route("/", "up");
        h.Listener().listener_filters = Parsed(ListenerFilter("original_src", "OriginalSrc"));
        h.Start();
        Client first = h.Connect("main", kClient);
        Client second = h.Connect("main", "127.0.0.1");
        std::string text;
        for (int i = 0; i < 2; ++i) {
          text += first.Get("/").body + second.Get("/").body + "\n";
        }
        return text + std::to_string(h.Stat("cluster.up.upstream_cx_total")) + "\n";
      },
      "hihi\nhihi\n2\n");
}

TEST_CASE("transparent: the address that TPROXY leaves is where the connection goes") {
  Expect(
      "ip rule add fwmark 1 lookup 100; ip route add local 0.0.0.0/0 dev lo table 100; "
      "iptables -t mangle -A PREROUTING -p tcp -d 203.0.113.5 --dport 80 -j TPROXY --on-port 1 "
      "--on-ip 127.0.0.1 --tproxy-mark 1; iptables -t mangle -F PREROUTING",
      [] {
        Harness h;
        h.Listener().options.transparent = true;
        h.Listener().listener_filters = Parsed(ListenerFilter("original_dst", "OriginalDst"));
        upstream::ClusterConfig& cluster = h.Cluster("there");
        cluster.original_destination.emplace();
        ScriptedUpstream service(Service(8080));
        service.Respond(200, "the service");
        h.Route("/", "there");
        h.Start();
        const std::string port = std::to_string(h.Address().port());
        // By the client's address only, or what the proxy sends would come back.
        Shell(std::string("iptables -t mangle -A OUTPUT -p tcp -s ") + kClient +
              " -d 203.0.113.5 --dport 80 -j MARK --set-mark 1; "
              "iptables -t mangle -A PREROUTING -p tcp -d 203.0.113.5 --dport 80 -j TPROXY "
              "--on-port " +
              port + " --on-ip 127.0.0.1 --tproxy-mark 1");
        // And there it goes: to the service, for the test's sake.
        Shell("iptables -t nat -A OUTPUT -p tcp ! -s " + std::string(kClient) +
              " -d 203.0.113.5 --dport 80 -j DNAT --to-destination 10.9.9.9:8080; "
              "ip route add 203.0.113.5/32 dev lo");
        const std::string answer =
            Get(Client(harness::Connect(*net::Address::Ip("203.0.113.5", 80), kClient)));
        const std::string hosts = h.Admin("/clusters").body;
        const bool listed = hosts.find("there::203.0.113.5:80::") != std::string::npos;
        return answer + (listed ? "listed\n" : hosts);
      },
      "200 the service\nlisted\n");
}

TEST_CASE("freebind: a listener has an address that is not there yet") {
  Expect(
      kRedirectProbe,
      [] {
        Harness h;
        h.Listener().address = *net::Address::Ip("203.0.113.9", 8080);
        h.Listener().options.freebind = true;
        h.DirectResponse("/", 200, "here");
        h.Start();
        Shell("ip address add 203.0.113.9/32 dev lo");
        return Get(h.Connect());
      },
      "200 here\n");
}

}  // namespace
}  // namespace remora::intercept
