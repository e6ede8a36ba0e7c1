#include "source/net/connection.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "source/net/tls_facts.h"

namespace remora::net {
namespace {

// The pending error of a socket; 0 when there is none.
int PendingError(int fd) {
  int error = 0;
  socklen_t length = sizeof(error);
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

bool IsPeerReset(int error) { return error == ECONNRESET || error == EPIPE; }

// libevent shows EPOLLERR as room to read and to write, and hides EPOLLRDHUP with it.
bool MayBeReset(uint32_t ready) {
  constexpr uint32_t kMask = event::kReadable | event::kWritable | event::kPeerClosed;
  return (ready & kMask) == (event::kReadable | event::kWritable);
}

}  // namespace

Connection::Connection(event::Dispatcher& dispatcher, buffer::BlockPool& blocks, Socket socket,
                       std::unique_ptr<TransportSocket> transport, ConnectionHandler& handler,
                       const Options& options)
    : dispatcher_(dispatcher),
      handler_(handler),
      transport_(std::move(transport)),
      socket_(std::move(socket)),
      options_(options),
      input_(blocks),
      output_(blocks),
      read_again_(&OnReadAgain, this) {
  // As Envoy: a limit of 0 is none.
  if (options_.output_limit == 0) options_.output_limit = SIZE_MAX;
}

Connection::~Connection() { Close(); }

void Connection::StartAccepted() {
  accepted_ = true;
  StartTransport();
  event_.Register(dispatcher_, socket_.fd(), event::FileEvent::Trigger::kEdge, &OnReadyThunk, this);
}

void Connection::StartConnecting() {
  state_ = State::kConnecting;
  event_.Register(dispatcher_, socket_.fd(), event::FileEvent::Trigger::kEdge, &OnReadyThunk, this);
}

void Connection::StartTransport() {
  state_ = transport_->Start(socket_.fd()) == TransportSocket::Started::kConnected
               ? State::kOpen
               : State::kHandshaking;
}

void Connection::OnReadyThunk(void* self, uint32_t ready) {
  static_cast<Connection*>(self)->OnReady(ready);
}

void Connection::OnReadAgain(void* self) {
  auto* connection = static_cast<Connection*>(self);
  if (std::exchange(connection->reads_at_turn_end_, false)) {
    connection->ReadAgain();
  } else {
    connection->Look();
  }
  connection->LookLater();
}

void Connection::ReadAtTurnEnd() {
  if (std::exchange(reads_at_turn_end_, true)) return;
  read_again_.Unlink();  // it may wait for a sweep
  dispatcher_.AtTurnEnd(read_again_);
}

void Connection::ReadAgain() {
  if (state_ == State::kOpen) {
    if (reading_paused_) return;
    if (input_end_ == InputEnd::kNotYet && (read_pending_ || peer_closed_)) {
      Read();
    } else {
      Offer();  // left over from before a pause
    }
  } else if (state_ == State::kHandshaking) {
    Handshake();
  } else if (state_ == State::kLingering) {
    Discard();
  }
}

void Connection::LookLater() {
  if (!in_doubt_ || read_again_.linked()) return;
  if (state_ == State::kOpen || state_ == State::kHandshaking) dispatcher_.AtSweep(read_again_);
}

void Connection::Look() {
  if (!in_doubt_ || (state_ != State::kOpen && state_ != State::kHandshaking)) return;
  // Where bytes come and go, the next write or event will tell.
  if (dispatcher_.now() - last_moved_ < event::Dispatcher::kSweepPeriod) return;
  in_doubt_ = false;
  if (state_ == State::kHandshaking) {
    Handshake();
  } else if (!reading_paused_ && input_end_ == InputEnd::kNotYet && in_pipe_ == nullptr) {
    Read();
    return;
  }
  if (state_ != State::kClosed) FailIfBroken();  // nobody reads
}

void Connection::FailIfBroken() {
  const int error = PendingError(socket_.fd());
  if (error != 0) Fail(IsPeerReset(error) ? CloseReason::kPeer : CloseReason::kError, error);
}

void Connection::OnReady(uint32_t ready) {
  if (ready & event::kPeerClosed) peer_closed_ = true;
  if (state_ == State::kConnecting) {
    OnReadyWhileConnecting(ready);
    return;
  }
  if (state_ == State::kHandshaking) {
    in_doubt_ = in_doubt_ || MayBeReset(ready);
    Handshake();
    LookLater();
    return;
  }
  if ((ready & event::kWritable) && waiting_writable_) {
    waiting_writable_ = false;
    Cork();
  }
  if (state_ == State::kLingering) {
    Discard();
    return;
  }
  if (!(ready & (event::kReadable | event::kPeerClosed))) return;
  if (reading_paused_) {
    read_pending_ = true;
    // Where nobody reads, the pending error is worth a system call.
    if (MayBeReset(ready)) FailIfBroken();
    return;
  }
  in_doubt_ = in_doubt_ || MayBeReset(ready);
  Read();
  LookLater();
}

void Connection::OnReadyWhileConnecting(uint32_t ready) {
  const int error = PendingError(socket_.fd());
  if (error != 0) {
    Fail(CloseReason::kConnectFailed, error);
    return;
  }
  StartTransport();
  if (state_ == State::kOpen && !output_.empty()) Cork();
  // Whatever came with the event (an eager or an early-closing peer) is looked at in this turn: no
  // other event will tell of it.
  if (ready & (event::kReadable | event::kPeerClosed)) {
    read_pending_ = true;
    ReadAtTurnEnd();
  }
  if (state_ == State::kOpen) handler_.OnConnected();
}

void Connection::Handshake() {
  const IoResult result = transport_->Read(
      socket_.fd(), input_, std::min(kReadBudget, options_.output_limit), peer_closed_);
  if (result.connected) {
    OnHandshakeDone(result);
    return;
  }
  if (result.held) handler_.OnHandshakeHeld();
  switch (result.next) {
    case IoResult::Next::kWait:
    case IoResult::Next::kAgain:
      return;
    case IoResult::Next::kEnd:
    case IoResult::Next::kCut:
      Fail(CloseReason::kPeer, 0);
      return;
    case IoResult::Next::kError:
      Fail(IsPeerReset(result.error) ? CloseReason::kPeer : CloseReason::kError, result.error);
      return;
    case IoResult::Next::kFailed:
      OnTransportFailed();
      return;
  }
}

void Connection::OnHandshakeDone(const IoResult& result) {
  state_ = State::kOpen;
  transport_pending_ = result.pending;
  if (!output_.empty() || shutdown_after_flush_ || transport_pending_) Cork();
  handler_.OnConnected();
  if (state_ != State::kOpen) return;
  // The event that brought the last of the handshake may have told of more.
  if (reading_paused_) read_pending_ = true;
  TakeIn(result);
}

void Connection::ReleaseHandshake() {
  transport_->Release();
  if (state_ == State::kHandshaking) ReadAtTurnEnd();
}

// The alert that says why is already with the kernel. A peer that is still sending (TLS 1.3
// clients do not wait for our verdict) would get a reset that destroys it.
void Connection::OnTransportFailed() {
  if (state_ != State::kHandshaking || !accepted_) {
    Fail(CloseReason::kTransportFailed, 0);
    return;
  }
  shutdown(socket_.fd(), SHUT_WR);
  state_ = State::kLingering;
  linger_end_ = CloseReason::kTransportFailed;
  linger_time_ = kDefaultLinger;
  output_.Clear();
  ArmLinger();
  ReadAtTurnEnd();
}

void Connection::Read() {
  if (input_end_ != InputEnd::kNotYet || reading_paused_) return;
  read_pending_ = false;
  // What is read may all have to wait in the other connection's output: a small limit bounds it
  // too.
  const size_t budget = std::min(kReadBudget, options_.output_limit);
  TakeIn(in_pipe_ != nullptr ? in_pipe_->Fill(socket_.fd(), budget)
                             : transport_->Read(socket_.fd(), input_, budget, peer_closed_));
}

void Connection::TakeIn(const IoResult& result) {
  options_.received.Add(result.bytes);
  bytes_received_ += result.bytes;
  if (result.bytes > 0) last_moved_ = dispatcher_.now();
  if (in_pipe_ != nullptr) handler_.OnPiped(result.bytes);
  if (result.pending && !transport_pending_) {
    transport_pending_ = true;
    Cork();
  }
  switch (result.next) {
    case IoResult::Next::kWait:
      if (!reading_paused_) Offer();
      return;
    case IoResult::Next::kAgain:
      read_pending_ = true;
      ReadAtTurnEnd();
      if (!reading_paused_) Offer();
      return;
    case IoResult::Next::kEnd:
    case IoResult::Next::kCut:
      input_end_ = InputEnd::kRead;
      input_cut_ = result.next == IoResult::Next::kCut;
      if (!reading_paused_) Offer();
      return;
    case IoResult::Next::kError:
      if (!reading_paused_) Offer();
      Fail(IsPeerReset(result.error) ? CloseReason::kPeer : CloseReason::kError, result.error);
      return;
    case IoResult::Next::kFailed:
      if (!reading_paused_) Offer();
      OnTransportFailed();
      return;
  }
}

// A handler that pauses with input left (a pipelined request) gets that input before the end.
void Connection::Offer() {
  if (!input_.empty()) handler_.OnInput(input_);
  if (state_ != State::kOpen || reading_paused_ || input_end_ != InputEnd::kRead) return;
  input_end_ = InputEnd::kTold;
  handler_.OnInputEnd();
}

void Connection::ResumeReading() {
  reading_paused_ = false;
  if (state_ != State::kOpen) return;
  // No event will come for bytes that arrived while paused, nor for those still in our buffer.
  if (read_pending_ || !input_.empty() || input_end_ == InputEnd::kRead) {
    ReadAtTurnEnd();
  }
}

// After our FIN the peer's remaining bytes are read and dropped, so that closing sends no reset.
void Connection::Discard() {
  while (true) {
    const IoResult result = transport_->Read(socket_.fd(), input_, kReadBudget, peer_closed_);
    input_.Clear();
    if (result.next == IoResult::Next::kWait) return;
    if (result.next == IoResult::Next::kAgain) {
      ReadAtTurnEnd();
      return;
    }
    Fail(linger_end_, result.error);
    return;
  }
}

void Connection::Flush() {
  if (state_ != State::kOpen && state_ != State::kClosing) return;
  if (HasOutput() && !waiting_writable_) {
    if (read_before_write_) {
      read_before_write_ = false;
      Read();
      if (state_ == State::kClosed) return;
    }
    const IoResult result = WriteOutput();
    if (result.bytes > 0) {
      wrote_ = true;
      last_moved_ = dispatcher_.now();
      options_.sent.Add(result.bytes);
      bytes_sent_ += result.bytes;
    }
    if (result.next == IoResult::Next::kFailed) {
      Fail(CloseReason::kTransportFailed, 0);
      return;
    }
    if (result.next == IoResult::Next::kError) {
      // What the peer sent before it went may still be readable (an early answer, then close).
      if (state_ == State::kOpen && !reading_paused_ && input_end_ == InputEnd::kNotYet &&
          IsPeerReset(result.error)) {
        output_.Clear();
        if (result.error == EPIPE) {
          Read();  // behind a FIN: the end that it finds is one
        } else {
          // The kernel tells of a reset once: a read now finds an end like that of a FIN, and what
          // is cut off would look whole.
          const IoResult rest = transport_->Read(socket_.fd(), input_, kReadBudget, peer_closed_);
          if (rest.bytes > 0) options_.received.Add(rest.bytes);
          if (!input_.empty()) handler_.OnInput(input_);
        }
        if (state_ == State::kClosed) return;
      }
      Fail(IsPeerReset(result.error) ? CloseReason::kPeer : CloseReason::kError, result.error);
      return;
    }
    in_doubt_ = false;
    waiting_writable_ = HasOutput();
    // A peer that stops reading must not keep a closing connection: the timer runs from the last
    // progress.
    if (state_ == State::kClosing && waiting_writable_ && result.bytes > 0) ArmLinger();
  }
  UpdateOutputMark();
  if (!HasOutput()) FinishFlush();
}

IoResult Connection::WriteOutput() {
  IoResult result;
  if (out_pipe_ == nullptr) [[likely]] {
    result = transport_->Write(socket_.fd(), output_);
    transport_pending_ = result.pending;
    return result;
  }
  if (!output_.empty() || transport_pending_) {
    result = transport_->Write(socket_.fd(), output_);
    transport_pending_ = result.pending;
  }
  const bool more = out_pipe_ != nullptr && output_.empty() && !transport_pending_;
  if (!more || result.next == IoResult::Next::kError) return result;
  IoResult piped = out_pipe_->Drain(socket_.fd());
  piped.bytes += result.bytes;
  return piped;
}

void Connection::UpdateOutputMark() {
  const size_t queued = output_.length() + (out_pipe_ != nullptr ? out_pipe_->bytes() : 0);
  // A full pipe says so by itself: small pieces fill it long before their bytes do.
  const bool stuck = out_pipe_ != nullptr && out_pipe_->full();
  if (!output_full_ && (queued > options_.output_limit || stuck)) {
    output_full_ = true;
    handler_.OnOutputFull();
  } else if (output_full_ && queued <= options_.output_limit / 2 && !stuck) {
    output_full_ = false;
    handler_.OnOutputDrained();
  }
}

void Connection::FinishFlush() {
  if (state_ == State::kOpen) {
    if (shutdown_after_flush_ && SendFinish()) {
      shutdown_after_flush_ = false;
      shutdown(socket_.fd(), SHUT_WR);  // a failure shows up as the next read's result
    }
    return;
  }
  if (state_ != State::kClosing) return;
  if (!SendFinish()) return;
  if (!linger_ || input_end_ != InputEnd::kNotYet) {
    Fail(CloseReason::kPeer, 0);
    return;
  }
  shutdown(socket_.fd(), SHUT_WR);
  state_ = State::kLingering;
  ArmLinger();
  ReadAtTurnEnd();
}

bool Connection::SendFinish() {
  if (finished_) return true;
  finished_ = true;
  // An error shows up as the next read's result, or concerns nobody any more.
  if (!transport_->Finish(socket_.fd()).pending) return true;
  transport_pending_ = true;
  waiting_writable_ = true;
  if (state_ == State::kClosing) ArmLinger();
  return false;
}

void Connection::ArmLinger() {
  if (linger_time_ <= 0) return;
  if (linger_timer_ == nullptr) {
    linger_timer_ = std::make_unique<event::Timer>(
        dispatcher_.timers(),
        [](void* self) {
          auto* connection = static_cast<Connection*>(self);
          connection->ResetIfCut();
          connection->Fail(connection->linger_end_ == CloseReason::kTransportFailed
                               ? CloseReason::kTransportFailed
                               : CloseReason::kLingerTimeout,
                           0);
        },
        this);
  }
  linger_timer_->Arm(dispatcher_.now() + linger_time_);
}

void Connection::CloseAfterFlush(bool linger, event::Duration linger_time) {
  if (state_ == State::kHandshaking) {
    output_.Clear();
    linger = false;  // the peer waits for us
  } else if (state_ != State::kOpen) {
    return;
  }
  state_ = State::kClosing;
  reading_paused_ = true;
  linger_ = linger && linger_time > 0;
  linger_time_ = linger_time;
  if (HasOutput()) ArmLinger();
  Cork();
}

void Connection::ShutdownAfterFlush() {
  if (state_ != State::kOpen && state_ != State::kHandshaking) return;
  shutdown_after_flush_ = true;
  Cork();
}

std::string_view Connection::application_protocol() const {
  const TlsFacts* facts = tls();
  return facts != nullptr ? facts->application_protocol() : std::string_view();
}

void Connection::Fail(CloseReason reason, int error) {
  if (state_ == State::kClosed) return;
  Close();
  handler_.OnClosed(reason, error);
}

void Connection::ResetIfCut() {
  if (state_ != State::kClosed && HasOutput()) ResetOnClose(socket_.fd());
}

void Connection::Close() {
  if (state_ == State::kClosed) return;
  // Also when it is cut short: the peer must know that the end is ours and nobody else's.
  if (state_ == State::kOpen || state_ == State::kClosing) SendFinish();
  state_ = State::kClosed;
  event_.Unregister();
  socket_.Close();
  input_.Clear();
  output_.Clear();
  event::Flushable::Unlink();
  read_again_.Unlink();
  linger_timer_.reset();
}

}  // namespace remora::net
