#include "source/http/http1/server_codec.h"

#include <algorithm>

#include "source/base/check.h"
#include "source/http/ascii.h"
#include "source/http/byte_set.h"
#include "source/http/codes.h"
#include "source/http/http1/cross_check.h"
#include "source/http/http1/details.h"
#include "source/http/http1/field_bytes.h"
#include "source/http/http1/framing_rules.h"
#include "source/http/http1/parser.h"
#include "source/http/http1/serializer.h"
#include "source/http/http1/start_line.h"
#include "source/http/http1/target.h"

namespace remora::http1 {
namespace {

// RFC 9112 section 2.2: at least one empty line before a request line should be ignored.
constexpr uint8_t kMaxEmptyLines = 4;

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

http::CodecError ErrorOf(HeadScanner::Result result) {
  if (result == HeadScanner::Result::kTooLarge) return {431, detail::kHeadersTooLarge};
  return {400, detail::kInvalidCharacters};
}

// Method and space, or as much of them as is there. Looks at a bounded part, because it is asked
// again with every piece of a head.
bool MayBeginRequest(std::string_view text) {
  text = text.substr(0, 64);
  size_t size = 0;
  while (size < text.size() && http::kTokenBytes.Has(text[size])) ++size;
  return size == text.size() || (size > 0 && text[size] == ' ');
}

FramingInput RequestFraming(const RequestLine& line, const FieldSet& fields) {
  FramingInput input;
  input.version = line.version;
  input.method = line.method_id;
  input.content_length_count = fields.content_length_count;
  input.content_length = fields.content_length;
  input.transfer_encoding_count = fields.transfer_encoding_count;
  input.transfer_encoding = fields.transfer_encoding;
  return input;
}

// A body, or a shape that few requests have: llhttp must read it the same way.
bool NeedsCrossCheck(const RequestLine& line, const FieldSet& fields) {
  return fields.content_length_count + fields.transfer_encoding_count > 0 ||
         line.version != http::Version::kHttp11 || line.method_id == http::Method::kOther ||
         line.method_id == http::Method::kConnect || line.target[0] != '/';
}

}  // namespace

absl::Status ServerCodec::Dispatch(buffer::Buffer& input) {
  if (dispatching_) return absl::OkStatus();  // the call below us goes on with the same bytes
  dispatching_ = true;
  absl::Status status = DispatchAll(input);
  dispatching_ = false;
  input_left_ = !input.empty();
  if (status.ok() && input_ended_) return CheckCut();
  return status;
}

absl::Status ServerCodec::DispatchAll(buffer::Buffer& input) {
  for (;;) {
    absl::Status status;
    switch (request_) {
      case RequestState::kIdle:
        if (!ReadHead(input, status)) return status;
        break;
      case RequestState::kLength:
        if (pause_.paused() || input.empty()) return status;
        ReadLengthBody(input);
        break;
      case RequestState::kChunked:
        if (pause_.paused() || input.empty()) return status;
        if (!ReadChunkedBody(input, status)) return status;
        break;
      case RequestState::kTunnel:
        if (pause_.paused() || input.empty()) return status;
        CountReceived(input.length());
        sink_->OnData(input);
        input.Clear();
        break;
      case RequestState::kTunnelAsked:
      case RequestState::kDone:
        return status;
      case RequestState::kFailed:
      case RequestState::kClosed:
        input.Clear();
        return status;
    }
    if (!status.ok()) return status;
  }
}

bool ServerCodec::ReadHead(buffer::Buffer& input, absl::Status& status) {
  if (!scanner_.started()) {
    for (; !input.empty() && input.Front()[0] == '\r'; ++empty_lines_) {
      if (input.length() == 1) return false;
      char line[2];
      input.CopyOut(0, 2, line);
      if (line[1] != '\n' || empty_lines_ == kMaxEmptyLines) {
        status = Fail({400, detail::kCodecError});
        return false;
      }
      input.Drain(2);
    }
    if (input.empty()) return false;
  }
  HeadScanner::Lines lines;
  const HeadScanner::Result result = scanner_.Scan(input, options_.max_header_bytes, lines);
  if (result == HeadScanner::Result::kIncomplete) {
    // Another protocol's greeting (SSH, SMTP) may be all that ever comes.
    if (!MayBeginRequest(input.Front())) status = Fail({400, detail::kCodecError});
    return false;
  }
  status =
      result == HeadScanner::Result::kComplete ? BeginRequest(input, lines) : Fail(ErrorOf(result));
  return status.ok();
}

absl::Status ServerCodec::BeginRequest(buffer::Buffer& input, const HeadScanner::Lines& lines) {
  const http::ServerCodecEvents::NewRequest request = events_.OnNewRequest(*this);
  sink_ = request.sink;
  arena_ = request.arena;
  wire_ = request.wire;
  response_ = ResponseState::kWaiting;
  const HeadText text = TakeHead(input, scanner_.size(), *arena_);
  scanner_.Restart();
  empty_lines_ = 0;
  CountReceived(text.size);

  auto& head = *arena_->New<http::RequestHead>(*arena_);
  bool chunked = false;
  error_.connection_usable = false;
  if (!ReadRequest(text, lines, head, chunked)) {
    if (!error_.connection_usable) return Fail(error_);
    version_ = head.version;
    method_ = head.method_id;
    return Refuse();
  }
  version_ = head.version;
  method_ = head.method_id;
  keep_alive_ = head.keep_alive;
  StartBody(head, chunked);
  return absl::OkStatus();
}

bool ServerCodec::ReadRequest(const HeadText& text, const HeadScanner::Lines& lines,
                              http::RequestHead& head, bool& chunked) {
  const uint32_t feed = lines.Feed(0, text.text, 0);
  RequestLine line;
  if (!ParseRequestLine({text.text, feed - 1}, line, error_)) return false;
  if (line.version == http::Version::kHttp10 && !options_.accept_http_10) {
    error_ = {426, detail::kLowVersion};
    return false;
  }
  if (options_.name_case == http::NameCase::kAsReceived) {
    head.received = arena_->Copy({text.text, text.size});
  }
  FieldSet fields;
  const FieldLines source{text, lines, feed + 1, 1};
  if (!ParseFields(source, Section::kRequest, options_.max_headers, head.headers, fields, error_)) {
    return false;
  }
  if (options_.underscore_names != http::UnderscoreNames::kAllow &&
      !CheckUnderscores(head.headers)) {
    return false;
  }
  if (wire_ != nullptr) wire_->head_received += FieldBytes(text.size, feed + 1, fields.lines);
  FramingInput framing_input = RequestFraming(line, fields);
  framing_input.allow_chunked_length = options_.allow_chunked_length;
  const FramingDecision framing = DecideFraming(framing_input);
  if (framing.rejected()) {
    error_ = {framing.status, framing.detail};
    return false;
  }
  if (fields.upgrade_count > 1) {
    error_ = {400, detail::kCodecError};
    return false;
  }
  if (NeedsCrossCheck(line, fields)) {
    const HeadClaim claim{{text.text, text.size},
                          line.target,
                          0,
                          line.version,
                          fields.lines,
                          fields.content_length_count,
                          fields.transfer_encoding_count,
                          framing};
    const CrossCheck verdict = CrossCheckRequest(claim);
    if (verdict != CrossCheck::kAgreed) {
      error_ = {400,
                verdict == CrossCheck::kInvalidTarget ? detail::kInvalidUrl : detail::kCodecError};
      return false;
    }
  }
  head.method = line.method;
  head.method_id = line.method_id;
  head.version = line.version;
  head.framing = framing.framing;
  head.length = framing.length;
  chunked = framing.chunked;
  head.keep_alive = !fields.connection.close &&
                    (line.version == http::Version::kHttp11 || fields.connection.keep_alive);
  if (chunked && fields.content_length_count > 0) {
    // RFC 9112 section 6.1: what went before on this connection may be an attack.
    head.headers.Remove(http::HeaderId::kContentLength);
    head.keep_alive = false;
  }
  const bool has_body = framing.framing != http::Framing::kNone;
  if (AsksUpgrade(line, fields)) {
    if (has_body) {
      error_ = {400, detail::kBodyDisallowed};
      return false;
    }
    head.upgrade = fields.upgrade;
    head.framing = http::Framing::kTunnel;
  }
  head.expects_continue =
      fields.expects_continue && has_body && line.version == http::Version::kHttp11;
  const TargetRules rules{options_.allow_absolute_url, options_.secure,
                          options_.default_host_for_http_10};
  if (ResolveTarget(line, {fields.host, fields.host_count}, rules, head, error_)) return true;
  error_.connection_usable = options_.keep_after_refusal && head.keep_alive &&
                             head.framing == http::Framing::kNone &&
                             line.version == http::Version::kHttp11;
  return false;
}

bool ServerCodec::AsksUpgrade(const RequestLine& line, const FieldSet& fields) const {
  if (__builtin_expect(fields.upgrade.empty(), 1)) return false;
  if (!fields.connection.upgrade || line.version != http::Version::kHttp11) return false;
  if (line.method_id == http::Method::kConnect) return false;
  // Clients that speak HTTP/2 too ask for it by the way (and to pass it on would hide what they
  // send then).
  if (http::EqualsWord(fields.upgrade, "h2c")) return false;
  return options_.ignores_upgrade == nullptr || !options_.ignores_upgrade(fields.upgrade);
}

// Fields whose names may mean two things are taken out, or make the request a bad one.
bool ServerCodec::CheckUnderscores(http::HeaderMap& fields) {
  for (uint32_t i = 0; i < fields.entry_count(); ++i) {
    const http::HeaderEntry& entry = fields.entries()[i];
    if (entry.removed() || entry.name().find('_') == std::string_view::npos) continue;
    if (options_.underscore_names == http::UnderscoreNames::kReject) {
      options_.rejected_underscore_names.Inc();
      error_ = {400, detail::kUnexpectedUnderscore};
      return false;
    }
    options_.dropped_underscore_names.Add(fields.Remove(entry.name()));
  }
  return true;
}

void ServerCodec::StartBody(http::RequestHead& head, bool chunked) {
  switch (head.framing) {
    case http::Framing::kNone:
      // The response may end within OnHead: the request is known to be over by then.
      request_ = RequestState::kDone;
      sink_->OnHead(head);
      if (sink_ != nullptr) sink_->OnEnd(nullptr);
      return;
    case http::Framing::kLength:
      request_ = RequestState::kLength;
      remaining_ = head.length;
      break;
    case http::Framing::kStreamed:
      DCHECK(chunked);
      request_ = RequestState::kChunked;
      decoder_.Start();
      break;
    case http::Framing::kTunnel:
      request_ = RequestState::kTunnelAsked;
      break;
  }
  sink_->OnHead(head);
}

void ServerCodec::ReadLengthBody(buffer::Buffer& input) {
  // sink_ goes null when the response, and with it the stream, ends within a call.
  CountReceived(static_cast<size_t>(std::min<uint64_t>(input.length(), remaining_)));
  if (input.length() <= remaining_) {
    remaining_ -= input.length();
    if (remaining_ == 0) request_ = RequestState::kDone;
    sink_->OnData(input);
    input.Clear();
  } else {
    buffer::Buffer body(input.pool());
    body.MoveFrom(input, static_cast<size_t>(remaining_));
    remaining_ = 0;
    request_ = RequestState::kDone;
    sink_->OnData(body);
  }
  if (sink_ != nullptr && remaining_ == 0) sink_->OnEnd(nullptr);
}

bool ServerCodec::ReadChunkedBody(buffer::Buffer& input, absl::Status& status) {
  buffer::Buffer body(input.pool());
  HeadScanner::Lines lines;
  http::HeaderMap* trailers = nullptr;
  const size_t before = input.length();
  const ChunkedDecoder::Result result =
      decoder_.Decode(input, body, options_.max_header_bytes, lines);
  CountReceived(before - input.length());
  switch (result) {
    case ChunkedDecoder::Result::kMore:
      if (!body.empty()) sink_->OnData(body);
      return false;
    case ChunkedDecoder::Result::kInvalid:
      status = Fail({400, detail::kCodecError});
      return false;
    case ChunkedDecoder::Result::kTooLarge:
      status = Fail({431, detail::kHeadersTooLarge});
      return false;
    case ChunkedDecoder::Result::kTrailers:
      CountReceived(decoder_.trailer_size());
      trailers = TakeTrailers(input, decoder_.trailer_size(), lines, options_.max_headers, *arena_,
                              error_);
      if (trailers == nullptr) {
        status = Fail(error_);
        return false;
      }
  }
  if (options_.underscore_names != http::UnderscoreNames::kAllow && !CheckUnderscores(*trailers)) {
    status = Fail(error_);
    return false;
  }
  if (!options_.enable_trailers || trailers->empty()) trailers = nullptr;
  request_ = RequestState::kDone;
  if (!body.empty()) sink_->OnData(body);
  if (sink_ != nullptr) sink_->OnEnd(trailers);
  return true;
}

absl::Status ServerCodec::Fail(const http::CodecError& error) {
  error_ = error;
  request_ = RequestState::kFailed;
  keep_alive_ = false;
  sink_ = nullptr;
  return absl::InvalidArgumentError(ToAbsl(error.detail));
}

absl::Status ServerCodec::Refuse() {
  request_ = RequestState::kDone;
  keep_alive_ = true;
  sink_ = nullptr;
  return absl::InvalidArgumentError(ToAbsl(error_.detail));
}

absl::Status ServerCodec::OnInputEnd() {
  input_ended_ = true;
  // A paused body's last bytes may still lie in the input buffer.
  if (pause_.paused() && input_left_) return absl::OkStatus();
  return CheckCut();
}

absl::Status ServerCodec::CheckCut() {
  if (request_ == RequestState::kTunnel && !(pause_.paused() && input_left_)) {
    request_ = RequestState::kDone;
    sink_->OnEnd(nullptr);
    return absl::OkStatus();
  }
  const bool reading_body = request_ == RequestState::kLength || request_ == RequestState::kChunked;
  const bool cut_body = reading_body && !pause_.paused();
  // Who asked for a tunnel has gone before there was one.
  if (request_ == RequestState::kTunnelAsked) return Fail({400, detail::kCodecError});
  const bool cut_head = request_ == RequestState::kIdle && scanner_.started();
  if (!cut_body && !cut_head) return absl::OkStatus();
  return Fail({400, detail::kCodecError});
}

bool ServerCodec::WantsInput() const {
  switch (request_) {
    case RequestState::kIdle:
      return true;
    case RequestState::kLength:
    case RequestState::kChunked:
    case RequestState::kTunnel:
      return !pause_.paused();
    default:
      return false;
  }
}

http::ServerCodecStream& ServerCodec::RejectedStream() {
  DCHECK(request_ == RequestState::kFailed || error_.connection_usable);
  if (response_ == ResponseState::kNone) {
    response_ = ResponseState::kWaiting;
    version_ = http::Version::kHttp11;
    method_ = http::Method::kOther;
  }
  return *this;
}

http::ServerCodecStream& ServerCodec::RejectHead() {
  DCHECK(HeadStarted());
  request_ = RequestState::kFailed;
  keep_alive_ = false;
  return RejectedStream();
}

// Whether the answer agrees to the tunnel that was asked for.
bool ServerCodec::OpensTunnel(const http::ResponseHead& head) const {
  if (request_ != RequestState::kTunnelAsked || head.framing != http::Framing::kTunnel)
    return false;
  return method_ == http::Method::kConnect ? head.status / 100 == 2 : head.status == 101;
}

bool ServerCodec::MustClose(const http::ResponseHead& head) const {
  if (head.close_connection || !keep_alive_ || going_away_) return true;
  if (request_ == RequestState::kTunnelAsked) return true;
  // Runs until the end of the connection.
  if (version_ == http::Version::kHttp10 && head.framing == http::Framing::kStreamed) return true;
  // It is over at once, and what is left of the request would have to be thrown away.
  return request_ != RequestState::kDone && head.framing == http::Framing::kNone;
}

void ServerCodec::OnHead(http::ResponseHead& head) {
  DCHECK(response_ == ResponseState::kWaiting);
  const size_t before = output_.length();
  if (head.status < 200 && head.status != 101) {
    // HTTP/1.0 knows no interim responses (RFC 9110 section 15.2).
    if (version_ == http::Version::kHttp10) return;
    WriteInformationalHead(head, output_);
  } else if (OpensTunnel(head)) {
    WriteResponseHead(head, {version_, method_, false, options_.name_case}, output_, writer_);
    keep_alive_ = false;
    response_ = ResponseState::kBody;
    request_ = RequestState::kTunnel;
    if (!dispatching_) events_.OnInputInterestChanged();
  } else {
    if (MustClose(head)) keep_alive_ = false;
    WriteResponseHead(head, {version_, method_, !keep_alive_, options_.name_case}, output_,
                      writer_);
    response_ = ResponseState::kBody;
  }
  CountSent(before);
  if (wire_ != nullptr && output_.length() > before) {
    wire_->head_sent +=
        FieldBytes(output_.length() - before, http::StatusLine(head.status).size(), 0);
  }
  events_.OnOutput();
}

void ServerCodec::OnData(buffer::Buffer& data) {
  DCHECK(response_ == ResponseState::kBody);
  const size_t before = output_.length();
  const bool fits = writer_.Write(data, output_);
  CountSent(before);
  // A filter has made more of the body than the head says.
  if (!fits) keep_alive_ = false;
  events_.OnOutput();
}

void ServerCodec::OnEnd(http::HeaderMap* trailers) {
  DCHECK(response_ == ResponseState::kBody);
  const bool with_trailers = options_.enable_trailers && version_ != http::Version::kHttp10;
  // A short body: the end of the connection is the only way left to say that it is not whole.
  const size_t before = output_.length();
  const bool complete = writer_.End(with_trailers ? trailers : nullptr, output_);
  CountSent(before);
  events_.OnOutput();
  EndStream(complete && keep_alive_ && !going_away_ && request_ == RequestState::kDone &&
            (!input_ended_ || input_left_));
}

void ServerCodec::OnReset(const http::ProxyError&) { EndStream(false); }

void ServerCodec::EndStream(bool keep_alive) {
  sink_ = nullptr;
  arena_ = nullptr;
  wire_ = nullptr;
  pause_ = http::PauseMask();
  response_ = ResponseState::kNone;
  request_ = keep_alive ? RequestState::kIdle : RequestState::kClosed;
  events_.OnStreamDone(*this, keep_alive);
  if (keep_alive && !dispatching_) events_.OnInputInterestChanged();
}

void ServerCodec::SendContinue() {
  const bool asked = response_ == ResponseState::kWaiting && version_ == http::Version::kHttp11;
  if (!asked || request_ == RequestState::kDone) return;
  output_.Append(http::StatusLine(100));
  output_.Append("\r\n");
  events_.OnOutput();
}

void ServerCodec::Pause(http::PauseReason reason) {
  if (pause_.Set(reason) && !dispatching_) events_.OnInputInterestChanged();
}

void ServerCodec::Resume(http::PauseReason reason) {
  if (pause_.Clear(reason) && !dispatching_) events_.OnInputInterestChanged();
}

}  // namespace remora::http1
