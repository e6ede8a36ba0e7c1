#include "source/http/http2/client_codec.h"

#include <utility>

#include "source/base/check.h"
#include "source/http/http2/details.h"
#include "source/http/http2/error_code.h"
#include "source/http/http2/head_writer.h"

namespace remora::http2 {

using http::ErrorKind;
using http::Framing;
using http::ProxyError;
using http::Side;

// One exchange: its request comes from the router, its response from the session.
class ClientCodec::ResponseStream final : public Stream, public http::ClientCodecStream {
 public:
  ResponseStream(ClientCodec& codec, http::ResponseSink& sink, base::Arena& arena)
      : Stream(codec.session_), codec_(codec), arena_(arena), sink_(&sink) {}

  // http::ClientCodecStream
  void OnHead(http::RequestHead& head) override;
  void OnData(buffer::Buffer& data) override;
  void OnEnd(http::HeaderMap* trailers) override;
  void OnReset(const ProxyError& error) override;
  void Pause(http::PauseReason reason) override { PauseInput(reason); }
  void Resume(http::PauseReason reason) override { ResumeInput(reason); }
  bool ResponseStarted() const override { return response_started_; }
  void CountBytes(http::WireBytes* wire) { wire_ = wire; }

 private:
  // Stream
  void OnBlock(HeaderBlock& block, bool ends) override;
  void DeliverData(buffer::Buffer& data) override { sink_->OnData(data); }
  void DeliverEnd() override;
  void OnMalformed(HeaderBlock::Fault fault) override;
  void OnOutputFull() override { codec_.events_.OnStreamOutputFull(*this); }
  void OnOutputDrained() override { codec_.events_.OnStreamOutputDrained(*this); }
  void OnClosed(uint32_t error_code) override;

  // False when it breaks the rules.
  bool BeginResponse(HeaderBlock& block, bool ends);
  bool TakeTrailers(HeaderBlock& block);
  void Tell(const ProxyError& error);

  ClientCodec& codec_;
  base::Arena& arena_;        // of the exchange; used only while there is a sink
  http::ResponseSink* sink_;  // null: it hears nothing more
  http::HeaderMap* trailers_ = nullptr;
  std::string_view upgrade_;
  uint32_t informational_ = 0;
  http::Method method_ = http::Method::kOther;
  bool response_started_ = false;
};

http::ClientCodecStream& ClientCodec::NewStream(http::ResponseSink& sink, base::Arena& arena) {
  DCHECK(Reusable());
  auto* const stream = new (session_.options().memory) ResponseStream(*this, sink, arena);
  session_.Adopt(std::unique_ptr<Stream>(stream));
  return *stream;
}

void ClientCodec::CountBytes(http::ClientCodecStream& stream, http::WireBytes* wire) {
  static_cast<ResponseStream&>(stream).CountBytes(wire);
}

absl::Status ClientCodec::Dispatch(buffer::Buffer& input) {
  const size_t before = session_.streams();
  absl::Status status = session_.Dispatch(input);
  if (status.ok() && session_.streams() < before) events_.OnCapacityChanged();
  return status;
}

absl::Status ClientCodec::OnInputEnd() {
  if (session_.streams() == 0) return absl::OkStatus();
  return absl::DataLossError(absl::string_view(detail::kCut.data(), detail::kCut.size()));
}

// --- the request ---

void ClientCodec::ResponseStream::OnHead(http::RequestHead& head) {
  method_ = head.upgrade.empty() ? head.method_id : http::Method::kGet;
  upgrade_ = head.framing == Framing::kTunnel ? head.upgrade : std::string_view();
  ListRequest(head, codec_.fields_);
  SendHead(codec_.fields_, head.framing == Framing::kNone);
}

void ClientCodec::ResponseStream::OnData(buffer::Buffer& data) {
  if (output_ == Direction::kBody) {
    SendData(data);
  } else {
    data.Clear();
  }
}

void ClientCodec::ResponseStream::OnEnd(http::HeaderMap* trailers) {
  if (output_ != Direction::kBody) return;
  codec_.fields_.clear();
  if (trailers != nullptr) ListTrailers(*trailers, codec_.fields_);
  SendEnd(codec_.fields_);
}

void ClientCodec::ResponseStream::OnReset(const ProxyError&) {
  sink_ = nullptr;
  wire_ = nullptr;
  SendReset(kCancel);
}

// --- the response ---

void ClientCodec::ResponseStream::OnBlock(HeaderBlock& block, bool ends) {
  if (sink_ == nullptr) return;
  response_started_ = true;
  const bool fine = input_ == Direction::kHead
                        ? BeginResponse(block, ends)
                        : ends && !end_received_ && TakeTrailers(block) && FinishInput();
  if (fine) return;
  OnMalformed(block.fault() != HeaderBlock::Fault::kNone ? block.fault()
                                                         : HeaderBlock::Fault::kMalformed);
}

bool ClientCodec::ResponseStream::BeginResponse(HeaderBlock& block, bool ends) {
  auto& head = *arena_.New<http::ResponseHead>(arena_);
  if (!block.TakeResponse({method_, upgrade_, ends}, head)) return false;
  if (head.status < 200 && head.framing != Framing::kTunnel) {
    if (++informational_ > session_.options().max_informational) return false;
    sink_->OnInterim(head);
    return true;
  }
  const bool any_length = head.framing == Framing::kStreamed || head.framing == Framing::kTunnel;
  BeginInput(any_length ? kAnyLength : head.length);
  sink_->OnHead(head);
  // Where there is no body, its end is known with the head.
  return !ends || FinishInput();
}

bool ClientCodec::ResponseStream::TakeTrailers(HeaderBlock& block) {
  auto* const trailers = arena_.New<http::HeaderMap>(arena_);
  if (!block.TakeTrailers(*trailers)) return false;
  if (!trailers->empty()) trailers_ = trailers;
  return true;
}

void ClientCodec::ResponseStream::DeliverEnd() {
  http::ResponseSink* const sink = std::exchange(sink_, nullptr);
  wire_ = nullptr;
  // An answer that did not wait for its request: the rest would be sent in vain.
  if (output_ != Direction::kEnded) SendReset(kCancel);
  sink->OnEnd(trailers_);
}

void ClientCodec::ResponseStream::Tell(const ProxyError& error) {
  http::ResponseSink* const sink = std::exchange(sink_, nullptr);
  wire_ = nullptr;
  if (sink != nullptr) sink->OnReset(error);
}

void ClientCodec::ResponseStream::OnMalformed(HeaderBlock::Fault fault) {
  session_.OnMalformed(*this, fault);
  if (session_.failed()) return;
  Tell({Side::kUpstream, ErrorKind::kProtocolError,
        fault == HeaderBlock::Fault::kTooLarge ? detail::kTooManyHeaders
                                               : detail::kMessagingViolation});
}

void ClientCodec::ResponseStream::OnClosed(uint32_t error_code) {
  if (error_code == kRefusedStream) {
    Tell({Side::kUpstream, ErrorKind::kRemoteRefused, detail::kRemoteRefuse, true});
  } else if (error_code == kProtocolError) {
    // As Envoy: whichever side it is that broke the protocol.
    Tell({Side::kUpstream, ErrorKind::kProtocolError});
  } else {
    Tell({Side::kUpstream, ErrorKind::kRemoteReset, detail::kRemoteReset});
  }
}

}  // namespace remora::http2
