#pragma once

// Transport: the TLS transport socket of one connection, for both directions, and the facts about
// it.
//
// Owner: its net::Connection. Thread: its worker. Bytes go through a slice BIO: one recv fills a
// piece of stack that BoringSSL reads records from, one send carries all records of a Write; what
// the kernel does not take is the only thing kept (`unsent_`). Nothing is allocated here for a
// record. After the handshake BoringSSL's handshake state and configuration are let go of.
// Failures: kFailed with failure() in Envoy's words; the alert has been sent by then.
// Source: RFC 8446, RFC 5246; Envoy source/common/tls/ssl_socket.cc.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/event/clock.h"
#include "source/net/tls_facts.h"
#include "source/net/transport_socket.h"
#include "source/tls/context.h"
#include "source/tls/handles.h"

namespace remora::tls {

class Transport;

// A face: what a transport tells the maker of its kind while it reads.
class TransportEvents {
 public:
  // The handshake is over. Peer, names and ALPN are asked of the transport.
  virtual void OnHandshake(const Transport& transport) = 0;
  virtual void OnFailure(const Transport& transport, const std::string& peer) = 0;
  virtual void KeepSession(const std::string& key, std::shared_ptr<const Context> context,
                           SessionPtr session) = 0;

 protected:
  ~TransportEvents() = default;
};

class Transport final : public net::TransportSocket, public net::TlsFacts {
 public:
  // `events` outlives the use of the connection (not its closing). `session_key`: whose sessions
  // are offered and kept; empty: none. `peer` is for the log.
  Transport(std::shared_ptr<const Context> context, SslStats& stats, TransportEvents& events,
            std::string peer, std::string session_key);
  ~Transport() override;

  // Before Start. False: out of memory.
  bool Prepare();
  ssl_st* ssl() const { return ssl_.get(); }
  Handshake& handshake() { return handshake_; }
  const Handshake& handshake() const { return handshake_; }
  const Context& context() const { return *context_; }

  // net::TransportSocket
  Started Start(int fd) override;
  net::IoResult Read(int fd, buffer::Buffer& input, size_t budget, bool peer_closed) override;
  net::IoResult Write(int fd, buffer::Buffer& output) override;
  net::IoResult Finish(int fd) override;
  void Hold() override { handshake_.held = true; }
  void Release() override;
  const net::TlsFacts* tls() const override { return this; }
  std::string_view failure() const override { return failure_; }

  // net::TlsFacts
  std::string_view version() const override;
  std::string_view cipher() const override;
  std::string_view group() const override;
  std::string session_id() const override;
  std::string_view server_name() const override;
  std::string_view application_protocol() const override;
  bool resumed() const override;
  event::Duration handshake_duration() const override { return duration_; }
  bool peer_validated() const override { return handshake_.validated; }
  const net::CertificateFacts* peer() const override;
  const std::vector<net::CertificateFacts>& peer_chain() const override;
  const net::CertificateFacts* local() const override;
  std::shared_ptr<const net::TlsFacts> Keep() const override;

 private:
  friend struct SliceBio;
  enum class State : uint8_t { kHandshaking, kOpen, kFailed };

  // True when the handshake goes on to application data within this call.
  bool Shake(net::IoResult& result);
  // Takes decrypted bytes until more must be received or the budget is over.
  bool Decrypt(buffer::Buffer& input, size_t budget, net::IoResult& result);
  void OnConnected(net::IoResult& result);
  void Fail(net::IoResult& result);
  net::IoResult ThrowAway(int fd);
  // Gives the kernel what was encrypted and keeps the rest in `unsent_`.
  void SendOut(int fd, net::IoResult& result);
  void KeepOut();

  std::shared_ptr<const Context> context_;
  TransportEvents& events_;
  State state_ = State::kHandshaking;
  bool untold_ = false;   // it failed in Start
  bool proceed_ = false;  // there is something to do before anything is received
  Handshake handshake_;
  SslPtr ssl_;
  // The pieces of stack that the BIO works on during a call.
  const uint8_t* in_ = nullptr;
  size_t in_size_ = 0;
  uint8_t* out_ = nullptr;
  size_t out_room_ = 0;
  size_t out_size_ = 0;
  std::string unsent_;  // encrypted; follows what is in `out_`
  std::string unread_;  // received while the handshake was held
  std::string failure_;
  std::unique_ptr<std::string> peer_text_;  // for the log; until the handshake is over
  std::string session_key_;
  int64_t started_ns_ = 0;
  event::Duration duration_ = 0;
  mutable std::unique_ptr<std::vector<net::CertificateFacts>> peer_chain_;  // once asked for
  mutable std::shared_ptr<const net::TlsFacts> kept_;                       // the same
};

}  // namespace remora::tls
