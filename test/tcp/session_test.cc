// Session: a client and a host with the proxy between them.

#include "source/tcp/session.h"

#include <catch2/catch.hpp>

#include "test/tcp/tcp_world.h"

namespace remora::tcp {
namespace {

using event::kMillisecond;
using event::kSecond;
using fakes::Peer;

// --- bytes and ends ---

TEST_CASE("tcp: bytes go both ways") {
  TcpWorld world;
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  client.Send("hello");
  world.Turn();
  CHECK(host.Receive() == "hello");
  host.Send("yo");
  world.Turn();
  CHECK(client.Receive() == "yo");
  CHECK(world.Stat("tcp.t.downstream_cx_total") == 1);
  CHECK(world.Stat("tcp.t.downstream_cx_rx_bytes_total") == 5);
  CHECK(world.Stat("tcp.t.downstream_cx_tx_bytes_total") == 2);
  CHECK(world.Stat("cluster.up.upstream_cx_tx_bytes_total") == 5);
  CHECK(world.Stat("cluster.up.upstream_cx_rx_bytes_total") == 2);
  CHECK(world.Stat("cluster.up.upstream_cx_active") == 1);
  CHECK(world.Stat("cluster.up.upstream_rq_active") == 1);
}

TEST_CASE("tcp: the host may speak first, before the client has sent a byte") {
  TcpWorld world;
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  host.Send("220 ready");
  world.Turn();
  CHECK(client.Receive() == "220 ready");
}

TEST_CASE("tcp: a client that ends its direction still gets its answer") {
  TcpWorld world;
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  client.Send("question");
  client.FinishSending();
  world.Turn();
  CHECK(host.Receive() == "question");
  CHECK(host.ended());
  host.Send("answer");
  world.Turn();
  CHECK(client.Receive() == "answer");
  CHECK_FALSE(client.ended());
  host.Close();
  world.Turn();
  client.Receive();
  CHECK(client.ended());
  CHECK(world.ended == 1);
  CHECK(world.Stat("cluster.up.upstream_cx_destroy_remote_with_active_rq") == 1);
  CHECK(world.Stat("cluster.up.upstream_cx_active") == 0);
}

TEST_CASE("tcp: a host that ends its direction still gets what the client sends") {
  TcpWorld world;
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  host.Send("banner");
  host.FinishSending();
  world.Turn();
  CHECK(client.Receive() == "banner");
  CHECK(client.ended());
  client.Send("rest");
  world.Turn();
  CHECK(host.Receive() == "rest");
  CHECK_FALSE(host.ended());
  client.Close();
  world.Turn();
  host.Receive();
  CHECK(host.ended());
  CHECK(world.ended == 1);
  CHECK(world.Stat("cluster.up.upstream_cx_destroy_local_with_active_rq") == 1);
}

TEST_CASE("tcp: a client that has sent and ended before the host is connected loses nothing") {
  TcpWorld world;
  auto [ours, theirs] = fakes::TcpPair();
  Peer client(std::move(theirs));
  client.Send("all there is");
  client.FinishSending();
  net::Accepted accepted;
  accepted.socket = std::move(ours);
  accepted.transport = std::make_unique<net::Plaintext>();
  world.session = std::make_unique<Session>(world.worker_config, world, std::move(accepted));
  world.session->Start();
  world.Turn();
  Peer host = world.host.Accept();
  CHECK(host.Receive() == "all there is");
  CHECK(host.ended());
}

TEST_CASE("tcp: a client's reset reaches the host as one") {
  TcpWorld world;
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  client.Send("x");
  world.Turn();
  client.Abort();
  world.Turn();
  CHECK(EndOf(host) == "reset");
  CHECK(world.ended == 1);
  CHECK(world.Stat("cluster.up.upstream_cx_destroy_local") == 1);
}

TEST_CASE("tcp: a host's reset reaches the client as one") {
  TcpWorld world;
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  client.Send("x");
  world.Turn();
  host.Receive();
  host.Abort();
  world.Turn();
  CHECK(EndOf(client) == "reset");
  CHECK(world.ended == 1);
  CHECK(world.Stat("cluster.up.upstream_cx_destroy_remote") == 1);
}

// --- connecting ---

TEST_CASE("tcp: a client whose host refuses is closed without a byte") {
  TcpWorld world;
  world.host.Stop();
  Peer client = world.Connect();
  CHECK(EndOf(client) == "fin");
  CHECK(world.ended == 1);
  CHECK(world.Stat("cluster.up.upstream_cx_connect_fail") == 1);
  CHECK(world.Stat("cluster.up.upstream_cx_connect_attempts_exceeded") == 1);
  CHECK(world.Stat("cluster.up.upstream_rq_pending_failure_eject") == 1);
  CHECK(world.Stat("cluster.up.upstream_cx_destroy_remote") == 1);
  CHECK(world.Stat("cluster.up.upstream_rq_total") == 0);
  CHECK(world.Stat("cluster.up.upstream_rq_pending_active") == 0);
}

TEST_CASE("tcp: another host is tried when one refuses") {
  HostSocket down;
  down.Stop();
  for (int i = 0; i < 4; ++i) {
    TcpWorld world([&](Config& config, upstream::ClusterConfig& cluster) {
      config.max_connect_attempts = 2;
      upstream::HostConfig host;
      host.address = down.address();
      // The refusing one is tried first or second, whatever the balancer begins with.
      cluster.hosts.insert(i % 2 == 0 ? cluster.hosts.begin() : cluster.hosts.end(), host);
    });
    Peer client = world.Connect();
    world.Turn();
    Peer host = world.host.Accept();
    client.Send("there");
    world.Turn();
    CHECK(host.Receive() == "there");
  }
}

TEST_CASE("tcp: attempts wait for their back-off, and end with their number") {
  TcpWorld world([](Config& config, upstream::ClusterConfig&) {
    config.max_connect_attempts = 3;
    config.backoff_base = 100 * kMillisecond;
    config.backoff_max = kSecond;
  });
  world.host.Stop();
  Peer client = world.Connect();
  CHECK(world.Stat("cluster.up.upstream_cx_total") == 1);
  world.Advance(110 * kMillisecond);
  CHECK(world.Stat("cluster.up.upstream_cx_total") == 2);
  CHECK(EndOf(client) == "open");
  world.Advance(210 * kMillisecond);
  CHECK(world.Stat("cluster.up.upstream_cx_total") == 3);
  CHECK(EndOf(client) == "fin");
  CHECK(world.Stat("cluster.up.upstream_cx_connect_attempts_exceeded") == 1);
}

TEST_CASE("tcp: a host that does not answer costs the connect timeout") {
  HostSocket full(1);
  full.Fill();
  TcpWorld world([&](Config&, upstream::ClusterConfig& cluster) {
    cluster.connect_timeout = 250 * kMillisecond;
    cluster.hosts[0].address = full.address();
  });
  Peer client = world.Connect();
  world.Advance(200 * kMillisecond);
  CHECK(EndOf(client) == "open");
  world.Advance(60 * kMillisecond);
  CHECK(EndOf(client) == "fin");
  CHECK(world.Stat("cluster.up.upstream_cx_connect_timeout") == 1);
  CHECK(world.Stat("cluster.up.upstream_cx_connect_fail") == 1);
  CHECK(world.Stat("cluster.up.upstream_cx_destroy_local") == 1);
}

TEST_CASE("tcp: a client that resets while its host is being connected ends the attempt") {
  HostSocket full(1);
  full.Fill();
  TcpWorld world([&](Config&, upstream::ClusterConfig& cluster) {
    cluster.hosts[0].address = full.address();
  });
  Peer client = world.Connect();
  client.Send("x");
  world.Turn();
  client.Abort();
  world.Turn();
  CHECK(world.ended == 1);
  CHECK(world.Stat("cluster.up.upstream_cx_active") == 0);
  CHECK(world.Stat("cluster.up.upstream_rq_cancelled") == 1);
}

TEST_CASE("tcp: clusters that do not exist, or have no hosts") {
  TcpWorld without_hosts([](Config&, upstream::ClusterConfig& cluster) { cluster.hosts.clear(); });
  Peer first = without_hosts.Connect();
  CHECK(EndOf(first) == "fin");
  CHECK(without_hosts.Stat("cluster.up.upstream_cx_none_healthy") == 1);

  TcpWorld without_cluster(
      [](Config& config, upstream::ClusterConfig&) { config.clusters[0].name = "nope"; });
  Peer second = without_cluster.Connect();
  CHECK(EndOf(second) == "fin");
  CHECK(without_cluster.Stat("tcp.t.downstream_cx_no_route") == 1);
}

TEST_CASE("tcp: circuit breakers") {
  SECTION("max_connections") {
    TcpWorld world(
        [](Config&, upstream::ClusterConfig& cluster) { cluster.limits[0].max_connections = 1; });
    Peer first = world.Connect();
    Peer second = world.Connect();
    CHECK(EndOf(first) == "open");
    CHECK(EndOf(second) == "fin");
    CHECK(world.Stat("cluster.up.upstream_cx_overflow") == 1);
    CHECK(world.Stat("cluster.up.upstream_cx_connect_attempts_exceeded") == 0);
    // The place is free again when the first is gone.
    first.Abort();
    world.Turn();
    Peer third = world.Connect();
    CHECK(EndOf(third) == "open");
  }
  SECTION("max_pending_requests") {
    TcpWorld world([](Config&, upstream::ClusterConfig& cluster) {
      cluster.limits[0].max_pending_requests = 0;
    });
    Peer client = world.Connect();
    CHECK(EndOf(client) == "fin");
    CHECK(world.Stat("cluster.up.upstream_rq_pending_overflow") == 1);
    CHECK(world.Stat("cluster.up.upstream_cx_connect_attempts_exceeded") == 1);
  }
  SECTION("max_requests is no limit to connections") {
    TcpWorld world(
        [](Config&, upstream::ClusterConfig& cluster) { cluster.limits[0].max_requests = 0; });
    Peer client = world.Connect();
    CHECK(EndOf(client) == "open");
  }
  SECTION("per_host_thresholds") {
    TcpWorld world([](Config&, upstream::ClusterConfig& cluster) {
      cluster.limits[0].max_connections_per_host = 1;
    });
    Peer first = world.Connect();
    Peer second = world.Connect();
    CHECK(EndOf(first) == "open");
    CHECK(EndOf(second) == "fin");
  }
}

TEST_CASE("tcp: clusters are chosen in proportion to their weights") {
  Config config;
  config.clusters = {{"a", 1}, {"b", 3}};
  config.total_weight = 4;
  std::string chosen;
  for (uint64_t random = 0; random < 8; ++random) chosen += PickCluster(config, random);
  CHECK(chosen == "abbbabbb");
}

// --- when it connects ---

TEST_CASE("tcp: the upstream connection may wait for the client's first byte") {
  TcpWorld world([](Config& config, upstream::ClusterConfig&) {
    config.connect_mode = ConnectMode::kOnData;
    config.reads_early = true;
    config.max_early_bytes = 10;
    config.idle_timeout = kSecond;
  });
  SECTION("bytes, which are kept for it") {
    Peer client = world.Connect();
    CHECK_FALSE(world.host.waiting());
    client.Send("more than ten bytes");
    client.FinishSending();
    world.Turn();
    Peer host = world.host.Accept();
    CHECK(host.Receive() == "more than ten bytes");
    CHECK(host.ended());
    CHECK(world.Stat("tcp.t.early_data_received_count_total") == 1);
  }
  SECTION("an end, behind which nothing can come") {
    Peer client = world.Connect();
    client.FinishSending();
    world.Turn();
    CHECK(EndOf(client) == "fin");
    CHECK_FALSE(world.host.waiting());
  }
  SECTION("nothing, for too long") {
    Peer client = world.Connect();
    world.Advance(kSecond + 10 * kMillisecond);
    CHECK(EndOf(client) == "fin");
    CHECK(world.Stat("tcp.t.idle_timeout") == 1);
  }
}

TEST_CASE("tcp: bytes and end that came early follow when the host is connected") {
  TcpWorld world([](Config& config, upstream::ClusterConfig&) {
    config.reads_early = true;
    config.max_early_bytes = 1000;
  });
  auto [ours, theirs] = fakes::TcpPair();
  Peer client(std::move(theirs));
  client.FinishSending();
  net::Accepted accepted;
  accepted.socket = std::move(ours);
  accepted.transport = std::make_unique<net::Plaintext>();
  world.session = std::make_unique<Session>(world.worker_config, world, std::move(accepted));
  world.session->Start();
  world.Turn();
  Peer host = world.host.Accept();
  CHECK(host.Receive().empty());
  CHECK(host.ended());
}

// --- time ---

TEST_CASE("tcp: a connection on which nothing moves ends after the idle timeout") {
  TcpWorld world(
      [](Config& config, upstream::ClusterConfig&) { config.idle_timeout = 10 * kSecond; });
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  // Bytes of either side put it off.
  for (Peer* sender : {&client, &host, &client}) {
    world.Advance(6 * kSecond);
    sender->Send("x");
    world.Turn();
  }
  CHECK(world.ended == 0);
  world.Advance(9 * kSecond);
  CHECK(world.ended == 0);
  world.Advance(2 * kSecond);
  CHECK(world.ended == 1);
  CHECK(EndOf(client) == "fin");
  CHECK(EndOf(host) == "fin");
  CHECK(world.Stat("tcp.t.idle_timeout") == 1);
  CHECK(world.Stat("cluster.up.upstream_cx_destroy_local_with_active_rq") == 1);
}

TEST_CASE("tcp: what is cut off by the idle timeout ends in a reset") {
  TcpWorld world(
      [](Config& config, upstream::ClusterConfig&) { config.idle_timeout = 10 * kSecond; });
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  // The client does not read, the host waits for nothing.
  const std::string piece(256 * 1024, 'x');
  for (int i = 0; i < 40; ++i) {
    send(host.fd(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    world.Turn();
  }
  world.Advance(11 * kSecond);
  CHECK(world.ended == 1);
  CHECK(EndOf(client) == "reset");
}

TEST_CASE("tcp: bytes that come with the client's end are flushed behind it") {
  TcpWorld world;
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  host.FinishSending();
  world.Turn();
  client.Send("rest");
  client.FinishSending();
  world.Turn();
  CHECK(host.Receive() == "rest");
  CHECK(EndOf(host) == "fin");
  CHECK(world.Stat("tcp.t.upstream_flush_total") == 1);
  CHECK(world.Stat("tcp.t.upstream_flush_active") == 0);
}

TEST_CASE("tcp: half-closed connections are idle too") {
  TcpWorld world(
      [](Config& config, upstream::ClusterConfig&) { config.idle_timeout = 10 * kSecond; });
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  client.FinishSending();
  world.Turn();
  world.Advance(10 * kSecond + 10 * kMillisecond);
  CHECK(world.ended == 1);
  CHECK(EndOf(client) == "fin");
}

TEST_CASE("tcp: a connection ends after its longest duration, busy or not") {
  TcpWorld world([](Config& config, upstream::ClusterConfig&) {
    config.max_connection_duration = 5 * kSecond;
  });
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  world.Advance(4900 * kMillisecond);
  client.Send("x");
  world.Turn();
  CHECK(host.Receive() == "x");
  world.Advance(110 * kMillisecond);
  CHECK(world.ended == 1);
  CHECK(EndOf(client) == "fin");
  CHECK(EndOf(host) == "fin");
  CHECK(world.Stat("tcp.t.max_downstream_connection_duration") == 1);
}

// --- draining ---

TEST_CASE("tcp: a drained listener's connection ends behind the next byte, if that was asked for") {
  TcpWorld world([](Config& config, upstream::ClusterConfig&) { config.drain_closes = true; });
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  world.drain.SetAlways();
  world.Turn();
  CHECK(EndOf(client) == "open");
  client.Send("last");
  world.Turn();
  CHECK(host.Receive() == "last");
  CHECK(host.ended());
  CHECK(EndOf(client) == "fin");
  CHECK(world.Stat("tcp.t.downstream_cx_drain_close") == 1);
}

TEST_CASE("tcp: a drained listener's connection goes on otherwise") {
  TcpWorld world;
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  world.drain.SetAlways();
  world.session->Drain();
  client.Send("on");
  world.Turn();
  CHECK(host.Receive() == "on");
  CHECK(world.ended == 0);
}

TEST_CASE("tcp: the owner may end a connection at any moment") {
  TcpWorld world;
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  client.Send("x");
  world.session.reset();
  world.Turn();
  CHECK(world.ended == 0);
  CHECK(world.Stat("cluster.up.upstream_cx_active") == 0);
  CHECK(EndOf(host) == "fin");
}

}  // namespace
}  // namespace remora::tcp
