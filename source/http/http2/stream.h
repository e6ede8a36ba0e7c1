#pragma once

// Stream: one exchange on a connection of HTTP/2, what both sides have in common: bytes that wait
// for the sink, bytes that wait for the peer's window, and the ends of both directions.
//
//   input    kHead --head--> kBody --END_STREAM--> kEnded      held bytes go out after Resume
//   output   kHead --head--> kBody --End----------> kEnded     pending bytes go out with the window
//
// Owner: its Session, until nghttp2 has closed it (both directions done and sent, or reset).
// Thread: the session's worker. Credit goes back to the peer for bytes that the sink has taken and
// for no others, so what a stream holds is bounded by its window, and what a slow sink holds up is
// its own stream. Virtual because servers and clients have sinks of different types.

#include <cstdint>
#include <string>
#include <vector>

#include "source/base/intrusive_list.h"
#include "source/buffer/buffer.h"
#include "source/http/http2/head_writer.h"
#include "source/http/http2/header_block.h"
#include "source/http/http2/memory.h"
#include "source/http/message.h"
#include "source/http/wire_bytes.h"

namespace remora::http2 {

class Session;

struct ResumedTag;
struct DrainedTag;
struct ResettingTag;

// Fields that outlive the message they came from.
class OwnedFields {
 public:
  void Assign(const std::vector<WireField>& fields);
  const std::vector<WireField>& fields() const { return fields_; }
  bool empty() const { return fields_.empty(); }

 private:
  std::string text_;
  std::vector<WireField> fields_;
};

class Stream : public base::ListNode<Stream, ResumedTag>,
               public base::ListNode<Stream, DrainedTag>,
               public base::ListNode<Stream, ResettingTag> {
 public:
  explicit Stream(Session& session);
  virtual ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  static void* operator new(size_t size, Memory* memory);
  static void operator delete(void* piece) { Memory::Free(piece); }
  static void operator delete(void* piece, Memory*) { Memory::Free(piece); }

  int32_t id() const { return id_; }

 protected:
  // From the session, in order. A block of fields is complete.
  virtual void OnBlock(HeaderBlock& block, bool ends) = 0;
  virtual void DeliverData(buffer::Buffer& data) = 0;
  virtual void DeliverEnd() = 0;
  // The peer broke the rules of messages with this stream.
  virtual void OnMalformed(HeaderBlock::Fault fault) = 0;
  // More or less than the limit waits for the peer's window.
  virtual void OnOutputFull() = 0;
  virtual void OnOutputDrained() = 0;
  // The last call: nghttp2 has forgotten it.
  virtual void OnClosed(uint32_t error_code) = 0;

  enum class Direction : uint8_t { kHead, kBody, kEnded };
  // The body begins; `length` bytes of it must come (kAnyLength: as many as do).
  static constexpr uint64_t kAnyLength = UINT64_MAX;
  void BeginInput(uint64_t length);
  // END_STREAM came. False when bytes are missing.
  bool FinishInput();
  // No further input is delivered; what is held is dropped and its credit given back.
  void StopInput();
  void PauseInput(http::PauseReason reason) { pause_.Set(reason); }
  void ResumeInput(http::PauseReason reason);

  void SendHead(const std::vector<WireField>& fields, bool ends);
  void SendInterim(const std::vector<WireField>& fields);
  void SendData(buffer::Buffer& data);
  // `trailers` empty: none.
  void SendEnd(const std::vector<WireField>& trailers);
  void SendReset(uint32_t error_code);
  // The same behind the bytes that the peer's window lets through: a reader has some use for the
  // beginning of an answer that is cut off.
  void SendResetBehindOutput(uint32_t error_code);

  Session& session_;
  Direction input_ = Direction::kHead;
  Direction output_ = Direction::kHead;
  http::WireBytes* wire_ = nullptr;  // bytes are counted there; null: nowhere
  bool reset_ = false;               // RST_STREAM is on its way or has come
  bool end_received_ = false;        // END_STREAM

 private:
  friend class Session;

  // False when the bytes are more than the head has announced.
  bool TakeData(buffer::Buffer& data);
  // All announced bytes of a request are here, and END_STREAM is not. What HTTP/1 would take for
  // the whole request does not go on before it is known that nothing else follows.
  bool AwaitsEnd() const;
  // Frames of the message; `head`: HEADERS, with their CONTINUATION frames.
  void CountReceived(size_t payload, bool head);
  void CountSent(size_t payload, bool head);
  // Gives the sink what it is owed.
  void Deliver();
  void Credit(size_t size);
  void WakeLibrary();
  void SubmitReset();

  int32_t id_ = 0;    // 0: not known to nghttp2 yet
  size_t index_ = 0;  // in Session::streams_
  http::PauseMask pause_;
  bool delivering_ = false;
  bool output_full_ = false;
  bool deferred_ = false;  // nghttp2 waits for more to send
  bool closed_ = false;    // nghttp2 has forgotten it; it goes when the sink has everything
  uint32_t reset_code_ = 0;
  uint64_t expected_ = kAnyLength;
  buffer::Buffer held_;
  buffer::Buffer pending_;
  OwnedFields trailers_;
};

}  // namespace remora::http2
