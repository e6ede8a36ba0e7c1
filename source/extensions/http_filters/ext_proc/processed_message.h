#pragma once

// ProcessedMessage: a request or a response on its way by the processor.
//
//   head --sent--> kHead --answer--> body: goes by, or to the processor by its mode --> trailers
//
//   waits for   what it keeps meanwhile                     after the answer
//   kHead       head (held), bytes that came                as the mode says
//   kWhole      head, all of the body, the end              changed, goes on
//   kPieces     pieces that are not answered                each goes on by itself
//   kPart       head, the body up to the buffer limit       goes on; what is behind goes by
//   kTrailers   the end, and what was kept before           goes on
//
// Bytes that wait are here, not in the chain, because the processor may replace them. Over the
// stream's buffer limit a BUFFERED body is refused (413 or 500), others pause their source, and so
// do kMaxPieces pieces without an answer.
//
// Owner: ExtProcFilter. Thread: the stream's worker. Failures are the filter's to answer.
// Source: Envoy source/extensions/filters/http/ext_proc/processor_state.cc.

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "source/buffer/buffer.h"
#include "source/event/timer.h"
#include "source/extensions/http_filters/ext_proc/settings.h"
#include "source/http/filter/filter.h"

namespace envoy::service::ext_proc::v3 {
class BodyResponse;
class CommonResponse;
class HeadersResponse;
class TrailersResponse;
}  // namespace envoy::service::ext_proc::v3

namespace remora::extensions {

class ExtProcFilter;

class ProcessedMessage {
 public:
  // Pieces without an answer, however small they are.
  static constexpr size_t kMaxPieces = 1000;

  enum class Waiting : uint8_t { kNothing, kHead, kWhole, kPieces, kPart, kTrailers };

  ProcessedMessage(ExtProcFilter& filter, bool is_request);
  ProcessedMessage(const ProcessedMessage&) = delete;
  ProcessedMessage& operator=(const ProcessedMessage&) = delete;

  MessageMode& mode() { return mode_; }
  const MessageMode& mode() const { return mode_; }
  Waiting waiting() const { return waiting_; }
  // No body follows the head.
  bool bodiless() const { return bodiless_; }
  // The last piece of a streamed body has been answered.
  bool body_answered() const { return end_sent_ && pieces_.empty(); }

  // The filter's hooks.
  http::Answer OnHead(http::RequestHead& head);
  http::Answer OnHead(http::ResponseHead& head);
  http::Answer OnData(buffer::Buffer& data);
  http::Answer OnEnd(http::HeaderMap* trailers);

  // What the processor answers. FailedPrecondition: nothing of that kind was asked.
  absl::Status TakeHeadAnswer(const envoy::service::ext_proc::v3::HeadersResponse& answer);
  absl::Status TakeBodyAnswer(const envoy::service::ext_proc::v3::BodyResponse& answer);
  absl::Status TakeTrailersAnswer(const envoy::service::ext_proc::v3::TrailersResponse& answer);

  // Gives the processor another time for its answer; false: none is due, or it has had that.
  bool Extend(event::Duration timeout);
  // No answer will come: what is kept goes on as it is.
  void LetGo();
  // The exchange is over.
  void Stop() { Settle(); }
  // There is room in the stream again.
  void OnWritable();

 private:
  using Common = envoy::service::ext_proc::v3::CommonResponse;

  static void OnTimeout(void* self);

  template <class Head>
  http::Answer TakeHead(Head& head);
  http::Answer Collect(buffer::Buffer& data);
  http::Answer OnBodyEnd();
  // A tunnel has no end to wait for: only pieces of it can be sent.
  void PassTunnel();
  http::Answer RefuseTooLarge();
  // What is passed goes on, unless the stream has no room.
  http::Answer PassObserved();
  uint64_t limit() const;
  bool over_limit() const { return body_.length() > limit(); }
  // No further piece of a streamed body is to come; or one may again.
  bool crowded() const;
  bool has_room() const;

  void SendBody(const buffer::Buffer& body, bool end);
  void SendPiece(const buffer::Buffer& body, bool end);
  void SendTrailers();
  void Await(Waiting waiting);
  void Settle();

  absl::Status Mutate(const Common& answer);
  void ReplaceBody(const Common& answer);
  absl::Status CheckLength(const Common& answer) const;
  absl::Status TakeWhole(const Common& answer);
  void TakePiece(const Common& answer);
  void Reroute(const Common& answer);
  void GoOnAfterHead();
  void ResumeIfRoom();

  http::HeaderMap& fields() const;
  http::Framing& framing() const;
  uint64_t& length() const;
  bool drops_length() const;
  bool allows_body() const;
  void DropLength();
  void FitFraming();

  void Add(buffer::Buffer& data);
  void Resume();
  void Release();

  ExtProcFilter& filter_;
  const bool is_request_;
  MessageMode mode_;
  // One of them; null before it came.
  http::RequestHead* request_ = nullptr;
  http::ResponseHead* response_ = nullptr;
  http::HeaderMap* trailers_ = nullptr;
  buffer::Buffer body_;
  std::vector<uint32_t> pieces_;  // sizes of those at the front of body_ that are not answered
  event::Timer timer_;
  Waiting waiting_ = Waiting::kNothing;
  bool held_ = false;  // the head is in the chain's hold
  bool bodiless_ = false;
  bool came_ = false;      // some of the body has
  bool ended_ = false;     // the end has come
  bool end_sent_ = false;  // the processor knows that
  bool paused_ = false;    // by a full buffer
  bool replaced_ = false;
  bool refused_ = false;  // it was too long
  bool part_done_ = false;
  bool extended_ = false;
};

}  // namespace remora::extensions
