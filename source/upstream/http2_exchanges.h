#pragma once

// Http2Exchanges: the HTTP/2 half of a PoolConnection: its codec and the many exchanges on it.
//
// Owner: the PoolConnection, from the moment it is connected; so a connection of HTTP/1 is no
// larger for it. Thread: its worker. The connection stays among the pool's free ones as long as a
// further stream can be begun; when the host says that it goes (GOAWAY), or it is used up, it takes
// none and closes behind the last one.
//
// What is left to be sent goes out once, at the end of the turn.

#include <memory>

#include "absl/container/flat_hash_map.h"
#include "source/event/dispatcher.h"
#include "source/http/http2/client_codec.h"
#include "source/http/http2/keepalive.h"
#include "source/net/connection.h"
#include "source/upstream/pool.h"

namespace remora::upstream {

class PoolConnection;

class Http2Exchanges final : public http2::ClientEvents, private http2::KeepaliveUser {
 public:
  // Both outlive it.
  Http2Exchanges(PoolConnection& owner, net::Connection& connection);
  ~Http2Exchanges();
  Http2Exchanges(const Http2Exchanges&) = delete;
  Http2Exchanges& operator=(const Http2Exchanges&) = delete;

  http::ClientCodecStream& Begin(StreamUser& user);
  // The user has let go of its stream, whose response has ended or is not wanted any more.
  Priority Finish(http::ClientCodecStream& stream);
  void Cancel(http::ClientCodecStream& stream);

  bool active() const { return !exchanges_.empty(); }
  bool MayBegin() const { return !retired_ && codec_.Reusable(); }
  // No further stream will ever be begun.
  bool retired() const { return retired_ || codec_.peer_going_away(); }
  void Retire();
  // A byte was given to the kernel since the stream was begun.
  bool Wrote(http::ClientCodecStream& stream) const;

  void OnInput(buffer::Buffer& input);
  void OnOutputFull();
  void OnOutputDrained();
  // Tells every user; the connection is gone.
  void ResetAll(const http::ProxyError& error);

  // http2::ClientEvents
  void OnOutput() override;
  void OnUnusable() override {}
  void OnTunnelEnd() override {}
  void OnInputInterestChanged() override;
  void OnStreamOutputFull(http::ClientCodecStream& stream) override;
  void OnStreamOutputDrained(http::ClientCodecStream& stream) override;
  void OnPingAck() override;
  void OnCapacityChanged() override;

 private:
  struct Exchange {
    StreamUser* user;
    Priority priority;
    uint64_t sent_before;      // bytes of the connection
    bool window_full = false;  // the host's window holds it up
  };

  // http2::KeepaliveUser
  void SendKeepalivePing() override { codec_.SendPing(); }
  void OnKeepaliveTimeout() override;

  static void OnTurnEnd(void* self);
  void LookAtCodec();

  PoolConnection& owner_;
  net::Connection& connection_;
  absl::flat_hash_map<http::ClientCodecStream*, Exchange> exchanges_;
  event::TimePoint received_at_;  // the last bytes
  bool ended_ = false;
  bool retired_ = false;
  bool output_full_ = false;
  bool resume_pending_ = false;
  event::TurnTask turn_end_;
  http2::Keepalive keepalive_;
  http2::ClientCodec codec_;
};

}  // namespace remora::upstream
