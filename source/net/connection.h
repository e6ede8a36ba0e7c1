#pragma once

// Connection: one byte stream to a peer (room 2 and 9: wire in, wire out).
//
// Owner: the holder of its handler (a downstream session's holder or a pool connection). Thread:
// its worker. It reads when readiness says so, hands the input buffer to its ConnectionHandler, and
// sends corked output once at the end of the turn.
//
//   kConnecting --writable--> kOpen --Close()/FIN+flush/error--> kClosed
//        |                    ^   \--CloseAfterFlush()--> kClosing --> kLingering --> kClosed
//        \--> kHandshaking ---/
//
// An accepted socket begins in kOpen, or in kHandshaking when its transport has a handshake. Before
// kOpen no input is offered and no output is sent; the handshake goes on while reading is paused.
//
// Contract: the handler is called only from the dispatcher, never from inside a method that the
// handler itself called. Close() by the owner makes no callback. After OnClosed nothing is called.
// Failures are reported as an errno value and a side; nothing is thrown.
//
// A reset is known at once, but for one that comes together with the last bytes before it: libevent
// shows the two as it shows bytes alone. A write that succeeds proves that there was none; where
// nothing is written, the connection is looked at once more when it has been still for a moment
// (Dispatcher::AtSweep), so that no message costs a further read.
//
// Back-pressure: OnOutputFull when more than `output_limit` bytes remain unsent after a flush,
// OnOutputDrained when half of that or less is left. Reading is paused by PauseReading, which is
// idempotent; the kernel's receive window then stops the peer.

#include <cstdint>
#include <memory>
#include <string_view>

#include "source/buffer/buffer.h"
#include "source/event/dispatcher.h"
#include "source/net/address.h"
#include "source/net/pipe.h"
#include "source/net/socket.h"
#include "source/net/transport_socket.h"
#include "source/stats/handles.h"

namespace remora::net {

enum class CloseReason : uint8_t {
  kPeer,             // FIN from the peer (both directions done) or its reset
  kError,            // a local I/O error; `error` says which
  kConnectFailed,    // connect was refused or failed
  kLingerTimeout,    // we were closing, and the peer did not take the rest or end in time
  kTransportFailed,  // the handshake, or the peer's records; transport_failure() says why
};

class Connection;

// The door between a connection and the protocol on it.
class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  // Bytes arrived. The handler drains what it takes; what it leaves is offered again with the next.
  virtual void OnInput(buffer::Buffer& input) = 0;
  // The peer will send no more; writing is still possible. Comes after all input was offered, and
  // not while reading is paused.
  virtual void OnInputEnd() = 0;
  // The connection is gone. It may be handed to Dispatcher::DeferDelete from here.
  virtual void OnClosed(CloseReason reason, int error) = 0;
  // Outgoing connections: established, with the transport's handshake. Accepted ones: the handshake
  // is done; not called where there is none.
  virtual void OnConnected() {}
  // After HoldHandshake: the peer's greeting was read; tls() knows the name it asked for.
  virtual void OnHandshakeHeld() {}
  virtual void OnOutputFull() {}
  virtual void OnOutputDrained() {}
  // In the place of OnInput: so many bytes went from the socket into the pipe of ReadInto. 0: the
  // socket has no more, or the pipe no room.
  virtual void OnPiped(size_t) {}
};

class Connection final : public event::Flushable {
 public:
  // How long a closed-for-writing connection waits for the peer's FIN (Envoy's
  // delayed_close_timeout default).
  static constexpr event::Duration kDefaultLinger = event::kSecond;
  // One callback reads at most this much before other connections get their turn.
  static constexpr size_t kReadBudget = 256 * 1024;

  struct Options {
    size_t output_limit = 1024 * 1024;
    stats::Counter received;  // bytes, added as they are read
    stats::Counter sent;
  };

  Connection(event::Dispatcher& dispatcher, buffer::BlockPool& blocks, Socket socket,
             std::unique_ptr<TransportSocket> transport, ConnectionHandler& handler,
             const Options& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // An accepted socket: registers it; what is already there is read in the next turn.
  void StartAccepted();
  // A socket from StartConnect.
  void StartConnecting();

  // Before StartAccepted: the handshake is not answered until ReleaseHandshake, so that a peer can
  // still be turned away as if nobody were here. No effect without a handshake.
  void HoldHandshake() { transport_->Hold(); }
  // At any time; goes on at the end of the turn.
  void ReleaseHandshake();

  // Bytes to send: append here, then say so with Cork(). One writev at the end of the turn.
  buffer::Buffer& output() { return output_; }
  void Cork() { dispatcher_.FlushAtTurnEnd(*this); }

  // Ends it now; unsent output is dropped.
  void Close();
  // Before Close: if output will be dropped, the peer gets a reset. An end like any other would
  // tell it that it has all.
  void ResetIfCut();
  // Sends what is queued, then closes: at once, or with `linger` after the peer's FIN, because a
  // peer that is still sending would get a reset that destroys the answer it has not read yet.
  // Neither waits longer than `linger_time` without progress (0: no limit, and no lingering); what
  // was not sent by then ends in a reset.
  void CloseAfterFlush(bool linger, event::Duration linger_time = kDefaultLinger);
  // Sends what is queued, then FIN; reading goes on.
  void ShutdownAfterFlush();

  // Bytes that need not be looked at go through a pipe, for transports that add nothing to them.
  // ReadInto takes the place of the input buffer, which must be empty; what WriteFrom names is sent
  // behind the output buffer, to which nothing may be added until the pipe is empty. Null ends
  // either; the pipe outlives its use.
  void ReadInto(Pipe* pipe) { in_pipe_ = pipe; }
  void WriteFrom(Pipe* pipe) { out_pipe_ = pipe; }

  void PauseReading() { reading_paused_ = true; }
  void ResumeReading();
  bool reading_paused() const { return reading_paused_; }

  bool open() const { return state_ == State::kOpen; }
  bool handshaking() const { return state_ == State::kHandshaking; }
  bool closed() const { return state_ == State::kClosed; }
  bool output_full() const { return output_full_; }
  // From here on: was a byte given to the kernel (wrote())? Bytes that are still queued now count.
  void WatchWrites() { wrote_ = !output_.empty(); }
  bool wrote() const { return wrote_; }
  // The next write is preceded by a read, so that a FIN that is already here is seen before the
  // bytes go out. For what must not be sent in vain.
  void ReadBeforeWrite() { read_before_write_ = true; }
  event::Dispatcher& dispatcher() { return dispatcher_; }
  // The turn in which bytes last came or went; 0: none has.
  event::TimePoint last_moved() const { return last_moved_; }
  uint64_t bytes_received() const { return bytes_received_; }
  uint64_t bytes_sent() const { return bytes_sent_; }
  int fd() const { return socket_.fd(); }
  Address LocalAddress() const { return net::LocalAddress(socket_.fd()); }
  const buffer::Buffer& input() const { return input_; }
  // The end of input came without the transport's own end (close_notify), which an attacker on the
  // way could have done: what only the end delimits is not known to be whole.
  bool input_cut() const { return input_cut_; }
  // Null: plaintext. Valid as long as this object.
  const TlsFacts* tls() const { return transport_->tls(); }
  // What ALPN agreed on; empty: nothing. Known once OnConnected was called.
  std::string_view application_protocol() const;
  // Why the transport failed; for logs, never for a peer.
  std::string_view transport_failure() const { return transport_->failure(); }

  void Flush() override;

 private:
  enum class State : uint8_t {
    kIdle,
    kConnecting,
    kHandshaking,
    kOpen,
    kClosing,
    kLingering,
    kClosed
  };
  // Whether everything up to the peer's FIN was read, and whether the handler knows.
  enum class InputEnd : uint8_t { kNotYet, kRead, kTold };

  static void OnReadyThunk(void* self, uint32_t ready);
  static void OnReadAgain(void* self);
  void OnReady(uint32_t ready);
  void ReadAtTurnEnd();
  void ReadAgain();
  // The last event may have hidden a reset.
  void LookLater();
  void Look();
  void FailIfBroken();
  void OnReadyWhileConnecting(uint32_t ready);
  void StartTransport();
  void Handshake();
  void OnHandshakeDone(const IoResult& result);
  void OnTransportFailed();
  // What waits to be sent: the transport's own, the buffer's, the pipe's.
  bool HasOutput() const {
    return !output_.empty() || transport_pending_ || (out_pipe_ != nullptr && !out_pipe_->empty());
  }
  IoResult WriteOutput();
  void Read();
  void TakeIn(const IoResult& result);
  void Offer();
  void Discard();
  void Fail(CloseReason reason, int error);
  void FinishFlush();
  // True when the end of our direction is with the kernel.
  bool SendFinish();
  void ArmLinger();
  void UpdateOutputMark();

  event::Dispatcher& dispatcher_;
  ConnectionHandler& handler_;
  std::unique_ptr<TransportSocket> transport_;
  Socket socket_;
  State state_ = State::kIdle;
  bool reading_paused_ = false;
  bool read_pending_ = false;  // readiness came while paused, or a read stopped at its budget
  bool peer_closed_ = false;   // the kernel reported FIN
  // The last event can have been a reset's too, and nothing was sent since.
  bool in_doubt_ = false;
  bool reads_at_turn_end_ = false;  // what read_again_ waits for; a look otherwise
  InputEnd input_end_ = InputEnd::kNotYet;
  bool accepted_ = false;
  bool transport_pending_ = false;  // the transport has bytes of its own to write
  bool finished_ = false;           // the transport's end was asked for
  bool input_cut_ = false;
  CloseReason linger_end_ = CloseReason::kPeer;  // what OnClosed says when lingering ends
  bool waiting_writable_ = false;
  bool output_full_ = false;
  bool linger_ = false;
  bool shutdown_after_flush_ = false;
  bool wrote_ = false;
  bool read_before_write_ = false;
  Pipe* in_pipe_ = nullptr;
  Pipe* out_pipe_ = nullptr;
  Options options_;
  uint64_t bytes_received_ = 0;
  uint64_t bytes_sent_ = 0;
  event::TimePoint last_moved_ = 0;
  event::Duration linger_time_ = kDefaultLinger;
  buffer::Buffer input_;
  buffer::Buffer output_;
  event::TurnTask read_again_;
  std::unique_ptr<event::Timer> linger_timer_;
  event::FileEvent event_;
};

}  // namespace remora::net
