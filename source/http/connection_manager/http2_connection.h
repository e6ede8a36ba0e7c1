#pragma once

// Http2Connection: the HTTP/2 half of a Session: its codec, its many streams, and how it ends.
//
// Owner: the Session, from the moment the client has shown that it speaks HTTP/2; so a session of
// HTTP/1 is no larger for it. Thread: its worker. Everything that streams and codec leave to be
// sent goes out once, at the end of the turn.
//
//   open --StartDrain--> GOAWAY (all streams are still served) --drain_timeout--> GOAWAY (the last
//   stream is named) --no stream left--> closed
//
// A connection whose client resets most of what it begins is closed (CVE-2023-44487), whoever it is
// that sends the resets (CVE-2025-8671: what the client made us reset counts, too).

#include <memory>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/http/connection_manager/worker_config.h"
#include "source/http/http2/keepalive.h"
#include "source/http/http2/server_codec.h"
#include "source/net/connection.h"

namespace remora::connection_manager {

class ServerStream;
class Session;

class Http2Connection final : public http2::ServerEvents, private http2::KeepaliveUser {
 public:
  // All outlive it.
  Http2Connection(Session& session, WorkerConfig& config, net::Connection& connection);
  ~Http2Connection();
  Http2Connection(const Http2Connection&) = delete;
  Http2Connection& operator=(const Http2Connection&) = delete;

  bool active() const { return !streams_.empty(); }
  bool draining() const { return drain_ != DrainState::kNone; }

  void OnInput(buffer::Buffer& input);
  void OnOutputFull();
  void OnOutputDrained();
  // Tells the client to go elsewhere, and closes when what is in flight is done.
  void StartDrain();
  // Every stream is cut off; nothing is sent any more.
  void AbortAll(const http::ProxyError& error);
  // At the end, when no turn will come: streams are gone at once.
  void Drop();

  // http2::ServerEvents
  NewRequest OnNewRequest(http::ServerCodecStream& stream) override;
  void OnOutput() override;
  void OnStreamDone(http::ServerCodecStream& stream, bool keep_alive) override;
  void OnInputInterestChanged() override;
  void OnStreamOutputFull(http::ServerCodecStream& stream) override;
  void OnStreamOutputDrained(http::ServerCodecStream& stream) override;
  void OnPingAck() override;

 private:
  enum class DrainState : uint8_t { kNone, kNoticed, kLast };
  struct Entry {
    std::unique_ptr<ServerStream> stream;
    bool window_full = false;  // its client's window holds it up
  };

  // http2::KeepaliveUser
  void SendKeepalivePing() override { codec_.SendPing(); }
  void OnKeepaliveTimeout() override;

  static void OnTurnEnd(void* self);
  static void OnDrainTimer(void* self);
  void Finish(std::unique_ptr<ServerStream> stream);
  void CountReset(const ServerStream& stream);
  // After the codec was at work: an error, or the end of a drained connection.
  void LookAtCodec();
  void RecycleFinished();

  Session& session_;
  WorkerConfig& config_;
  net::Connection& connection_;
  absl::flat_hash_map<http::ServerCodecStream*, Entry> streams_;
  std::vector<std::unique_ptr<ServerStream>> finished_;  // recycled at the end of the turn
  uint64_t closed_streams_ = 0;
  uint64_t premature_resets_ = 0;
  DrainState drain_ = DrainState::kNone;
  bool ended_ = false;           // the codec is not asked any more
  bool output_full_ = false;     // the connection's
  bool resume_pending_ = false;  // a sink that was resumed is owed something
  event::Timer drain_timer_;
  event::TurnTask turn_end_;
  http2::Keepalive keepalive_;
  http2::ServerCodec codec_;
};

}  // namespace remora::connection_manager
