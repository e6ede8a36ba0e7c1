// Connections whose transport has a handshake, bytes and an end of its own.

#include <errno.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>

#include "test/net/connection_world.h"

namespace remora::net {
namespace {

using event::kMillisecond;
using fakes::Peer;

// A transport with a handshake: greeted with "hi" it answers "ho", and then bytes travel as they
// are; "no" makes it refuse. Its own end is "!".
class Greeting final : public TransportSocket {
 public:
  Started Start(int) override { return Started::kHandshake; }
  IoResult Read(int fd, buffer::Buffer& input, size_t, bool) override {
    char bytes[256];
    IoResult result;
    if (!held_ || !greeted_) {
      const ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
      if (n == 0) result.next = IoResult::Next::kCut;
      if (n > 0) got_.append(bytes, static_cast<size_t>(n));
      if (n < 0 && errno != EAGAIN) {
        result.next = IoResult::Next::kError;
        result.error = errno;
        return result;
      }
    }
    if (failed_) {
      got_.clear();
      return result;
    }
    if (!done_ && !Greet(fd, result)) return result;
    if (got_.ends_with("!")) {
      result.next = IoResult::Next::kEnd;
      got_.pop_back();
    }
    input.Append(got_);
    result.bytes = got_.size();
    got_.clear();
    return result;
  }
  IoResult Write(int fd, buffer::Buffer& output) override {
    IoResult result;
    const std::string bytes = own_ + output.ToString();
    result.bytes = output.length();
    CHECK(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
    output.Clear();
    own_.clear();
    return result;
  }
  IoResult Finish(int fd) override {
    if (done_) send(fd, "!", 1, MSG_NOSIGNAL);
    return {};
  }
  void Hold() override { held_ = true; }
  void Release() override { held_ = false; }
  std::string_view failure() const override { return failed_ ? "no" : ""; }

 private:
  // True once the handshake is over.
  bool Greet(int fd, IoResult& result) {
    if (got_.size() < 2) return false;
    if (got_.starts_with("no")) {
      failed_ = true;
      send(fd, "alert", 5, MSG_NOSIGNAL);
      result.next = IoResult::Next::kFailed;
      return false;
    }
    if (held_) {
      result.held = !greeted_;
      greeted_ = true;
      return false;
    }
    done_ = true;
    result.connected = true;
    send(fd, "ho", 2, MSG_NOSIGNAL);
    own_ = "ticket.";
    result.pending = true;
    got_.erase(0, 2);
    return true;
  }

  std::string got_;
  std::string own_;  // waits for the next Write
  bool done_ = false;
  bool failed_ = false;
  bool held_ = false;
  bool greeted_ = false;
};

struct GreetingWorld {
  explicit GreetingWorld(std::pair<Socket, Socket> ends = fakes::UnixPair())
      : peer(std::move(ends.second)),
        connection(dispatcher, blocks, std::move(ends.first), std::make_unique<Greeting>(), handler,
                   {}) {}
  std::string TurnAndTake() {
    dispatcher.RunOnce(false);
    return handler.Take();
  }

  fakes::SimulatedClock clock;
  event::Dispatcher dispatcher{clock};
  buffer::BlockPool blocks;
  NotingHandler handler;
  Peer peer;
  Connection connection;
};

TEST_CASE(
    "connection: input comes after the handshake, the transport's own bytes with the output") {
  GreetingWorld world;
  world.connection.StartAccepted();
  world.peer.Send("h");
  CHECK(world.TurnAndTake().empty());
  CHECK(world.connection.handshaking());
  world.handler.on_input = [&](buffer::Buffer& input) {
    input.Clear();
    world.connection.output().Append("answer");
    world.connection.Cork();
  };
  world.peer.Send(
      "i"
      "question");
  CHECK(world.TurnAndTake() == "connected input(question) ");
  CHECK(world.peer.Receive() == "hoticket.answer");
}

TEST_CASE("connection: the transport's own bytes leave without output too") {
  GreetingWorld world;
  world.connection.StartAccepted();
  world.peer.Send("hi");
  CHECK(world.TurnAndTake() == "connected ");
  CHECK(world.peer.Receive() == "hoticket.");
}

TEST_CASE("connection: output from before the handshake is sent behind it") {
  GreetingWorld world;
  world.connection.StartAccepted();
  world.connection.output().Append("banner");
  world.connection.Cork();
  CHECK(world.TurnAndTake().empty());
  CHECK(world.peer.Receive().empty());
  world.peer.Send("hi");
  CHECK(world.TurnAndTake() == "connected ");
  CHECK(world.peer.Receive() == "hoticket.banner");
}

TEST_CASE("connection: a pause does not stop the handshake, only the input behind it") {
  GreetingWorld world;
  world.connection.StartAccepted();
  world.connection.PauseReading();
  world.peer.Send("hiearly");
  CHECK(world.TurnAndTake() == "connected ");
  CHECK(world.TurnAndTake().empty());
  world.connection.ResumeReading();
  CHECK(world.TurnAndTake() == "input(early) ");
}

TEST_CASE("connection: the transport's end is sent whenever our direction ends, if it began") {
  GreetingWorld world;
  world.connection.StartAccepted();
  SECTION("before the handshake there is none") {
    world.connection.Close();
    CHECK(world.peer.Receive().empty());
    CHECK(world.peer.ended());
    return;
  }
  world.peer.Send("hi");
  world.TurnAndTake();
  world.peer.Receive();
  SECTION("closed hard") { world.connection.Close(); }
  SECTION("closed behind the output") {
    world.connection.CloseAfterFlush(false);
    CHECK(world.TurnAndTake() == "closed(peer) ");
  }
  SECTION("half") {
    world.connection.ShutdownAfterFlush();
    CHECK(world.TurnAndTake().empty());
    CHECK(world.connection.open());
  }
  CHECK(world.peer.Receive() == "!");
  CHECK(world.peer.ended());
}

TEST_CASE("connection: a FIN without the transport's end is told apart") {
  for (const bool cut : {false, true}) {
    GreetingWorld world;
    world.connection.StartAccepted();
    world.peer.Send(cut ? "hibytes" : "hibytes!");
    if (cut) {
      CHECK(world.TurnAndTake() == "connected input(bytes) ");
      world.peer.FinishSending();
      CHECK(world.TurnAndTake() == "input_end ");
    } else {
      CHECK(world.TurnAndTake() == "connected input(bytes) input_end ");
    }
    CHECK(world.connection.input_cut() == cut);
  }
}

TEST_CASE("connection: a peer that goes during the handshake") {
  GreetingWorld world;
  world.connection.StartAccepted();
  world.peer.Send("h");
  world.TurnAndTake();
  world.peer.FinishSending();
  CHECK(world.TurnAndTake() == "closed(peer) ");
}

TEST_CASE("connection: a refused peer that is still sending gets the alert, not a reset") {
  GreetingWorld world(fakes::TcpPair());
  world.connection.StartAccepted();
  world.peer.Send("no");
  CHECK(world.TurnAndTake().empty());
  world.peer.Send("a request that did not wait");
  CHECK(world.TurnAndTake().empty());
  CHECK(world.peer.Receive() == "alert");
  CHECK(world.peer.ended());
  CHECK(world.connection.transport_failure() == "no");
  SECTION("until it ends") {
    world.peer.Close();
    CHECK(world.TurnAndTake() == "closed(transport_failed) ");
  }
  SECTION("or has had its time") {
    world.clock.Advance(1100 * kMillisecond);
    CHECK(world.TurnAndTake() == "closed(transport_failed) ");
  }
}

TEST_CASE("connection: a reset right behind a part of a greeting ends the handshake") {
  for (const bool held : {false, true}) {
    GreetingWorld world(fakes::TcpPair());
    if (held) world.connection.HoldHandshake();
    world.connection.StartAccepted();
    CHECK(world.TurnAndTake().empty());
    world.peer.Send(held ? "hi" : "h");
    world.peer.Abort();
    CHECK(world.TurnAndTake() == (held ? "held " : ""));
    world.clock.Advance(2 * event::Dispatcher::kSweepPeriod);
    CHECK(world.TurnAndTake() == "closed(peer,ECONNRESET) ");
  }
}

TEST_CASE("connection: a held handshake is answered after its release") {
  GreetingWorld world;
  world.connection.HoldHandshake();
  world.connection.StartAccepted();
  SECTION("released when the greeting is here") {
    world.peer.Send("hi");
    CHECK(world.TurnAndTake() == "held ");
    CHECK(world.TurnAndTake().empty());
    CHECK(world.peer.Receive().empty());
    world.connection.ReleaseHandshake();
    CHECK(world.handler.Take().empty());
    CHECK(world.TurnAndTake() == "connected ");
  }
  SECTION("released before") {
    world.connection.ReleaseHandshake();
    world.peer.Send("hi");
    CHECK(world.TurnAndTake() == "connected ");
  }
  SECTION("closed instead: the peer sees an end, no byte and no reset") {
    world.peer.Send("hi");
    CHECK(world.TurnAndTake() == "held ");
    world.connection.CloseAfterFlush(false);
    CHECK(world.TurnAndTake() == "closed(peer) ");
    CHECK(world.peer.Receive().empty());
    CHECK(world.peer.ended());
    return;
  }
  CHECK(world.peer.Receive() == "hoticket.");
}

}  // namespace
}  // namespace remora::net
