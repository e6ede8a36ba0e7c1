#pragma once

// Session: one connection of HTTP/2 (RFC 9113), what servers and clients have in common: nghttp2
// between the connection's bytes and its streams.
//
//   input --Dispatch--> nghttp2 --fields, data--> Stream        (views into the read blocks)
//   Stream --Submit, Resume--> nghttp2 --Flush--> output        (DATA is moved, not copied)
//
// Owner: a ServerCodec or a ClientCodec. Thread: its worker. Sans-I/O: no socket, timer or clock.
// nghttp2 frames, compresses and keeps windows and stream states; what a message may look like is
// HeaderBlock's, what a peer may cost FloodGuard's. Nothing is sent from within nghttp2's
// callbacks: OnOutput asks for a Flush at the end of the turn, when all of the turn's frames go out
// together.
//
// Failures: Dispatch returns a status once the connection is of no more use; GOAWAY is in the
// output then, and error() says why.

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "source/base/intrusive_list.h"
#include "source/buffer/buffer.h"
#include "source/http/http2/flood_guard.h"
#include "source/http/http2/frame_watch.h"
#include "source/http/http2/stream.h"

namespace remora::http2 {

// What a session asks of its codec.
class SessionEvents {
 public:
  // The peer begins a stream; null when there may be none.
  virtual std::unique_ptr<Stream> OnPeerStream() = 0;
  // Flush() has something to do.
  virtual void OnOutput() = 0;
  // Call Dispatch() again at the end of the turn: a sink that was resumed is owed something.
  virtual void OnResumed() = 0;
  virtual void OnPingAck() = 0;
  // GOAWAY came, or the peer's limits changed.
  virtual void OnPeerLimits() = 0;

 protected:
  ~SessionEvents() = default;
};

class Session {
 public:
  enum class Role : uint8_t { kServer, kClient };

  // All outlive the session. The preface is in the output of the first Flush.
  Session(Role role, SessionEvents& events, buffer::Buffer& output, const CodecOptions& options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  absl::Status Dispatch(buffer::Buffer& input);
  // Moves what is to be sent into the output. A peer that does not read what we must answer may be
  // found out here: then failed() is true afterwards.
  void Flush();

  const http::CodecError& error() const { return error_; }
  bool failed() const { return failed_; }
  size_t streams() const { return streams_.size(); }
  bool dispatching() const { return dispatching_; }
  const CodecOptions& options() const { return options_; }

  // Streams that we begin.
  bool MayBegin() const;
  void Adopt(std::unique_ptr<Stream> stream);
  bool peer_going_away() const { return peer_going_away_; }

  // Says that no further streams will be served, but serves those that are on their way.
  void SendShutdownNotice();
  // No stream above the last one is served.
  void SendGoAway();
  void SendPing();
  // A malformed message: ends the stream or, by default, the connection.
  void OnMalformed(Stream& stream, HeaderBlock::Fault fault);
  void Fail(uint32_t error_code, std::string_view detail);

 private:
  friend class Stream;
  struct Library;  // what touches nghttp2's types

  // From nghttp2; false: the session has failed, and nothing more is read.
  bool OnFrameBegin(uint8_t type, int32_t id);
  void OnBlockBegin(Stream* stream);
  Stream* BeginPeerStream(int32_t id);
  bool WasSkipped(int32_t id) const;
  void OnField(std::string_view name, std::string_view value);
  bool OnBlockEnd(bool ends);
  bool OnBody(Stream* stream, const char* data, size_t size);
  bool OnBodyEnd(Stream& stream);
  // HEADERS and DATA.
  static void CountFrame(Stream* stream, size_t payload, bool head, bool sent);
  bool OnPayload(size_t size, bool ends);
  void OnStreamClosed(Stream& stream, uint32_t error_code);
  bool OnFrameSent(FloodGuard::Outbound kind);
  void OnEndSent(Stream& stream);
  void OnGoAwaySent(uint32_t error_code);
  void MoveData(Stream& stream, std::string_view frame_head, size_t size);
  void OnPeerGoAway();

  void SendPreface();
  void FlushFrames();
  // False: the session has failed, and nothing more is read.
  bool ReadPiece(std::string_view piece);
  void DeliverResumed();
  void TellDrained();
  void TellOutbound();
  void Remove(Stream& stream);
  void Queue(Stream& stream);
  // `size` bytes of a stream (null: one that is gone) have left the input side.
  void Consume(const Stream* stream, size_t size);
  void SendRawGoAway(uint32_t error_code);
  absl::Status Result() const;

  const Role role_;
  SessionEvents& events_;
  buffer::Buffer& output_;
  const CodecOptions& options_;
  std::unique_ptr<Library> library_;
  FloodGuard guard_;
  FrameWatch watch_;  // of a server
  HeaderBlock block_;
  std::vector<std::unique_ptr<Stream>> streams_;
  base::IntrusiveList<Stream, ResumedTag> resumed_;
  base::IntrusiveList<Stream, DrainedTag> drained_;
  base::IntrusiveList<Stream, ResettingTag> resetting_;  // reset once what they have is out
  buffer::Buffer* input_ = nullptr;                      // within Dispatch
  Stream* block_stream_ = nullptr;  // whose block is being read; null: nobody's
  uint64_t written_ = 0;            // bytes ever put into the output
  uint64_t told_frames_ = 0;        // what the gauges know of
  uint64_t told_control_frames_ = 0;
  uint32_t malformed_ = 0;  // streams
  int32_t last_peer_stream_ = -1;
  // Between which stream numbers the peer has left some out.
  std::vector<std::pair<int32_t, int32_t>> skipped_;
  http::CodecError error_;
  bool failed_ = false;
  bool goaway_written_ = false;
  bool dispatching_ = false;
  bool flushing_ = false;
  bool peer_going_away_ = false;
  bool draining_ = false;  // GOAWAY is on its way
};

}  // namespace remora::http2
