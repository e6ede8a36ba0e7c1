// Every way to end a connection, and what its peer sees of it.

#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <string>

#include "test/net/connection_world.h"

namespace remora::net {
namespace {

using event::kMillisecond;

TEST_CASE("connection: close drops output and calls nobody") {
  ConnectionWorld world;
  world.Write("unsent");
  world.connection.Close();
  world.connection.Close();
  CHECK(world.TurnAndTake().empty());
  CHECK(world.peer.Receive().empty());
  CHECK(world.peer.ended());
}

TEST_CASE("connection: close after the flush") {
  ConnectionWorld world;
  world.Write("answer");
  world.connection.CloseAfterFlush(false);
  CHECK_FALSE(world.connection.closed());
  CHECK(world.TurnAndTake() == "closed(peer) ");
  CHECK(world.peer.Receive() == "answer");
  CHECK(world.peer.ended());
}

TEST_CASE("connection: close after the flush with lingering waits for the peer's FIN") {
  ConnectionWorld world(fakes::TcpPair());
  world.Write("answer");
  world.connection.CloseAfterFlush(true);
  world.peer.Send("still sending");
  CHECK(world.TurnAndTake().empty());
  CHECK(world.peer.Receive() == "answer");
  CHECK(world.peer.ended());
  world.peer.Send("more");  // thrown away, no reset
  CHECK(world.TurnAndTake().empty());
  CHECK(world.TurnAndTake().empty());
  world.peer.FinishSending();
  CHECK(world.TurnAndTake() == "closed(peer) ");
}

TEST_CASE("connection: lingering ends after its time") {
  ConnectionWorld world(fakes::TcpPair());
  world.connection.CloseAfterFlush(true, 500 * kMillisecond);
  world.Turn();
  world.clock.Advance(490 * kMillisecond);
  CHECK(world.TurnAndTake().empty());
  world.clock.Advance(20 * kMillisecond);
  CHECK(world.TurnAndTake() == "closed(linger_timeout) ");
}

TEST_CASE("connection: a closing peer that does not read is not waited for for ever") {
  ConnectionWorld world;
  world.Write(std::string(3'000'000, 'x'));
  world.connection.CloseAfterFlush(false);
  world.handler.brief = true;
  world.Turn();
  for (int i = 0; i < 5; ++i) {
    // Progress starts the time anew.
    world.clock.Advance(900 * kMillisecond);
    world.peer.Receive();
    world.Turn();
    CHECK_FALSE(world.connection.closed());
  }
  world.clock.Advance(1100 * kMillisecond);
  world.Turn();
  CHECK(world.connection.closed());
}

TEST_CASE("connection: what the linger time cuts off ends in a reset, what was sent in a FIN") {
  for (const size_t size : {size_t{100}, size_t{20'000'000}}) {
    ConnectionWorld world(fakes::TcpPair());
    world.Write(std::string(size, 'x'));
    world.connection.CloseAfterFlush(true);
    world.Turn();
    world.clock.Advance(1100 * kMillisecond);
    world.Turn();
    CHECK(world.connection.closed());
    char piece[65536];
    ssize_t n = 0;
    while ((n = recv(world.peer.fd(), piece, sizeof(piece), 0)) > 0) {
    }
    CHECK((n == 0) == (size == 100));
  }
}

TEST_CASE("connection: FIN after the flush, reading goes on") {
  ConnectionWorld world;
  world.Write("request");
  world.connection.ShutdownAfterFlush();
  world.Turn();
  CHECK(world.peer.Receive() == "request");
  CHECK(world.peer.ended());
  world.peer.Send("response");
  CHECK(world.TurnAndTake() == "input(response) ");
}

}  // namespace
}  // namespace remora::net
