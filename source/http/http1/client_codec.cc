#include "source/http/http1/client_codec.h"

#include <algorithm>

#include "absl/strings/match.h"

#include "source/base/check.h"
#include "source/http/http1/cross_check.h"
#include "source/http/http1/details.h"
#include "source/http/http1/field_bytes.h"
#include "source/http/http1/framing_rules.h"
#include "source/http/http1/parser.h"
#include "source/http/http1/serializer.h"
#include "source/http/http1/start_line.h"

namespace remora::http1 {
namespace {

FramingInput ResponseFraming(const ResponseLine& line, http::Method method,
                             const FieldSet& fields) {
  FramingInput input;
  input.is_response = true;
  input.version = line.version;
  input.method = method;
  input.status = line.status;
  input.content_length_count = fields.content_length_count;
  input.content_length = fields.content_length;
  input.transfer_encoding_count = fields.transfer_encoding_count;
  input.transfer_encoding = fields.transfer_encoding;
  return input;
}

bool MayBeginResponse(std::string_view text) {
  constexpr std::string_view kVersion = "HTTP/1.";
  const size_t size = std::min(text.size(), kVersion.size());
  return text.substr(0, size) == kVersion.substr(0, size);
}

}  // namespace

http::ClientCodecStream& ClientCodec::NewStream(http::ResponseSink& sink, base::Arena& arena) {
  DCHECK(Reusable());
  sink_ = &sink;
  arena_ = &arena;
  request_ = RequestState::kWaiting;
  response_ = ResponseState::kHead;
  response_started_ = false;
  informational_ = 0;
  informational_bytes_ = 0;
  return *this;
}

absl::Status ClientCodec::Dispatch(buffer::Buffer& input) {
  if (dispatching_) return absl::OkStatus();  // the call below us goes on with the same bytes
  dispatching_ = true;
  absl::Status status = DispatchAll(input);
  dispatching_ = false;
  input_left_ = !input.empty();
  if (status.ok() && input_ended_ && !pause_.paused()) return HandleCut();
  return status;
}

absl::Status ClientCodec::DispatchAll(buffer::Buffer& input) {
  absl::Status status;
  while (!input.empty() && !pause_.paused() && status.ok()) {
    switch (response_) {
      case ResponseState::kNone:
        // An answer nobody asked for, or more than the answer.
        input.Clear();
        return Fail(detail::kCodecError);
      case ResponseState::kHead:
        response_started_ = true;
        if (!ReadHead(input, status)) return status;
        break;
      case ResponseState::kLength:
        ReadLengthBody(input);
        break;
      case ResponseState::kChunked:
        if (!ReadChunkedBody(input, status)) return status;
        break;
      case ResponseState::kUntilClose:
        CountReceived(input.length());
        sink_->OnData(input);
        input.Clear();
        break;
    }
  }
  return status;
}

bool ClientCodec::ReadHead(buffer::Buffer& input, absl::Status& status) {
  HeadScanner::Lines lines;
  switch (scanner_.Scan(input, options_.max_header_bytes, lines)) {
    case HeadScanner::Result::kIncomplete:
      // Another protocol's greeting (SSH, SMTP) may be all that ever comes.
      if (!MayBeginResponse(input.Front())) status = Fail(detail::kCodecError);
      return false;
    case HeadScanner::Result::kComplete:
      status = BeginResponse(input, lines);
      break;
    case HeadScanner::Result::kInvalid:
      status = Fail(detail::kInvalidCharacters);
      break;
    case HeadScanner::Result::kTooLarge:
      status = Fail(detail::kHeadersTooLarge);
      break;
  }
  return status.ok();
}

absl::Status ClientCodec::BeginResponse(buffer::Buffer& input, const HeadScanner::Lines& lines) {
  // Nothing can be answered before the request has begun.
  if (request_ == RequestState::kWaiting) return Fail(detail::kCodecError);
  const HeadText text = TakeHead(input, scanner_.size(), *arena_);
  scanner_.Restart();
  CountReceived(text.size);
  const uint32_t feed = lines.Feed(0, text.text, 0);
  ResponseLine line;
  if (!ParseResponseLine({text.text, feed - 1}, line)) return Fail(detail::kCodecError);

  auto& head = *arena_->New<http::ResponseHead>(*arena_);
  if (options_.name_case == http::NameCase::kAsReceived) {
    head.received = arena_->Copy({text.text, text.size});
  }
  FieldSet fields;
  http::CodecError error;
  const FieldLines source{text, lines, feed + 1, 1};
  if (!ParseFields(source, Section::kResponse, options_.max_headers, head.headers, fields, error)) {
    return Fail(error.detail);
  }
  if (wire_ != nullptr) wire_->head_received += FieldBytes(text.size, feed + 1, fields.lines);
  const FramingDecision framing = DecideFraming(ResponseFraming(line, method_, fields));
  if (framing.rejected()) return Fail(framing.detail);
  // Plainly delimited answers need no second opinion.
  const bool plain = line.version == http::Version::kHttp11 && fields.content_length_count <= 1 &&
                     fields.transfer_encoding_count == 0 &&
                     framing.framing != http::Framing::kStreamed;
  if (!plain) {
    const HeadClaim claim{{text.text, text.size},
                          {},
                          line.status,
                          line.version,
                          fields.lines,
                          fields.content_length_count,
                          fields.transfer_encoding_count,
                          framing};
    if (CrossCheckResponse(claim) != CrossCheck::kAgreed) return Fail(detail::kCodecError);
  }
  head.status = line.status;
  head.version = line.version;
  head.framing = framing.framing;
  head.length = framing.length;
  if (line.status < 200) {
    if (!AgreesToUpgrade(line.status, fields)) return PassInformational(head, text.size);
    head.upgrade = fields.upgrade;
    head.framing = http::Framing::kTunnel;
  }
  const bool keep_alive = !fields.connection.close &&
                          (line.version == http::Version::kHttp11 || fields.connection.keep_alive);
  if (!keep_alive) {
    usable_ = false;
    close_announced_ = true;
  }
  StartBody(head, framing.chunked, input.empty());
  return absl::OkStatus();
}

bool ClientCodec::AgreesToUpgrade(uint16_t status, const FieldSet& fields) const {
  if (status != 101 || tunnel_ != Tunnel::kAsked || upgrade_.empty()) return false;
  // To what was asked for and nothing else.
  return fields.connection.upgrade && fields.upgrade_count == 1 &&
         absl::EqualsIgnoreCase(absl::string_view(upgrade_.data(), upgrade_.size()),
                                absl::string_view(fields.upgrade.data(), fields.upgrade.size()));
}

absl::Status ClientCodec::PassInformational(http::ResponseHead& head, uint32_t size) {
  // Nobody has asked for it; what follows a 101 would be no HTTP.
  if (head.status == 101) return Fail(detail::kCodecError);
  informational_bytes_ += size;
  if (++informational_ > options_.max_informational ||
      informational_bytes_ > options_.max_header_bytes) {
    return Fail(detail::kHeadersTooLarge);
  }
  sink_->OnInterim(head);
  return absl::OkStatus();
}

void ClientCodec::StartBody(http::ResponseHead& head, bool chunked, bool nothing_left) {
  switch (head.framing) {
    case http::Framing::kNone:
      sink_->OnHead(head);
      if (sink_ != nullptr) EndResponse(nullptr, nothing_left);
      return;
    case http::Framing::kLength:
      response_ = ResponseState::kLength;
      remaining_ = head.length;
      break;
    case http::Framing::kStreamed:
      response_ = chunked ? ResponseState::kChunked : ResponseState::kUntilClose;
      if (chunked) {
        decoder_.Start();
      } else {
        usable_ = false;
      }
      break;
    case http::Framing::kTunnel:
      tunnel_ = Tunnel::kOpen;
      response_ = ResponseState::kUntilClose;
      usable_ = false;
      break;
  }
  sink_->OnHead(head);
}

void ClientCodec::ReadLengthBody(buffer::Buffer& input) {
  // sink_ goes null when the stream is reset within a call.
  bool nothing_left = true;
  CountReceived(static_cast<size_t>(std::min<uint64_t>(input.length(), remaining_)));
  if (input.length() <= remaining_) {
    remaining_ -= input.length();
    sink_->OnData(input);
    input.Clear();
  } else {
    nothing_left = false;
    buffer::Buffer body(input.pool());
    body.MoveFrom(input, static_cast<size_t>(remaining_));
    remaining_ = 0;
    sink_->OnData(body);
  }
  if (sink_ != nullptr && remaining_ == 0) EndResponse(nullptr, nothing_left);
}

bool ClientCodec::ReadChunkedBody(buffer::Buffer& input, absl::Status& status) {
  buffer::Buffer body(input.pool());
  HeadScanner::Lines lines;
  http::HeaderMap* trailers = nullptr;
  http::CodecError error;
  const size_t before = input.length();
  const ChunkedDecoder::Result result =
      decoder_.Decode(input, body, options_.max_header_bytes, lines);
  CountReceived(before - input.length());
  switch (result) {
    case ChunkedDecoder::Result::kMore:
      if (!body.empty()) sink_->OnData(body);
      return false;
    case ChunkedDecoder::Result::kInvalid:
      status = Fail(detail::kCodecError);
      return false;
    case ChunkedDecoder::Result::kTooLarge:
      status = Fail(detail::kHeadersTooLarge);
      return false;
    case ChunkedDecoder::Result::kTrailers:
      CountReceived(decoder_.trailer_size());
      trailers =
          TakeTrailers(input, decoder_.trailer_size(), lines, options_.max_headers, *arena_, error);
      if (trailers == nullptr) {
        status = Fail(error.detail);
        return false;
      }
  }
  if (!options_.enable_trailers || trailers->empty()) trailers = nullptr;
  const bool nothing_left = input.empty();
  if (!body.empty()) sink_->OnData(body);
  if (sink_ != nullptr) EndResponse(trailers, nothing_left);
  return true;
}

void ClientCodec::EndResponse(http::HeaderMap* trailers, bool nothing_left) {
  // All state is settled first: the sink may begin the next exchange in OnEnd.
  http::ResponseSink* const sink = sink_;
  if (!nothing_left || request_ != RequestState::kDone) usable_ = false;
  ForgetStream();
  sink->OnEnd(trailers);
}

void ClientCodec::ForgetStream() {
  tunnel_ = Tunnel::kNone;
  wire_ = nullptr;
  sink_ = nullptr;
  arena_ = nullptr;
  pause_ = http::PauseMask();
  request_ = RequestState::kNone;
  response_ = ResponseState::kNone;
}

absl::Status ClientCodec::Fail(std::string_view detail) {
  usable_ = false;
  ForgetStream();
  return absl::InvalidArgumentError(absl::string_view(detail.data(), detail.size()));
}

absl::Status ClientCodec::OnInputEnd() {
  input_ended_ = true;
  // A paused body's last bytes may still lie in the input buffer.
  if (pause_.paused() && input_left_) return absl::OkStatus();
  return HandleCut();
}

absl::Status ClientCodec::HandleCut() {
  usable_ = false;
  if (response_ == ResponseState::kNone) return absl::OkStatus();
  if (response_ == ResponseState::kUntilClose) {
    EndResponse(nullptr, true);
    return absl::OkStatus();
  }
  ForgetStream();
  return absl::DataLossError("connection ended within a response");
}

void ClientCodec::OnHead(http::RequestHead& head) {
  DCHECK(request_ == RequestState::kWaiting);
  method_ = head.method_id;
  if (head.tunnel_ends_here) {
    OpenTunnel();
    return;
  }
  if (head.framing == http::Framing::kTunnel) {
    tunnel_ = Tunnel::kAsked;
    upgrade_ = head.upgrade;
  }
  const size_t before = output_.length();
  WriteRequestHead(head, options_.name_case, output_, writer_);
  CountSent(before);
  if (wire_ != nullptr) {
    // "GET /path HTTP/1.1\r\n"
    constexpr size_t kRestOfLine = 12;
    const std::string_view target =
        head.method_id == http::Method::kConnect ? head.authority : head.path;
    wire_->head_sent +=
        FieldBytes(output_.length() - before, head.method.size() + target.size() + kRestOfLine, 0);
  }
  request_ = RequestState::kBody;
  events_.OnOutput();
}

// The peer does not speak HTTP: its first byte is the client's first behind CONNECT, and the answer
// to that is ours.
void ClientCodec::OpenTunnel() {
  tunnel_ = Tunnel::kOpen;
  usable_ = false;
  request_ = RequestState::kBody;
  response_ = ResponseState::kUntilClose;
  response_started_ = true;
  writer_.Start(BodyMode::kUntilClose, 0);
  auto& head = *arena_->New<http::ResponseHead>(*arena_);
  head.status = 200;
  head.framing = http::Framing::kTunnel;
  sink_->OnHead(head);
}

void ClientCodec::OnData(buffer::Buffer& data) {
  DCHECK(request_ == RequestState::kBody);
  if (tunnel_ == Tunnel::kAsked) {
    // What is sent before the answer may be taken for another request.
    data.Clear();
    Abandon();
    return;
  }
  const size_t before = output_.length();
  const bool fits = writer_.Write(data, output_);
  CountSent(before);
  events_.OnOutput();
  // A filter has made more of the body than the head says.
  if (!fits) Abandon();
}

void ClientCodec::OnEnd(http::HeaderMap* trailers) {
  DCHECK(request_ == RequestState::kBody);
  request_ = RequestState::kDone;
  const size_t before = output_.length();
  const bool complete = writer_.End(options_.enable_trailers ? trailers : nullptr, output_);
  CountSent(before);
  events_.OnOutput();
  if (tunnel_ == Tunnel::kOpen) events_.OnTunnelEnd();
  // The upstream must never take a cut request for a whole one.
  if (!complete) Abandon();
}

void ClientCodec::CountSent(size_t output_before) {
  if (wire_ != nullptr) wire_->sent += output_.length() - output_before;
}

void ClientCodec::OnReset(const http::ProxyError&) {
  // Nothing was sent and nothing came: the connection is as good as before.
  if (request_ == RequestState::kWaiting && !response_started_) {
    ForgetStream();
    return;
  }
  ForgetStream();
  Abandon();
}

void ClientCodec::Abandon() {
  usable_ = false;
  events_.OnUnusable();
}

void ClientCodec::Pause(http::PauseReason reason) {
  if (pause_.Set(reason) && !dispatching_) events_.OnInputInterestChanged();
}

void ClientCodec::Resume(http::PauseReason reason) {
  if (pause_.Clear(reason) && !dispatching_) events_.OnInputInterestChanged();
}

}  // namespace remora::http1
