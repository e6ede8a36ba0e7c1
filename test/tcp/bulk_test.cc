// Long transfers: back-pressure, bounded memory, and the pipe that copies nothing.

#include <algorithm>
#include <catch2/catch.hpp>

#include "test/tcp/tcp_world.h"

namespace remora::tcp {
namespace {

using event::kSecond;
using fakes::Peer;

// Bytes that say where they belong.
char At(uint64_t position) { return static_cast<char>((position * 31 + (position >> 13)) & 0xff); }

std::string Piece(uint64_t from, size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = At(from + i);
  return text;
}

struct Transfer {
  Peer& from;
  Peer& to;
  uint64_t sent = 0;
  uint64_t received = 0;
  bool correct = true;

  void Send(uint64_t total, size_t piece) {
    if (sent < total) {
      sent += from.Send(Piece(sent, static_cast<size_t>(std::min<uint64_t>(piece, total - sent))));
    }
  }
  void Receive() {
    const std::string got = to.Receive();
    correct = correct && got == Piece(received, got.size());
    received += got.size();
  }
};

TEST_CASE("tcp: a long transfer goes through a pipe, every byte of it, and is counted") {
  constexpr uint64_t kTotal = 64 * 1024 * 1024;
  TcpWorld world;
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  Transfer down{host, client};
  bool piped = false;
  size_t most_blocks = 0;
  while (down.received < kTotal && down.correct) {
    down.Send(kTotal, 1024 * 1024);
    world.Turn(2);
    down.Receive();
    piped |= world.session->piped();
    most_blocks = std::max(most_blocks, world.blocks.live());
  }
  CHECK(down.correct);
  CHECK(piped);
  CHECK(most_blocks < 200);
  host.FinishSending();
  world.Turn();
  client.Receive();
  CHECK(client.ended());
  CHECK(world.Stat("tcp.t.downstream_cx_tx_bytes_total") == kTotal);
  CHECK(world.Stat("cluster.up.upstream_cx_rx_bytes_total") == kTotal);
}

TEST_CASE("tcp: a piped connection goes back to messages, gives its pipe back, and pipes again") {
  TcpWorld world;
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  Transfer up{client, host};
  const auto transfer = [&](uint64_t total, size_t piece) {
    while (up.received < total && up.correct) {
      up.Send(total, piece);
      world.Turn(2);
      up.Receive();
    }
  };
  uint64_t total = 4 * 1024 * 1024;
  transfer(total, 1024 * 1024);
  CHECK(world.session->piped());
  for (int i = 0; i < 4; ++i) transfer(total += 100, 100);
  CHECK_FALSE(world.session->piped());
  CHECK(world.pipes.taken() == 0);
  transfer(total += 4 * 1024 * 1024, 1024 * 1024);
  CHECK(world.session->piped());
  CHECK(up.correct);
  CHECK(world.Stat("tcp.t.downstream_cx_rx_bytes_total") == total);
}

TEST_CASE("tcp: without pipes, bytes are copied") {
  TcpWorld world;
  std::vector<std::unique_ptr<net::Pipe>> all;
  while (auto pipe = world.pipes.Take()) all.push_back(std::move(pipe));
  CHECK(all.size() == net::PipePool::kLimit);
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  Transfer up{client, host};
  constexpr uint64_t kTotal = 8 * 1024 * 1024;
  while (up.received < kTotal && up.correct) {
    up.Send(kTotal, 1024 * 1024);
    world.Turn(2);
    up.Receive();
  }
  CHECK(up.correct);
  CHECK_FALSE(world.session->piped());
}

// What is kept for a reader that stands still, in a buffer or in a pipe.
void CheckSlowReader(size_t piece, uint32_t limit) {
  TcpWorld world(
      [limit](Config&, upstream::ClusterConfig& cluster) {
        cluster.per_connection_buffer_limit = limit;
      },
      limit);
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  Transfer up{client, host};
  constexpr uint64_t kMuch = 64 * 1024 * 1024;
  for (int quiet = 0; quiet < 20;) {
    const uint64_t before = up.sent;
    up.Send(kMuch, piece);
    world.Turn(2);
    quiet = up.sent == before ? quiet + 1 : 0;
  }
  CHECK(up.sent < kMuch);
  // Small pieces do not pin a block each.
  CHECK(world.blocks.live() < 4 * (limit / buffer::Block::capacity() + 20));
  const uint64_t taken = world.Stat("tcp.t.downstream_cx_rx_bytes_total");
  const uint64_t given = world.Stat("cluster.up.upstream_cx_tx_bytes_total");
  // A turn may read twice before it is known that the other side takes no more.
  CHECK(taken - given <= limit + 2 * std::min<size_t>(limit, net::Connection::kReadBudget));
  CHECK(world.Stat("tcp.t.downstream_flow_control_paused_reading_total") > 0);
  // It wakes up, and gets everything.
  const uint64_t total = up.sent;
  client.FinishSending();
  for (int i = 0; i < 10000 && up.received < total; ++i) {
    up.Receive();
    world.Turn(2);
  }
  up.Receive();
  CHECK(up.correct);
  CHECK(up.received == total);
  world.Turn();
  host.Receive();
  CHECK(host.ended());
}

TEST_CASE("tcp: a slow reader holds the sender back") {
  CheckSlowReader(1024 * 1024, 1024 * 1024);
  CheckSlowReader(1024 * 1024, 65536);
  CheckSlowReader(1000, 65536);
}

TEST_CASE("tcp: what is on its way to a slow client survives the host's end") {
  TcpWorld world;
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  client.FinishSending();
  world.Turn();
  Transfer down{host, client};
  constexpr uint64_t kMuch = 64 * 1024 * 1024;
  for (int quiet = 0; quiet < 20;) {
    const uint64_t before = down.sent;
    down.Send(kMuch, 1024 * 1024);
    world.Turn(2);
    quiet = down.sent == before ? quiet + 1 : 0;
  }
  CHECK(world.session->piped());
  const uint64_t total = down.sent;
  host.Close();
  for (int i = 0; i < 10000 && !client.ended(); ++i) {
    down.Receive();
    world.Turn(2);
  }
  CHECK(down.correct);
  CHECK(down.received == total);
  CHECK(world.ended == 1);
  CHECK(world.pipes.taken() == 0);
}

TEST_CASE("tcp: a reset in the middle of a piped transfer is one on the other side too") {
  TcpWorld world;
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  for (int i = 0; i < 50; ++i) {
    host.Send(std::string(1024 * 1024, 'x'));
    world.Turn(2);
    if (i < 40) client.Receive();
  }
  CHECK(world.session->piped());
  host.Abort();
  world.Turn();
  CHECK(world.ended == 1);
  CHECK(EndOf(client) == "reset");
  CHECK(world.pipes.taken() == 0);
}

TEST_CASE("tcp: bytes that a slow reader takes count as movement") {
  TcpWorld world(
      [](Config& config, upstream::ClusterConfig&) { config.idle_timeout = 10 * kSecond; });
  Peer client = world.Connect();
  Peer host = world.host.Accept();
  for (int quiet = 0; quiet < 10;) {
    quiet = host.Send(std::string(1024 * 1024, 'x')) == 0 ? quiet + 1 : 0;
    world.Turn(2);
  }
  world.Advance(6 * kSecond);
  const uint64_t written = world.Stat("tcp.t.downstream_cx_tx_bytes_total");
  client.Receive();
  world.Turn(100);
  CHECK(world.Stat("tcp.t.downstream_cx_tx_bytes_total") > written);
  world.Advance(9 * kSecond);
  CHECK(world.ended == 0);
  world.Advance(2 * kSecond);
  CHECK(world.ended == 1);
}

}  // namespace
}  // namespace remora::tcp
