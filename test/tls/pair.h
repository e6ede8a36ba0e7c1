#pragma once

// Pair: a client and a server over a socket pair, both with the product's connections and TLS
// transports. What happened on each side is a line of words.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "source/net/connection.h"
#include "source/stats/store.h"
#include "source/tls/factory.h"
#include "test/fakes/authority.h"
#include "test/fakes/peer.h"
#include "test/fakes/simulated_clock.h"

namespace remora::tls {

Certificate ToSecret(const fakes::Minted& minted);
Bytes Inline(const std::string& text);

struct Side final : net::ConnectionHandler {
  void OnInput(buffer::Buffer& input) override;
  void OnInputEnd() override { text += connection->input_cut() ? "cut " : "end "; }
  void OnClosed(net::CloseReason reason, int) override;
  void OnConnected() override;
  void OnHandshakeHeld() override { text += "held "; }
  std::string Take() { return std::exchange(text, ""); }

  std::string text;
  std::string failure;
  std::string received;
  std::unique_ptr<net::Connection> connection;
};

// One endpoint's settings and secrets, and the maker that they give.
class Endpoint {
 public:
  Endpoint(ContextSource::Settings settings, ContextSecrets secrets);
  net::TransportMaker& maker() { return *maker_; }
  // Builds anew and swaps, as a rotation does.
  void Replace(ContextSecrets secrets);
  // "handshake" of `x.ssl.handshake`.
  uint64_t Counter(const std::string& name);
  const ContextSource& source() const { return *source_; }

 private:
  PartCache parts_;
  stats::Store store_;
  stats::Shard* shard_;
  stats::Scope* scope_;
  std::shared_ptr<const ContextSource> source_;
  std::unique_ptr<Factory> factory_;
  std::unique_ptr<net::TransportMaker> maker_;
};

class Pair {
 public:
  Pair(Endpoint& client, Endpoint& server, net::TransportOptions options = {}, bool hold = false);
  // Turns until nothing more happens.
  void Run();
  void Send(Side& from, std::string_view text);

  fakes::SimulatedClock clock;
  event::Dispatcher dispatcher{clock};
  buffer::BlockPool blocks;
  Side client;
  Side server;
};

}  // namespace remora::tls
