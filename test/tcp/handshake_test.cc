// Clients whose transport has a handshake: when it is answered, and how a client is turned away.

#include <sys/socket.h>

#include <catch2/catch.hpp>

#include "test/tcp/tcp_world.h"

namespace remora::tcp {
namespace {

using event::kMillisecond;
using event::kSecond;
using fakes::Peer;

// "hello" from the client, "welcome" from us, then plain bytes.
class Greeting final : public net::TransportSocket {
 public:
  Started Start(int) override { return Started::kHandshake; }
  void Hold() override { held_ = true; }
  void Release() override { held_ = false; }
  net::IoResult Read(int fd, buffer::Buffer& input, size_t budget, bool peer_closed) override {
    if (done_) return plain_.Read(fd, input, budget, peer_closed);
    net::IoResult result;
    char piece[5];
    const ssize_t n = recv(fd, piece, sizeof(piece), 0);
    if (n == 0) result.next = net::IoResult::Next::kEnd;
    if (n > 0) greeted_ = true;
    if (!greeted_) return result;
    result.held = held_;
    if (held_) return result;
    send(fd, "welcome", 7, MSG_NOSIGNAL);
    done_ = result.connected = true;
    return result;
  }
  net::IoResult Write(int fd, buffer::Buffer& output) override { return plain_.Write(fd, output); }

 private:
  net::Plaintext plain_;
  bool held_ = false;
  bool greeted_ = false;
  bool done_ = false;
};

Peer ConnectWithGreeting(TcpWorld& world) {
  auto [ours, theirs] = fakes::TcpPair();
  net::Accepted accepted;
  accepted.socket = std::move(ours);
  accepted.transport = std::make_unique<Greeting>();
  world.session = std::make_unique<Session>(world.worker_config, world, std::move(accepted));
  world.session->Start();
  world.Turn();
  return Peer(std::move(theirs));
}

void Hold(Config& config, upstream::ClusterConfig& cluster) {
  config.holds_handshake = true;
  cluster.connect_timeout = 250 * kMillisecond;
}

TEST_CASE("tcp: a held handshake is answered when the host is connected") {
  TcpWorld world(Hold);
  Peer client = ConnectWithGreeting(world);
  Peer host = world.host.Accept();
  client.Send("hello");
  world.Turn();
  CHECK(client.Receive() == "welcome");
  client.Send("question");
  world.Turn();
  CHECK(host.Receive() == "question");
}

TEST_CASE("tcp: a client whose host is down is turned away before its handshake is answered") {
  TcpWorld world(Hold);
  world.host.Stop();
  SECTION("its greeting is there") {
    auto [ours, theirs] = fakes::TcpPair();
    Peer client(std::move(theirs));
    client.Send("hello");
    net::Accepted accepted;
    accepted.socket = std::move(ours);
    accepted.transport = std::make_unique<Greeting>();
    world.session = std::make_unique<Session>(world.worker_config, world, std::move(accepted));
    world.session->Start();
    world.Turn();
    CHECK(client.Receive().empty());
    CHECK(client.ended());  // FIN, not a reset: the greeting was read
  }
  SECTION("its greeting comes later") {
    Peer client = ConnectWithGreeting(world);
    CHECK(EndOf(client) == "open");
    client.Send("hello");
    world.Turn();
    CHECK(client.Receive().empty());
    CHECK(client.ended());
  }
  SECTION("its greeting does not come") {
    Peer client = ConnectWithGreeting(world);
    world.Advance(kSecond + 10 * kMillisecond);
    CHECK(EndOf(client) == "fin");
  }
  CHECK(world.ended == 1);
}

TEST_CASE("tcp: a host that does not answer holds a handshake for the connect timeout at most") {
  HostSocket full(1);
  full.Fill();
  TcpWorld world([&full](Config& config, upstream::ClusterConfig& cluster) {
    Hold(config, cluster);
    cluster.hosts[0].address = full.address();
  });
  Peer client = ConnectWithGreeting(world);
  client.Send("hello");
  world.Turn();
  world.Advance(240 * kMillisecond);
  CHECK(EndOf(client) == "open");
  world.Advance(20 * kMillisecond);
  CHECK(EndOf(client) == "fin");
}

TEST_CASE("tcp: without holding, the handshake does not wait for the host") {
  HostSocket full(1);
  full.Fill();
  TcpWorld world([&full](Config&, upstream::ClusterConfig& cluster) {
    cluster.hosts[0].address = full.address();
  });
  Peer client = ConnectWithGreeting(world);
  client.Send("hello");
  world.Turn();
  CHECK(client.Receive() == "welcome");
}

TEST_CASE("tcp: the host may be connected only when the handshake is done") {
  TcpWorld world([](Config& config, upstream::ClusterConfig&) {
    config.connect_mode = ConnectMode::kOnHandshake;
    config.reads_early = true;
    config.max_early_bytes = 10;
  });
  Peer client = ConnectWithGreeting(world);
  CHECK_FALSE(world.host.waiting());
  client.Send("hello");
  world.Turn();
  CHECK(client.Receive() == "welcome");
  CHECK(world.host.waiting());
}

TEST_CASE("tcp: nothing is taken of a host for a client whose handshake is not done") {
  TcpWorld world;
  Peer client = ConnectWithGreeting(world);
  Peer host = world.host.Accept();
  for (int quiet = 0; quiet < 10;) {
    quiet = host.Send(std::string(1024 * 1024, 'x')) == 0 ? quiet + 1 : 0;
    world.Turn();
  }
  CHECK(world.blocks.live() < 10);
  client.Send("hello");
  world.Turn();
  CHECK(client.Receive().starts_with("welcomexxx"));
}

TEST_CASE("tcp: a client that ends within its handshake ends it all") {
  TcpWorld world;
  Peer client = ConnectWithGreeting(world);
  Peer host = world.host.Accept();
  client.Close();
  world.Turn();
  CHECK(EndOf(host) == "fin");
  host.Close();
  world.Turn();
  CHECK(world.ended == 1);
}

}  // namespace
}  // namespace remora::tcp
