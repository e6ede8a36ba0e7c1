#include "source/extensions/http_filters/ext_proc/processed_message.h"

#include <utility>

#include "envoy/service/ext_proc/v3/external_processor.pb.h"
#include "source/extensions/http_filters/ext_proc/ext_proc.h"
#include "source/extensions/http_filters/ext_proc/messages.h"
#include "source/http/codes.h"
#include "source/http/field_rules.h"

namespace remora::extensions {

namespace service = envoy::service::ext_proc::v3;
using http::Answer;
using http::Framing;
using http::HeaderId;

namespace {

absl::Status Spurious() { return absl::FailedPreconditionError("spurious message"); }

void ApplyBody(const service::BodyMutation& mutation, buffer::Buffer& body) {
  if (mutation.has_body()) {
    body.Clear();
    body.Append(mutation.body());
  } else if (mutation.clear_body()) {
    body.Clear();
  }
}

bool Replaces(const service::CommonResponse& answer) {
  return answer.status() == service::CommonResponse::CONTINUE_AND_REPLACE;
}

}  // namespace

ProcessedMessage::ProcessedMessage(ExtProcFilter& filter, bool is_request)
    : filter_(filter),
      is_request_(is_request),
      body_(filter.context().blocks()),
      timer_(filter.context().dispatcher().timers(), &OnTimeout, this) {}

// --- the message comes

Answer ProcessedMessage::OnHead(http::RequestHead& head) {
  request_ = &head;
  return TakeHead(head);
}

Answer ProcessedMessage::OnHead(http::ResponseHead& head) {
  response_ = &head;
  return TakeHead(head);
}

template <class Head>
Answer ProcessedMessage::TakeHead(Head& head) {
  bodiless_ =
      head.framing == Framing::kNone || (head.framing == Framing::kLength && head.length == 0);
  if (filter_.done()) return Answer::kContinue;
  PassTunnel();
  if (mode_.sends_head()) {
    service::ProcessingRequest request;
    service::HttpHeaders& headers =
        is_request_ ? *request.mutable_request_headers() : *request.mutable_response_headers();
    FillFields(head, filter_.settings().forward, *headers.mutable_headers());
    headers.set_end_of_stream(bodiless_);
    filter_.Send(request, is_request_);
  }
  if (filter_.settings().observe) return PassObserved();
  if (drops_length()) DropLength();
  if (!mode_.sends_head()) return Answer::kContinue;
  held_ = true;
  Await(Waiting::kHead);
  return Answer::kHold;
}

void ProcessedMessage::PassTunnel() {
  if (framing() == Framing::kTunnel && mode_.body != BodyMode::kStreamed) {
    mode_.body = BodyMode::kNone;
  }
}

Answer ProcessedMessage::OnData(buffer::Buffer& data) {
  came_ = true;
  if (replaced_) data.Clear();
  if (replaced_ || refused_ || filter_.done()) return Answer::kContinue;
  if (filter_.settings().observe) {
    if (mode_.body == BodyMode::kStreamed) SendBody(data, false);
    return PassObserved();
  }
  if (waiting_ == Waiting::kHead) return Collect(data);
  switch (mode_.body) {
    case BodyMode::kNone:
      return Answer::kContinue;
    case BodyMode::kBuffered:
      return Collect(data);
    case BodyMode::kPartial:
      if (part_done_) return Answer::kContinue;
      if (Collect(data) == Answer::kHold) return Answer::kHold;
      SendBody(body_, false);
      Await(Waiting::kPart);
      return Answer::kPause;
    case BodyMode::kStreamed:
      break;
  }
  SendPiece(data, false);
  body_.MoveFrom(data);
  paused_ = crowded();
  return paused_ ? Answer::kPause : Answer::kContinue;
}

// Keeps the bytes; over the limit nothing more comes.
Answer ProcessedMessage::Collect(buffer::Buffer& data) {
  body_.MoveFrom(data);
  if (!over_limit()) return Answer::kHold;
  if (mode_.body == BodyMode::kBuffered) return RefuseTooLarge();
  paused_ = true;
  return Answer::kPause;
}

// Where another answer is on its way to the client already, that one goes on as it is.
Answer ProcessedMessage::RefuseTooLarge() {
  filter_.context().SendLocalReply(
      http::ReplyTo({http::Side::kLocal, is_request_ ? http::ErrorKind::kRequestTooLarge
                                                     : http::ErrorKind::kResponseTooLarge}));
  refused_ = true;
  Release();
  return Answer::kPause;
}

Answer ProcessedMessage::OnEnd(http::HeaderMap* trailers) {
  ended_ = true;
  trailers_ = trailers;
  if (replaced_ || refused_ || filter_.done()) return Answer::kContinue;
  const bool streamed = mode_.body == BodyMode::kStreamed;
  if (filter_.settings().observe) {
    if (trailers != nullptr && mode_.sends_trailers()) SendTrailers();
    if (trailers == nullptr && !bodiless_ && streamed) SendBody(body_, true);
    return PassObserved();
  }
  if (waiting_ == Waiting::kHead) return Answer::kPause;
  if (trailers == nullptr) return OnBodyEnd();
  if (waiting_ != Waiting::kNothing) return Answer::kPause;
  const bool whole = mode_.body == BodyMode::kBuffered && came_;
  if (whole || (mode_.body == BodyMode::kPartial && !body_.empty())) {
    SendBody(body_, false);
    Await(whole ? Waiting::kWhole : Waiting::kPart);
    return Answer::kPause;
  }
  if (!mode_.sends_trailers()) return Answer::kContinue;
  SendTrailers();
  return Answer::kPause;
}

Answer ProcessedMessage::OnBodyEnd() {
  if (bodiless_ || part_done_ || mode_.body == BodyMode::kNone) return Answer::kContinue;
  if (mode_.body == BodyMode::kStreamed) {
    const buffer::Buffer nothing(body_.pool());
    SendPiece(nothing, true);
    end_sent_ = true;
    return Answer::kPause;
  }
  SendBody(body_, true);
  Await(mode_.body == BodyMode::kBuffered ? Waiting::kWhole : Waiting::kPart);
  return Answer::kPause;
}

Answer ProcessedMessage::PassObserved() {
  paused_ = filter_.full();
  return paused_ ? Answer::kPause : Answer::kContinue;
}

// --- what is sent

void ProcessedMessage::SendBody(const buffer::Buffer& body, bool end) {
  service::ProcessingRequest request;
  service::HttpBody& to =
      is_request_ ? *request.mutable_request_body() : *request.mutable_response_body();
  to.set_body(body.ToString());
  to.set_end_of_stream(end);
  filter_.Send(request, is_request_);
}

void ProcessedMessage::SendPiece(const buffer::Buffer& body, bool end) {
  SendBody(body, end);
  pieces_.push_back(static_cast<uint32_t>(body.length()));
  // The oldest one's time runs: a service that hangs is noticed, however often there is more.
  if (waiting_ != Waiting::kPieces) Await(Waiting::kPieces);
}

void ProcessedMessage::SendTrailers() {
  service::ProcessingRequest request;
  service::HttpTrailers& to =
      is_request_ ? *request.mutable_request_trailers() : *request.mutable_response_trailers();
  FillFields(*trailers_, filter_.settings().forward, *to.mutable_trailers());
  filter_.Send(request, is_request_);
  if (!filter_.settings().observe) Await(Waiting::kTrailers);
}

void ProcessedMessage::Await(Waiting waiting) {
  waiting_ = waiting;
  extended_ = false;
  timer_.Arm(filter_.context().dispatcher().now() + filter_.settings().message_timeout);
}

void ProcessedMessage::Settle() {
  waiting_ = Waiting::kNothing;
  timer_.Disarm();
}

void ProcessedMessage::OnTimeout(void* self) {
  static_cast<ProcessedMessage*>(self)->filter_.OnMessageTimeout();
}

bool ProcessedMessage::Extend(event::Duration timeout) {
  if (!timer_.armed() || extended_) return false;
  extended_ = true;
  timer_.Arm(filter_.context().dispatcher().now() + timeout);
  return true;
}

// --- the head's answer

absl::Status ProcessedMessage::TakeHeadAnswer(const service::HeadersResponse& answer) {
  if (waiting_ != Waiting::kHead) return Spurious();
  if (refused_) {
    // It did not wait for that.
    Settle();
    return absl::OkStatus();
  }
  const Common& common = answer.response();
  if (absl::Status status = Mutate(common); !status.ok()) return status;
  Reroute(common);
  Settle();
  if (!Replaces(common)) {
    GoOnAfterHead();
    return absl::OkStatus();
  }
  if (common.has_body_mutation()) ReplaceBody(common);
  mode_.body = BodyMode::kNone;
  mode_.trailers = SendMode::kSkip;
  LetGo();
  return absl::OkStatus();
}

void ProcessedMessage::ReplaceBody(const Common& answer) {
  replaced_ = true;
  body_.Clear();
  if (allows_body()) ApplyBody(answer.body_mutation(), body_);
  fields().Remove(HeaderId::kContentLength);
  if (framing() == Framing::kTunnel || (bodiless_ && body_.empty())) return;
  framing() = Framing::kStreamed;
  bodiless_ = false;
}

// The body, or as much of it as has come, is next; then the trailers.
void ProcessedMessage::GoOnAfterHead() {
  PassTunnel();  // the mode may be another one now
  if (!bodiless_ && ended_ && mode_.body != BodyMode::kNone && (trailers_ == nullptr || came_)) {
    // All of it is here: it goes as one, whatever the mode.
    SendBody(body_, trailers_ == nullptr);
    return Await(Waiting::kWhole);
  }
  if (!bodiless_ && !ended_) {
    switch (mode_.body) {
      case BodyMode::kNone:
        break;
      case BodyMode::kBuffered:
        if (over_limit()) RefuseTooLarge();
        return;
      case BodyMode::kPartial:
        if (!over_limit()) return;
        SendBody(body_, false);
        return Await(Waiting::kPart);
      case BodyMode::kStreamed:
        if (!body_.empty()) SendPiece(body_, false);
        FitFraming();
        return Resume();
    }
  }
  if (trailers_ != nullptr && mode_.sends_trailers()) return SendTrailers();
  LetGo();
}

// --- the body's answers, and the trailers'

absl::Status ProcessedMessage::TakeBodyAnswer(const service::BodyResponse& answer) {
  switch (waiting_) {
    case Waiting::kPieces:
      TakePiece(answer.response());
      return absl::OkStatus();
    case Waiting::kWhole:
    case Waiting::kPart:
      return TakeWhole(answer.response());
    default:
      return Spurious();
  }
}

absl::Status ProcessedMessage::TakeWhole(const Common& answer) {
  if (absl::Status status = Mutate(answer); !status.ok()) return status;
  if (answer.has_body_mutation()) {
    if (absl::Status status = CheckLength(answer); !status.ok()) return status;
    ApplyBody(answer.body_mutation(), body_);
  }
  part_done_ = true;
  Reroute(answer);
  Settle();
  if (trailers_ != nullptr && mode_.sends_trailers()) {
    SendTrailers();
  } else {
    LetGo();
  }
  return absl::OkStatus();
}

// As in Envoy, a processor that replaces a body says how long the new one is, or nothing.
absl::Status ProcessedMessage::CheckLength(const Common& answer) const {
  uint64_t length = 0;
  if (waiting_ != Waiting::kWhole || !held_ ||
      !http::ParseContentLength(fields().Get(HeaderId::kContentLength), length) ||
      length == answer.body_mutation().body().size()) {
    return absl::OkStatus();
  }
  return absl::InternalError("mismatch between content length and the length of the mutated body");
}

void ProcessedMessage::TakePiece(const Common& answer) {
  buffer::Buffer piece(body_.pool());
  piece.MoveFrom(body_, pieces_.front());
  pieces_.erase(pieces_.begin());
  if (answer.has_body_mutation()) ApplyBody(answer.body_mutation(), piece);
  if (!piece.empty()) Add(piece);
  if (!pieces_.empty()) {
    // The next one is due, from now on.
    Await(Waiting::kPieces);
    return ResumeIfRoom();
  }
  Settle();
  if (trailers_ != nullptr && mode_.sends_trailers()) return SendTrailers();
  if (ended_) return LetGo();
  ResumeIfRoom();
}

void ProcessedMessage::ResumeIfRoom() {
  if (paused_ && !held_ && has_room()) Resume();
}

absl::Status ProcessedMessage::TakeTrailersAnswer(const service::TrailersResponse& answer) {
  if (waiting_ != Waiting::kTrailers) return Spurious();
  if (answer.has_header_mutation()) {
    MutationTarget target{*trailers_};
    target.trailers = true;
    absl::Status status = ApplyMutation(answer.header_mutation(), filter_.settings().rules, target,
                                        filter_.stats().rejected_header_mutations);
    if (!status.ok()) return status;
  }
  LetGo();
  return absl::OkStatus();
}

// --- changes of the head

absl::Status ProcessedMessage::Mutate(const Common& answer) {
  // One that has gone on is not changed any more.
  if (!held_ || !answer.has_header_mutation()) return absl::OkStatus();
  MutationTarget target{fields()};
  target.request = request_;
  if (response_ != nullptr) target.status = &response_->status;
  target.with_body = !bodiless_;
  target.replacing = Replaces(answer);
  target.keep_length =
      drops_length() || (mode_.body != BodyMode::kBuffered && framing() != Framing::kNone);
  return ApplyMutation(answer.header_mutation(), filter_.settings().rules, target,
                       filter_.stats().rejected_header_mutations);
}

void ProcessedMessage::Reroute(const Common& answer) {
  if (!is_request_) return;
  using Action = ExtProcSettings::RouteAction;
  const Action action = filter_.settings().route_action;
  if (!answer.has_header_mutation()) {
    if (answer.clear_route_cache()) filter_.stats().clear_route_cache_ignored.Inc();
  } else if (action == Action::kRetain) {
    if (answer.clear_route_cache()) filter_.stats().clear_route_cache_disabled.Inc();
  } else if (held_ && (action == Action::kClear || answer.clear_route_cache())) {
    filter_.context().Reroute();
  }
}

http::HeaderMap& ProcessedMessage::fields() const {
  return is_request_ ? request_->headers : response_->headers;
}
Framing& ProcessedMessage::framing() const {
  return is_request_ ? request_->framing : response_->framing;
}
uint64_t& ProcessedMessage::length() const {
  return is_request_ ? request_->length : response_->length;
}

// The head goes on before the length of what follows is known.
bool ProcessedMessage::drops_length() const {
  return mode_.body == BodyMode::kStreamed || mode_.body == BodyMode::kPartial ||
         (mode_.body == BodyMode::kBuffered && !mode_.sends_head());
}

bool ProcessedMessage::allows_body() const {
  if (is_request_) return true;
  const http::RequestHead* const request = filter_.context().request_head();
  return !http::StatusForbidsBody(response_->status) &&
         (request == nullptr || request->method_id != http::Method::kHead);
}

void ProcessedMessage::DropLength() {
  if (framing() == Framing::kLength && length() == 0) return;
  fields().Remove(HeaderId::kContentLength);
  if (framing() == Framing::kLength) framing() = Framing::kStreamed;
}

// Before the head goes on: what it says of the body's length is so, or it says nothing.
void ProcessedMessage::FitFraming() {
  if (!held_ || bodiless_ || framing() == Framing::kTunnel) return;
  const uint64_t expected = ended_ ? body_.length() : length();
  uint64_t told = 0;
  const bool fits = (ended_ || framing() == Framing::kLength) && !drops_length() &&
                    http::ParseContentLength(fields().Get(HeaderId::kContentLength), told) &&
                    told == expected;
  if (!fits) return DropLength();
  framing() = Framing::kLength;
  length() = expected;
}

// --- the message goes on

uint64_t ProcessedMessage::limit() const {
  const http::FilterContext& context = filter_.context();
  return is_request_ ? context.request_buffer_limit() : context.response_buffer_limit();
}

bool ProcessedMessage::crowded() const {
  return over_limit() || pieces_.size() >= kMaxPieces || filter_.full();
}

bool ProcessedMessage::has_room() const {
  return body_.length() <= limit() / 2 && pieces_.size() <= kMaxPieces / 2 && !filter_.full();
}

void ProcessedMessage::Add(buffer::Buffer& data) {
  if (is_request_) {
    filter_.context().AddRequestData(data);
  } else {
    filter_.context().AddResponseData(data);
  }
}

void ProcessedMessage::Resume() {
  held_ = paused_ = false;
  if (is_request_) {
    filter_.context().ResumeRequest();
  } else {
    filter_.context().ResumeResponse();
  }
}

void ProcessedMessage::LetGo() {
  const bool keeps = held_ || paused_ || ended_ || !body_.empty();
  Settle();
  if (keeps) Release();
}

void ProcessedMessage::Release() {
  pieces_.clear();
  FitFraming();
  if (!body_.empty()) Add(body_);
  Resume();
}

void ProcessedMessage::OnWritable() { ResumeIfRoom(); }

}  // namespace remora::extensions
