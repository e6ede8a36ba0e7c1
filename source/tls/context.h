#pragma once

// Context: everything that the connections of one filter chain or cluster share for TLS:
// certificates, what peers are checked against, versions, ciphers, tickets.
//
// Built on main by the pure functions below, immutable, shared by all workers and by every
// connection that began with it: a rotation puts a new one in the slot (ContextSlot) and touches no
// live connection. Building fails with Envoy's texts where it has one; messages name files, never
// bytes. Source: Envoy source/common/tls/{context_impl,server_context_impl,client_context_impl}.cc.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "source/tls/handles.h"
#include "source/tls/key_log.h"
#include "source/tls/loaded_certificate.h"
#include "source/tls/part_cache.h"
#include "source/tls/peer_check.h"
#include "source/tls/settings.h"
#include "source/tls/stats.h"

struct ssl_early_callback_ctx;  // NOLINT(readability-identifier-naming): BoringSSL's name

namespace remora::tls {

class Context;

// One connection's part in the callbacks of a context; the SSL object's app data.
struct Handshake {
  const Context* context = nullptr;
  SslStats* stats = nullptr;
  int fd = -1;
  bool held = false;     // stop where the ClientHello was read
  bool greeted = false;  // it was
  bool client_sent_hello = false;
  const LoadedCertificate* presented = nullptr;
  // Of which a server must have one; empty: as the context says.
  std::vector<std::string> names;
  bool validated = false;
  std::string refusal;  // why the peer's certificate was refused
  // A client's: takes a session that the server offers for later.
  void (*keep_session)(void* keeper, SessionPtr session) = nullptr;
  void* keeper = nullptr;
};

class Context {
 public:
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // A new connection's; null when memory is out.
  SslPtr MakeSsl(Handshake& handshake) const;

  bool server() const { return server_; }
  const ServerSettings& server_settings() const { return server_settings_; }
  const ClientSettings& client_settings() const { return client_settings_; }
  const std::vector<std::shared_ptr<const LoadedCertificate>>& certificates() const {
    return certificates_;
  }
  // Null: peers are not checked.
  const PeerCheck* check() const { return check_.get(); }
  const KeyLog* key_log() const { return key_log_.get(); }
  bool has_alpn() const { return !alpn_.empty(); }

 private:
  friend class ContextBuilder;
  friend struct ContextCallbacks;
  struct TicketKey {
    uint8_t name[16];
    uint8_t hmac[32];
    uint8_t aes[32];
  };
  // Certificates of one name, by kind of key.
  struct Choice {
    const LoadedCertificate* ecdsa = nullptr;
    const LoadedCertificate* rsa = nullptr;
  };

  Context() = default;
  // The certificate for a client's greeting; never null.
  const LoadedCertificate* Choose(const ssl_early_callback_ctx& hello) const;

  bool server_ = false;
  ServerSettings server_settings_;
  ClientSettings client_settings_;
  BufferPoolPtr pool_;  // outlives all that was made from it
  SslContextPtr ssl_;
  std::vector<std::shared_ptr<const LoadedCertificate>> certificates_;
  absl::flat_hash_map<std::string, Choice> by_name_;  // "a.b", or ".b" for "*.b"
  std::shared_ptr<const PeerCheck> check_;
  std::vector<TicketKey> ticket_keys_;  // empty: the library's own
  std::string alpn_;                    // in wire form
  std::unique_ptr<const KeyLog> key_log_;
};

absl::StatusOr<std::shared_ptr<const Context>> BuildServerContext(const ServerSettings& settings,
                                                                  const ContextSecrets& secrets,
                                                                  PartCache& parts);
absl::StatusOr<std::shared_ptr<const Context>> BuildClientContext(const ClientSettings& settings,
                                                                  const ContextSecrets& secrets,
                                                                  PartCache& parts);

// ALPN in wire form, of entries that may hold several protocols separated by commas. Fails when one
// is empty or longer than 255 bytes.
absl::StatusOr<std::string> AlpnWire(const std::vector<std::string>& entries);

}  // namespace remora::tls
