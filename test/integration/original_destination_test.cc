// What upstream connections take over of the downstream one: where it wanted to go (ORIGINAL_DST),
// who the client is (PROXY header), and that nobody else may use them; on real sockets.

#include <catch2/catch.hpp>

#include "source/net/proxy_header.h"
#include "source/net/proxy_transport.h"
#include "test/harness/harness.h"
#include "test/integration/parsed_listeners.h"

namespace remora::harness {
namespace {

const net::Address kClient = *net::Address::Ip("192.0.2.7", 4000);

// A PROXY header that says where the connection wants to go.
std::string To(const net::Address& address) { return net::WriteProxyHeaderV1(kClient, address); }

const char kMetadataRule[] =
    ", rules: [{tlv_type: 226, on_tlv_present: {metadata_namespace: there, key: at}}], "
    "pass_through_tlvs: {match_type: INCLUDE, tlv_type: [225]}";

// HTTP on "main" and bytes on "tcp", to the ORIGINAL_DST cluster "there", behind PROXY headers.
struct World {
  World() {
    cluster.original_destination.emplace();
    h.Route("/", "there");
    h.TcpProxy("tcp", "there");
    for (const char* listener : {"main", "tcp"}) {
      h.Listener(listener).listener_filters =
          Parsed(ListenerFilter("proxy_protocol", "ProxyProtocol", kMetadataRule));
    }
    a.Respond(200, "a");
    b.Respond(200, "b");
  }
  std::string Get(const std::string& header, const std::vector<Field>& fields = {}) {
    Client client = h.Connect();
    client.Send(header);
    const Message answer = client.Get("/", fields);
    return std::to_string(answer.status) + " " + answer.body;
  }

  Harness h;
  upstream::ClusterConfig& cluster = h.Cluster("there");
  ScriptedUpstream a;
  ScriptedUpstream b;
};

TEST_CASE("ORIGINAL_DST: requests go where their connections wanted to") {
  World w;
  w.h.Start();
  CHECK(w.Get(To(w.a.address())) == "200 a");
  CHECK(w.Get(To(w.b.address())) == "200 b");
  CHECK(w.Get(To(w.a.address())) == "200 a");
  // The second one found the connection of the first.
  CHECK(w.h.Stat("cluster.there.upstream_cx_total") == 2);
  CHECK(w.h.Stat("cluster.there.membership_total") == 2);
  const std::string hosts = w.h.Admin("/clusters").body;
  const std::string address = w.a.address().ToString();
  CHECK(hosts.find("there::" + address + "::rq_total::2\n") != std::string::npos);
  CHECK(hosts.find("there::" + address + "::hostname::there" + address + "\n") !=
        std::string::npos);
}

TEST_CASE("ORIGINAL_DST: bytes go where their connection wanted to, half-closed at the end") {
  World w;
  ScriptedUpstream host;
  w.h.Start();
  Client client = w.h.Connect("tcp");
  client.Send(To(host.address()) + "question");
  Wire wire = host.Accept();
  CHECK(wire.ReceiveExactly(8) == "question");
  wire.Send("answer");
  CHECK(client.ReceiveExactly(6) == "answer");
  client.HalfClose();
  CHECK(wire.AwaitEnd() == WireEnd::kFin);
}

TEST_CASE("ORIGINAL_DST: who was not redirected goes nowhere") {
  World w;
  w.h.Listener().listener_filters.clear();
  w.h.Listener("tcp").listener_filters.clear();
  w.h.Start();
  CHECK(w.Get("") == "503 no healthy upstream");
  Client client = w.h.Connect("tcp");
  CHECK(client.ReceiveAll() == "");
  CHECK(w.h.Stat("cluster.there.upstream_cx_none_healthy") == 2);
  CHECK(w.h.Stat("cluster.there.upstream_cx_total") == 0);
}

TEST_CASE("ORIGINAL_DST: a header goes before the connection, if it is an address") {
  World w;
  w.cluster.original_destination->header = "x-to";
  w.h.Start();
  const std::string b = w.b.address().ToString();
  CHECK(w.Get(To(w.a.address()), {{"x-to", b}}) == "200 b");
  CHECK(w.Get(To(w.a.address()), {{"x-to", b}, {"x-to", "x"}}) == "200 b");
  for (const char* bad : {"", "127.0.0.1", "localhost:80", "127.0.0.1:99999", "127.0.0.1:+80"}) {
    CHECK(w.Get(To(w.a.address()), {{"x-to", bad}}) == "200 a");
  }
  CHECK(w.h.Stat("cluster.there.original_dst_host_invalid") == 5);
}

TEST_CASE("ORIGINAL_DST: metadata of a TLV goes before header and connection") {
  World w;
  w.cluster.original_destination->header = "x-to";
  w.cluster.original_destination->metadata = {"there", "at"};
  w.h.Start();
  const auto with_tlv = [&w](const std::string& text) {
    return net::WriteProxyHeaderV2(kClient, w.a.address(), {{226, text}});
  };
  const std::string a = w.a.address().ToString();
  const std::string b = w.b.address().ToString();
  CHECK(w.Get(with_tlv(b), {{"x-to", a}}) == "200 b");
  CHECK(w.Get(with_tlv("b"), {{"x-to", b}}) == "200 b");
  CHECK(w.Get(To(w.a.address())) == "200 a");
  CHECK(w.h.Stat("cluster.there.original_dst_host_invalid") == 1);
  ScriptedUpstream host;
  Client client = w.h.Connect("tcp");
  client.Send(with_tlv(host.address().ToString()) + "x");
  CHECK(host.Accept().ReceiveExactly(1) == "x");
}

TEST_CASE("ORIGINAL_DST: the cluster's own port takes the place of the other") {
  World w;
  w.cluster.original_destination->port = w.b.address().port();
  w.h.Start();
  CHECK(w.Get(To(w.a.address())) == "200 b");
  CHECK(w.h.Stat("cluster.there.membership_total") == 1);
}

TEST_CASE("ORIGINAL_DST: a refused connection is a failed one") {
  World w;
  ScriptedUpstream gone;
  gone.Unlisten();
  w.h.Start();
  CHECK(w.Get(To(gone.address())).starts_with("503 upstream connect error"));
  CHECK(w.h.Stat("cluster.there.upstream_cx_connect_fail") == 1);
}

TEST_CASE("ORIGINAL_DST: a host goes when it has no connection and nobody has asked for it") {
  World w;
  w.cluster.original_destination->cleanup_interval = Ms(20);
  w.a.RespondWith(MakeResponse(200, "bye", {{"connection", "close"}}), true);
  w.h.Start();
  // Kept by the connection that its answer leaves open.
  CHECK(w.Get(To(w.b.address())) == "200 b");
  CHECK(w.Get(To(w.a.address())) == "200 bye");
  w.h.AwaitStat("cluster.there.membership_total", 1);
  CHECK(w.h.Admin("/clusters").body.find(w.a.address().ToString()) == std::string::npos);
  CHECK(w.h.Admin("/clusters").body.find(w.b.address().ToString()) != std::string::npos);
  // And comes back.
  CHECK(w.Get(To(w.a.address())) == "200 bye");
  CHECK(w.h.Stat("cluster.there.membership_change") >= 4);
}

TEST_CASE("ORIGINAL_DST: a host is one for all workers, and goes with the last one") {
  World w;
  w.h.Workers(3);
  w.cluster.original_destination->cleanup_interval = Ms(20);
  w.a.RespondWith(MakeResponse(200, "bye", {{"connection", "close"}}), true);
  w.h.Start();
  for (int i = 0; i < 20; ++i) CHECK(w.Get(To(w.a.address())) == "200 bye");
  CHECK(w.h.Stat("cluster.there.upstream_rq_total") == 20);
  w.h.AwaitStat("cluster.there.membership_total", 0);
  CHECK(w.h.Stat("cluster.there.membership_healthy") == 0);
}

// --- PROXY headers towards upstreams ---

// The cluster's connections begin with a PROXY header.
void ShowClient(upstream::ClusterConfig& cluster, net::ProxyHeaderSettings settings = {}) {
  cluster.transport =
      std::make_shared<const net::ProxyTransportFactory>(std::move(settings), nullptr);
}

TEST_CASE("PROXY header: a host hears of the client before it says anything") {
  Harness h;
  ScriptedUpstream up = h.Upstream("up");
  ShowClient(h.Cluster("up"));
  h.TcpProxy("tcp", "up");
  h.Start();
  Client client = h.Connect("tcp");
  Wire host = up.Accept();
  const std::string expected =
      net::WriteProxyHeaderV1(net::LocalAddress(client.fd()), h.Address("tcp"));
  CHECK(host.ReceiveExactly(expected.size()) == expected);
  client.Send("x");
  CHECK(host.ReceiveExactly(1) == "x");
}

TEST_CASE("PROXY header: clients of HTTP do not share connections, which end with theirs") {
  Harness h;
  ScriptedUpstream up = h.Upstream("up");
  ShowClient(h.Cluster("up"));
  h.Route("/", "up");
  h.Start();
  // One request; a connection that begins with it begins with its header.
  const auto begin = [&](Client& client) {
    client.Send(MakeRequest("GET", "/"));
    Wire host = up.Accept();
    const std::string header = net::WriteProxyHeaderV1(net::LocalAddress(client.fd()), h.Address());
    CHECK(host.ReceiveExactly(header.size()) == header);
    return host;
  };
  const auto finish = [](Client& client, Wire& host) {
    CHECK(host.ReceiveRequest().target == "/");
    host.Send(MakeResponse(200, "hi"));
    CHECK(client.ReceiveResponse().body == "hi");
  };
  Client first = h.Connect();
  Client second = h.Connect();
  Wire of_first = begin(first);
  finish(first, of_first);
  first.Send(MakeRequest("GET", "/"));
  finish(first, of_first);
  Wire of_second = begin(second);
  finish(second, of_second);
  first.Close();
  CHECK(of_first.AwaitEnd() == WireEnd::kFin);
  second.Send(MakeRequest("GET", "/"));
  finish(second, of_second);
  CHECK(h.Stat("cluster.up.upstream_cx_total") == 2);
  second.Close();
  h.AwaitStat("cluster.up.upstream_cx_active", 0);
}

TEST_CASE("PROXY header: version 2 passes TLVs on and adds its own in front") {
  World w;
  ScriptedUpstream host;
  net::ProxyHeaderSettings settings;
  settings.version = 2;
  settings.passed.set();
  settings.added = {{224, "own"}};
  ShowClient(w.cluster, settings);
  w.h.Start();
  Client client = w.h.Connect("tcp");
  // The filter passes 225 on; 226 becomes metadata.
  client.Send(net::WriteProxyHeaderV2(kClient, host.address(), {{225, "passed"}, {226, "kept"}}) +
              "x");
  const std::string expected =
      net::WriteProxyHeaderV2(kClient, host.address(), {{224, "own"}, {225, "passed"}}) + "x";
  CHECK(host.Accept().ReceiveExactly(expected.size()) == expected);
  CHECK(w.h.Stat("cluster.there.upstream.proxyprotocol.v2_tlvs_exceed_max_length") == 0);
}

TEST_CASE("connection_pool_per_downstream_connection: connections are not shared") {
  Harness h;
  ScriptedUpstream up = h.Upstream("up").Respond(200, "hi");
  h.Cluster("up").pool_per_connection = true;
  h.Route("/", "up");
  h.Start();
  Client first = h.Connect();
  Client second = h.Connect();
  for (int i = 0; i < 3; ++i) {
    CHECK(first.Get("/").body == "hi");
    CHECK(second.Get("/").body == "hi");
  }
  CHECK(h.Stat("cluster.up.upstream_cx_total") == 2);
  first.Close();
  h.AwaitStat("cluster.up.upstream_cx_active", 1);
  CHECK(second.Get("/").body == "hi");
}

TEST_CASE("upstream_bind_config: connections come from its address") {
  Harness h;
  ScriptedUpstream up = h.Upstream("up");
  net::Source source;
  source.address = *net::Address::Ip("127.0.0.77", 0);
  h.Cluster("up").source = std::make_shared<const net::Source>(source);
  h.TcpProxy("tcp", "up");
  h.Start();
  Client client = h.Connect("tcp");
  Wire host = up.Accept();
  sockaddr_storage storage;
  socklen_t length = sizeof(storage);
  REQUIRE(getpeername(host.fd(), reinterpret_cast<sockaddr*>(&storage), &length) == 0);
  CHECK(net::Address::FromSocket(storage, length).IpString() == "127.0.0.77");
}

TEST_CASE("upstream_bind_config: an address that is not ours fails the connection") {
  Harness h;
  h.Upstream("up").Respond(200, "hi");
  net::Source source;
  source.address = *net::Address::Ip("192.0.2.1", 0);
  h.Cluster("up").source = std::make_shared<const net::Source>(source);
  h.Route("/", "up");
  h.Start();
  CHECK(h.Connect().Get("/").status == 503);
  CHECK(h.Stat("cluster.up.upstream_cx_connect_fail") == 1);
}

}  // namespace
}  // namespace remora::harness
