#pragma once

// ConnectionWorld: one Connection over a real socket in a dispatcher whose time stands still, its
// peer driven by hand, and what its handler is told, as text. Thread and owner: the test's.

#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "source/net/connection.h"
#include "source/net/plaintext.h"
#include "test/fakes/peer.h"
#include "test/fakes/simulated_clock.h"

namespace remora::net {

// Plaintext that counts its calls.
struct Calls {
  int reads = 0;
  int writes = 0;
};
class CountingTransport final : public TransportSocket {
 public:
  explicit CountingTransport(Calls& calls) : calls_(calls) {}
  Started Start(int fd) override { return inner_.Start(fd); }
  IoResult Read(int fd, buffer::Buffer& input, size_t budget, bool peer_closed) override {
    ++calls_.reads;
    return inner_.Read(fd, input, budget, peer_closed);
  }
  IoResult Write(int fd, buffer::Buffer& output) override {
    ++calls_.writes;
    return inner_.Write(fd, output);
  }

 private:
  Calls& calls_;
  Plaintext inner_;
};

// Writes what it is told as words; takes all input unless told otherwise.
struct NotingHandler final : ConnectionHandler {
  void OnInput(buffer::Buffer& input) override {
    CHECK_FALSE(closed);
    text += "input(" + (brief ? std::to_string(input.length()) : input.ToString()) + ") ";
    received += input.ToString();
    if (on_input) return on_input(input);
    input.Clear();
  }
  void OnInputEnd() override {
    CHECK_FALSE(closed);
    text += "input_end ";
  }
  void OnClosed(CloseReason reason, int error) override {
    CHECK_FALSE(closed);
    closed = true;
    const char* const reasons[] = {"peer", "error", "connect_failed", "linger_timeout",
                                   "transport_failed"};
    text += "closed(" + std::string(reasons[static_cast<int>(reason)]);
    if (error != 0) text += std::string(",") + strerrorname_np(error);
    text += ") ";
  }
  void OnConnected() override { text += "connected "; }
  void OnHandshakeHeld() override { text += "held "; }
  void OnOutputFull() override { text += "full "; }
  void OnOutputDrained() override { text += "drained "; }

  std::string Take() { return std::exchange(text, ""); }

  std::string text;
  std::string received;
  std::function<void(buffer::Buffer&)> on_input;
  bool brief = false;
  bool closed = false;
};

struct ConnectionWorld {
  explicit ConnectionWorld(std::pair<Socket, Socket> ends = fakes::UnixPair(),
                           Connection::Options options = {})
      : peer(std::move(ends.second)),
        connection(dispatcher, blocks, std::move(ends.first),
                   std::make_unique<CountingTransport>(calls), handler, options) {
    connection.StartAccepted();
    Turn();  // the first event only says that it is writable
    calls = {};
  }
  void Turn() { dispatcher.RunOnce(false); }
  std::string TurnAndTake() {
    Turn();
    return handler.Take();
  }
  void Write(std::string_view text) {
    connection.output().Append(text);
    connection.Cork();
  }

  fakes::SimulatedClock clock;
  event::Dispatcher dispatcher{clock};
  buffer::BlockPool blocks;
  Calls calls;
  NotingHandler handler;
  fakes::Peer peer;
  Connection connection;
};

}  // namespace remora::net
