#pragma once

// Session: one downstream connection that speaks HTTP (room 4): its codec and its streams.
//
// Owner: the worker's listener until the connection is closed, then the dispatcher's deferred list.
// Thread: its worker. It feeds the codec, owns the streams that the codec begins, decides when the
// connection ends (idle timeout, Connection: close, protocol error, drain), and tells its owner.

#include <memory>
#include <vector>

#include "source/http/codec.h"
#include "source/http/connection_manager/header_policy.h"
#include "source/http/connection_manager/worker_config.h"
#include "source/http/filter/connection_states.h"
#include "source/net/connection.h"

namespace remora::connection_manager {

class ServerStream;
class Session;

// Who holds sessions.
class SessionOwner {
 public:
  // The connection is gone; the owner gives the session to Dispatcher::DeferDelete.
  virtual void OnSessionClosed(Session& session) = 0;

 protected:
  ~SessionOwner() = default;
};

class Session final : public event::Deferred,
                      public net::ConnectionHandler,
                      public http::ServerCodecEvents {
 public:
  Session(std::shared_ptr<WorkerConfig> config, SessionOwner& owner, net::Socket socket,
          const net::Address& remote);
  ~Session() override;

  void Start() { connection_.StartAccepted(); }
  // Ends the connection now; the owner is not told.
  void Close();
  // Answers what is in flight with Connection: close; an idle connection ends now.
  void Drain();

  const Peer& peer() const { return peer_; }
  http::ConnectionStates& filter_states() { return filter_states_; }
  event::TimePoint started() const { return started_; }
  // The response that begins now is the connection's last.
  bool ShouldCloseAfterResponse() const;
  // A response was cut off: the connection is of no more use.
  void OnStreamAborted();
  size_t index = 0;  // the owner's

  // net::ConnectionHandler
  void OnInput(buffer::Buffer& input) override;
  void OnInputEnd() override;
  void OnClosed(net::CloseReason reason, int error) override;
  void OnOutputFull() override;
  void OnOutputDrained() override;

  // http::ServerCodecEvents
  NewRequest OnNewRequest(http::ServerCodecStream& stream) override;
  void OnOutput() override { connection_.Cork(); }
  void OnStreamDone(bool keep_alive) override;
  void OnInputInterestChanged() override;

 private:
  static void OnIdle(void* self);
  static void OnTurnEnd(void* self);
  void ArmIdle();
  void OnProtocolError();
  void UpdateReading();
  void FinishStream();
  void CountClose(bool remote);

  std::shared_ptr<WorkerConfig> config_;
  SessionOwner& owner_;
  net::Address remote_;
  Peer peer_;
  http::ConnectionStates filter_states_;
  uint32_t requests_ = 0;
  event::TimePoint started_;
  bool closing_ = false;     // no further request is served
  bool peer_ended_ = false;  // and it was the client that began to end it
  bool aborted_ = false;     // close once what is queued is flushed
  bool ended_ = false;       // statistics are done
  bool in_dispatch_ = false;
  std::unique_ptr<ServerStream> stream_;    // HTTP/1: one at a time
  std::unique_ptr<ServerStream> finished_;  // recycled at the end of the turn
  event::Timer idle_timer_;
  event::TurnTask turn_end_;
  net::Connection connection_;
  http1::ServerCodec codec_;
};

}  // namespace remora::connection_manager
