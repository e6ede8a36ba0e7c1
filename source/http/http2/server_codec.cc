#include "source/http/http2/server_codec.h"

#include <utility>

#include "source/base/check.h"
#include "source/http/codes.h"
#include "source/http/http2/details.h"
#include "source/http/http2/error_code.h"
#include "source/http/http2/head_writer.h"

namespace remora::http2 {

using http::ErrorKind;
using http::Framing;
using http::ProxyError;
using http::Side;

// One exchange: its request comes from the session, its response from the chain.
class ServerCodec::RequestStream final : public Stream, public http::ServerCodecStream {
 public:
  explicit RequestStream(ServerCodec& codec) : Stream(codec.session_), codec_(codec) {}

  // http::ServerCodecStream
  void OnHead(http::ResponseHead& head) override;
  void OnData(buffer::Buffer& data) override;
  void OnEnd(http::HeaderMap* trailers) override;
  void OnReset(const ProxyError& error) override;
  void SendContinue() override;
  void Pause(http::PauseReason reason) override { PauseInput(reason); }
  void Resume(http::PauseReason reason) override { ResumeInput(reason); }

 private:
  // Stream
  void OnBlock(HeaderBlock& block, bool ends) override;
  void DeliverData(buffer::Buffer& data) override { sink_->OnData(data); }
  void DeliverEnd() override { sink_->OnEnd(trailers_); }
  void OnMalformed(HeaderBlock::Fault fault) override;
  void OnOutputFull() override { codec_.events_.OnStreamOutputFull(*this); }
  void OnOutputDrained() override { codec_.events_.OnStreamOutputDrained(*this); }
  void OnClosed(uint32_t error_code) override;

  void BeginRequest(HeaderBlock& block, bool ends);
  bool TakeTrailers(HeaderBlock& block);
  // The sink is told that the exchange is cut off, once.
  void Tell(const ProxyError& error);

  ServerCodec& codec_;
  base::Arena* arena_ = nullptr;       // null: no request has begun
  http::RequestSink* sink_ = nullptr;  // null: it hears nothing more
  http::HeaderMap* trailers_ = nullptr;
  http::Method method_ = http::Method::kOther;
};

std::unique_ptr<Stream> ServerCodec::OnPeerStream() {
  return std::unique_ptr<Stream>(new (session_.options().memory) RequestStream(*this));
}

absl::Status ServerCodec::OnInputEnd() {
  if (session_.streams() == 0) return absl::OkStatus();
  return absl::DataLossError(absl::string_view(detail::kCut.data(), detail::kCut.size()));
}

void ServerCodec::GiveUp(std::string_view why) { session_.Fail(kEnhanceYourCalm, why); }

// --- the request ---

void ServerCodec::RequestStream::OnBlock(HeaderBlock& block, bool ends) {
  if (arena_ == nullptr) {
    BeginRequest(block, ends);
    return;
  }
  if (input_ == Direction::kEnded && !end_received_) {
    end_received_ = ends;  // behind an answer that is over: nobody's
    return;
  }
  const bool expected = ends && input_ == Direction::kBody && !end_received_;
  if (expected && TakeTrailers(block) && FinishInput()) return;
  OnMalformed(block.fault() != HeaderBlock::Fault::kNone ? block.fault()
                                                         : HeaderBlock::Fault::kMalformed);
}

void ServerCodec::RequestStream::BeginRequest(HeaderBlock& block, bool ends) {
  const http::ServerCodecEvents::NewRequest request = codec_.events_.OnNewRequest(*this);
  arena_ = request.arena;
  sink_ = request.sink;
  wire_ = request.wire;
  auto& head = *arena_->New<http::RequestHead>(*arena_);
  const RequestRules rules{session_.options().protocol.allow_connect, ends};
  if (!block.TakeRequest(rules, head)) {
    OnMalformed(block.fault());
    return;
  }
  method_ = head.method_id;
  const bool any_length = head.framing == Framing::kStreamed || head.framing == Framing::kTunnel;
  BeginInput(any_length ? kAnyLength : head.length);
  sink_->OnHead(head);
  if (ends) FinishInput();
}

bool ServerCodec::RequestStream::TakeTrailers(HeaderBlock& block) {
  auto* const trailers = arena_->New<http::HeaderMap>(*arena_);
  if (!block.TakeTrailers(*trailers)) return false;
  session_.options().stats.trailers.Inc();
  if (!trailers->empty()) trailers_ = trailers;
  return true;
}

void ServerCodec::RequestStream::Tell(const ProxyError& error) {
  http::RequestSink* const sink = std::exchange(sink_, nullptr);
  if (sink != nullptr) sink->OnReset(error);
}

void ServerCodec::RequestStream::OnMalformed(HeaderBlock::Fault fault) {
  session_.OnMalformed(*this, fault);
  // A connection that is given up is the owner's, with all its streams.
  if (session_.failed()) return;
  std::string_view why = detail::kMessagingViolation;
  if (fault == HeaderBlock::Fault::kTooLarge) why = detail::kTooManyHeaders;
  if (fault == HeaderBlock::Fault::kInvalidField) why = detail::kInvalidHeaderField;
  if (fault == HeaderBlock::Fault::kUnderscore) why = detail::kUnexpectedUnderscore;
  Tell({Side::kDownstream, ErrorKind::kDownstreamProtocolError, why});
}

void ServerCodec::RequestStream::OnClosed(uint32_t error_code) {
  const bool complete = output_ == Direction::kEnded && error_code == kNoError;
  if (!complete) {
    const bool refused = error_code == kRefusedStream;
    Tell({Side::kDownstream, ErrorKind::kDownstreamReset,
          refused ? detail::kRemoteRefuse : detail::kRemoteReset});
  }
  sink_ = nullptr;
  if (arena_ != nullptr) codec_.events_.OnStreamDone(*this, true);
}

// --- the response ---

void ServerCodec::RequestStream::OnHead(http::ResponseHead& head) {
  std::vector<WireField>& fields = codec_.fields_;
  ListResponse(head, method_, fields);
  if (head.status < 200 && head.framing != Framing::kTunnel) {
    SendInterim(fields);
    return;
  }
  const bool bodiless = head.framing != Framing::kTunnel &&
                        (method_ == http::Method::kHead || http::StatusForbidsBody(head.status));
  SendHead(fields, bodiless || head.framing == Framing::kNone);
}

void ServerCodec::RequestStream::OnData(buffer::Buffer& data) {
  if (output_ == Direction::kBody) {
    SendData(data);
  } else {
    data.Clear();  // of an answer to HEAD
  }
}

void ServerCodec::RequestStream::OnEnd(http::HeaderMap* trailers) {
  if (output_ == Direction::kBody) {
    codec_.fields_.clear();
    if (trailers != nullptr) ListTrailers(*trailers, codec_.fields_);
    SendEnd(codec_.fields_);
  }
  // The rest of the request is of no use to anybody.
  if (input_ != Direction::kEnded) StopInput();
}

void ServerCodec::RequestStream::OnReset(const ProxyError&) {
  sink_ = nullptr;
  wire_ = nullptr;
  // As Envoy: it is not the client that broke a protocol.
  SendResetBehindOutput(kInternalError);
}

void ServerCodec::RequestStream::SendContinue() {
  codec_.fields_ = {{":status", "100"}};
  SendInterim(codec_.fields_);
}

}  // namespace remora::http2
