#pragma once

// What a filter chain has besides its transport: guards, which admit connections or refuse them,
// and one terminal filter, whose session then has the connection.
//
//   accepted --listener filters--> chain chosen --guards--> session --first bytes--> guards
//
// ConnectionGuard is the door between a listener and an admission policy (RBAC, rate limit,
// connection limit). There is no chain of byte filters (ADR 10): a guard sees a connection twice,
// before its session is made and when its first bytes are read, and answers with one word.
// GuardFactory and SessionFactory are what the translators make of an extension's configuration.
//
// Owner of factories: the filter chain's configuration, shared read-only. Owner of a guard: the
// listener on one worker, for all connections of one chain. Thread: its worker's.
// Failures: a refusal is an answer with its reason; nothing else fails.

#include <memory>
#include <string>
#include <string_view>

#include "source/base/random.h"
#include "source/buffer/block.h"
#include "source/event/dispatcher.h"
#include "source/net/downstream_session.h"
#include "source/runtime/runtime.h"
#include "source/stats/scope.h"

namespace remora::net {

// What a worker lends to guards and to the sessions of extensions.
struct ChainSetup {
  stats::Scope& scope;  // of the factory's scope name
  stats::Shard& shard;
  event::Dispatcher& dispatcher;
  buffer::BlockPool& blocks;
  base::Random& random;
  const runtime::View& runtime;
  uint64_t& last_connection;  // number of the worker's newest downstream connection
  size_t worker;

  // A number for a connection, unique in the process: the worker's index is in the low bits.
  uint64_t NextConnection() const { return ++last_connection << 10 | worker; }
};

// A connection as guards see it. What they decide of it, they write into it.
struct GuardedConnection {
  GuardedConnection(const Address& local_address, const Address& client, const Address& peer,
                    std::string_view name)
      : local(local_address), remote(client), direct_remote(peer), server_name(name) {}

  const Address& local;          // where the client wanted to go
  const Address& remote;         // the client
  const Address& direct_remote;  // the peer itself
  std::string_view server_name;
  const TlsFacts* tls = nullptr;  // null: plain text, or the handshake is yet to come

  std::string cluster;        // for the TCP proxy behind; empty: its own
  size_t asked = 0;           // how many guards have seen it
  std::string refusal;        // why, for the access log; empty: no reason is given
  bool rate_limited = false;  // logs say so as Envoy's do, with URX
  event::Duration delay = 0;  // how long a refused connection is kept before it is closed
};

enum class Admission : uint8_t {
  kAdmit,
  kRefuse,  // the connection is closed, without a word to the peer
};

class ConnectionGuard {
 public:
  virtual ~ConnectionGuard() = default;
  // Before there is a session.
  virtual Admission OnConnection(GuardedConnection&) { return Admission::kAdmit; }
  // Its first bytes are there (behind the handshake, when there is one).
  virtual Admission OnFirstBytes(GuardedConnection&) { return Admission::kAdmit; }
  // A connection that it was asked about has ended; whether OnConnection had admitted it.
  virtual void OnConnectionEnd(bool) {}
};

struct GuardFactory {
  std::string name;   // the configured one
  std::string scope;  // of its statistics, without the last dot
  // Asked again when bytes are there.
  bool wants_first_bytes = false;
  std::shared_ptr<const void> config;
  std::unique_ptr<ConnectionGuard> (*create)(const void* config, const ChainSetup& setup) = nullptr;
};

// A terminal network filter that is neither the HTTP connection manager nor the TCP proxy.
struct SessionFactory {
  std::string name;
  std::string scope;
  std::shared_ptr<const void> config;
  std::unique_ptr<DownstreamSession> (*create)(const void* config, const ChainSetup& setup,
                                               SessionOwner& owner, Accepted accepted) = nullptr;
};

}  // namespace remora::net
