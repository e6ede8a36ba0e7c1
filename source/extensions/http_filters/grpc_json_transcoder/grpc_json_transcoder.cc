#include "source/extensions/http_filters/grpc_json_transcoder/grpc_json_transcoder.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "envoy/extensions/filters/http/grpc_json_transcoder/v3/transcoder.pb.h"
#include "google/rpc/status.pb.h"
#include "source/config/text.h"
#include "source/http/grpc_status.h"

namespace remora::extensions {

using http::Answer;
using http::Framing;
using http::HeaderId;

namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kDetails = "grpc_json_transcode_failure";
// Of what the request's head alone is refused for.
constexpr std::string_view kEarlyDetails = "early_grpc_json_transcode_failure";
constexpr std::string_view kStatusDetails = "grpc-status-details-bin";
constexpr std::string_view kRequestTooLarge =
    "Request rejected because the transcoder's internal buffer size exceeds the configured limit.";
constexpr std::string_view kResponseTooLarge =
    "Response not transcoded because the transcoder's internal buffer size exceeds the configured "
    "limit.";

std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }

// Source: google/rpc/code.proto.
uint16_t HttpStatusOf(uint32_t code) {
  constexpr uint16_t kStatuses[] = {200, 499, 500, 400, 504, 404, 409, 403, 429,
                                    400, 409, 400, 501, 500, 503, 500, 401};
  return code < std::size(kStatuses) ? kStatuses[code] : 500;
}

std::optional<TranscoderSettings> ParseSettings(const GrpcJsonTranscoder::Proto& proto,
                                                config::ConfigContext& context) {
  TranscoderSettings settings;
  settings.services = JsonServices::Load(proto, context);
  if (settings.services == nullptr) return std::nullopt;
  settings.max_request = proto.max_request_body_size().value();
  settings.max_response = proto.max_response_body_size().value();
  settings.keep_route = proto.match_incoming_request_route();
  settings.convert_status = proto.convert_grpc_status();
  settings.newlines = proto.print_options().stream_newline_delimited();
  const auto& validation = proto.request_validation_options();
  settings.reject_unknown_method = validation.reject_unknown_method();
  settings.reject_unknown_parameters = validation.reject_unknown_query_parameters();
  return settings;
}

}  // namespace

std::optional<GrpcJsonTranscoder::Config> GrpcJsonTranscoder::Parse(
    const Proto& proto, config::ConfigContext& context) {
  return ParseSettings(proto, context);
}

std::optional<GrpcJsonTranscoder::RouteConfig> GrpcJsonTranscoder::ParseRoute(
    const RouteProto& proto, config::ConfigContext& context) {
  return ParseSettings(proto, context);
}

http::FilterPtr GrpcJsonTranscoder::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<TranscoderFilter>(config, context);
}

uint64_t TranscoderFilter::MaxRequest() const {
  return settings_->max_request != 0 ? settings_->max_request : context_.request_buffer_limit();
}

uint64_t TranscoderFilter::MaxResponse() const {
  return settings_->max_response != 0 ? settings_->max_response : context_.response_buffer_limit();
}

// --- the request

void TranscoderFilter::Refuse(uint16_t status, std::string_view body, std::string_view reason) {
  failed_ = true;
  if (request_head_ != nullptr) {
    // Its client asked for no gRPC: it is answered in kind.
    request_head_->headers.Set(HeaderId::kContentType, content_type_);
  }
  http::LocalReply reply;
  reply.status = status;
  reply.body = body;
  const std::string_view details = call_.method != nullptr ? kDetails : kEarlyDetails;
  reply.details = context_.arena().Copy(config::Concat(details, "{", reason, "}"));
  context_.SendLocalReply(std::move(reply));
}

// The method is not known, or the path or query does not fit it.
void TranscoderFilter::RefuseCall(const absl::Status& status) {
  const std::string_view text = ToStd(status.message());
  if (absl::IsNotFound(status)) {
    if (settings_->reject_unknown_method) Refuse(404, text, "NOT_FOUND");
  } else if (absl::IsInvalidArgument(status)) {
    if (settings_->reject_unknown_parameters) Refuse(400, text, "INVALID_ARGUMENT");
  } else {
    Refuse(400, text, "INVALID_ARGUMENT");
  }
}

Answer TranscoderFilter::OnRequestHead(http::RequestHead& head) {
  const auto* const route = context_.RouteConfig<TranscoderSettings>();
  if (route != nullptr) settings_ = route;
  if (settings_->services->empty() || http::IsGrpcRequest(head) ||
      head.framing == Framing::kTunnel) {
    return Answer::kContinue;
  }
  absl::StatusOr<JsonServices::Call> call = settings_->services->Find(head.method, head.path);
  if (!call.ok()) {
    RefuseCall(call.status());
    return Answer::kContinue;
  }
  call_ = *std::move(call);
  content_type_ = head.headers.Get(HeaderId::kContentType);
  request_head_ = &head;
  MakeCall(head);
  if (!call_.method->client_streaming) return Answer::kHold;
  if (call_.method->has_body) elements_.emplace(MaxRequest());
  return Answer::kContinue;
}

void TranscoderFilter::MakeCall(http::RequestHead& head) {
  head.headers.Set(HeaderId::kXEnvoyOriginalPath, head.path);
  head.headers.Set("x-envoy-original-method", head.method);
  head.method = "POST";
  head.method_id = http::Method::kPost;
  head.path = call_.method->path;
  head.headers.SetReference(HeaderId::kContentType, "application/grpc");
  head.headers.SetReference(HeaderId::kTe, "trailers");
  head.headers.Remove(HeaderId::kContentLength);
  head.framing = Framing::kStreamed;
  if (!settings_->keep_route) context_.Reroute();
}

Answer TranscoderFilter::OnRequestData(buffer::Buffer& data) {
  if (foreign_) data.Clear();  // of a call that is none any more
  if (call_.method == nullptr) return Answer::kContinue;
  const Answer answer = call_.method->client_streaming ? Answer::kContinue : Answer::kHold;
  std::string text = data.ToString();
  data.Clear();
  if (failed_) return answer;
  if (elements_.has_value()) {
    ReadElements(text);
  } else if (call_.method->has_body && !call_.method->client_streaming) {
    request_ += text;
    if (request_.size() > MaxRequest()) {
      Refuse(413, kRequestTooLarge, "request_buffer_size_limit_reached");
    }
  }
  return answer;
}

void TranscoderFilter::ReadElements(std::string_view text) {
  using Outcome = JsonArrayReader::Outcome;
  uint64_t repeated = 0;  // of path and query, in one piece of input
  while (true) {
    switch (elements_->Read(text)) {
      case Outcome::kMoreNeeded:
        return;
      case Outcome::kMalformed:
        return Refuse(400, "the body is no JSON array", "INVALID_ARGUMENT");
      case Outcome::kTooLarge:
        return Refuse(413, kRequestTooLarge, "request_buffer_size_limit_reached");
      case Outcome::kElement:
        break;
    }
    absl::StatusOr<std::string> message =
        settings_->services->ReadBody(*call_.method, elements_->element());
    if (!message.ok()) {
      return Refuse(400, ToStd(message.status().message()), "INVALID_ARGUMENT");
    }
    // Path and query say something of each message; two bytes of the body must not cost their size.
    repeated += call_.bound.size();
    if (repeated > MaxRequest()) {
      return Refuse(413, kRequestTooLarge, "request_buffer_size_limit_reached");
    }
    AddMessage(call_.bound + *message);
  }
}

void TranscoderFilter::AddMessage(const std::string& message) {
  buffer::Buffer frame(context_.blocks());
  grpc::AppendPrefix(frame, static_cast<uint32_t>(message.size()));
  frame.Append(message);
  context_.AddRequestData(frame);
}

void TranscoderFilter::AddOnlyMessage() {
  const JsonMethod& method = *call_.method;
  if (method.raw_request) {
    return AddMessage(call_.bound +
                      settings_->services->WrapRaw(method, {content_type_, request_}));
  }
  absl::StatusOr<std::string> message = settings_->services->ReadBody(method, request_);
  if (!message.ok()) {
    return Refuse(400, ToStd(message.status().message()), "INVALID_ARGUMENT");
  }
  AddMessage(call_.bound + *message);
}

Answer TranscoderFilter::OnRequestEnd(http::HeaderMap*) {
  if (call_.method == nullptr || failed_) return Answer::kContinue;
  if (!call_.method->client_streaming) {
    AddOnlyMessage();
  } else if (!elements_.has_value()) {
    AddMessage(call_.bound);
  } else if (!elements_->complete()) {
    Refuse(400, "the JSON array has no end", "INVALID_ARGUMENT");
  }
  return Answer::kContinue;
}

// --- the response

Answer TranscoderFilter::OnResponseHead(http::ResponseHead& head) {
  if (call_.method == nullptr || failed_) return Answer::kContinue;
  const bool bodiless =
      head.framing == Framing::kNone || (head.framing == Framing::kLength && head.length == 0);
  const bool is_grpc =
      bodiless
          ? head.headers.Has(HeaderId::kGrpcStatus)
          : head.status == 200 && http::IsGrpcContentType(head.headers.Get(HeaderId::kContentType));
  if (!is_grpc) {
    call_.method = nullptr;  // a web page, or an answer of our own
    foreign_ = true;
    return Answer::kContinue;
  }
  head_ = &head;
  if (bodiless) {
    if (streams()) {
      head.headers.SetReference(HeaderId::kContentType, kJson);
      response_ = settings_->newlines ? "" : "[]";
    }
    EndHeld(head.headers);
    if (streams()) {
      head.headers.Remove(HeaderId::kContentLength);
      head.framing = Framing::kStreamed;
    }
    if (!response_.empty()) AddResponseText(response_);
    return Answer::kContinue;
  }
  frames_.emplace(context_.blocks(), MaxResponse());
  head.headers.Remove(HeaderId::kContentLength);
  head.headers.SetReference(HeaderId::kContentType, kJson);
  head.framing = Framing::kStreamed;
  return streams() ? Answer::kContinue : Answer::kHold;
}

void TranscoderFilter::AddResponseText(std::string_view text) {
  buffer::Buffer data(context_.blocks());
  data.Append(text);
  context_.AddResponseData(data);
}

Answer TranscoderFilter::OnResponseData(buffer::Buffer& data) {
  if (!frames_.has_value()) return Answer::kContinue;
  using Outcome = grpc::FrameReader::Outcome;
  while (!failed_) {
    const Outcome outcome = frames_->Read(data);
    if (outcome == Outcome::kMoreNeeded) break;
    if (outcome == Outcome::kTooLarge) {
      Refuse(500, kResponseTooLarge, "response_buffer_size_limit_reached");
    } else if (outcome != Outcome::kMessage) {
      Refuse(502, "the response is no stream of messages", "INVALID_ARGUMENT");
    } else {
      const std::string message = frames_->message().ToString();
      frames_->message().Clear();
      WriteMessage(message);
    }
  }
  data.Clear();
  return streams() ? Answer::kContinue : Answer::kHold;
}

void TranscoderFilter::WriteMessage(const std::string& message) {
  const JsonMethod& method = *call_.method;
  ++messages_;
  if (method.raw_response) {
    absl::StatusOr<RawBody> body = settings_->services->ReadRaw(method, message);
    if (!body.ok()) return Refuse(502, ToStd(body.status().message()), "INVALID_ARGUMENT");
    if (messages_ == 1) head_->headers.Set(HeaderId::kContentType, body->content_type);
    response_ += body->data;
  } else {
    absl::StatusOr<std::string> json = settings_->services->WriteResponse(method, message);
    if (!json.ok()) return Refuse(502, ToStd(json.status().message()), "INVALID_ARGUMENT");
    if (streams()) {
      if (settings_->newlines) return AddResponseText(*json + "\n");
      return AddResponseText((messages_ == 1 ? "[" : ",") + *json);
    }
    response_ = *std::move(json);
  }
  if (response_.size() > MaxResponse()) {
    Refuse(500, kResponseTooLarge, "response_buffer_size_limit_reached");
  }
}

Answer TranscoderFilter::OnResponseEnd(http::HeaderMap* trailers) {
  if (!frames_.has_value() || failed_) return Answer::kContinue;
  if (frames_->in_message()) {
    Refuse(502, "the response ends within a message", "INVALID_ARGUMENT");
    return Answer::kContinue;
  }
  if (streams()) {
    if (!settings_->newlines) AddResponseText(messages_ == 0 ? "[]" : "]");
    return Answer::kContinue;
  }
  EndHeld(trailers != nullptr ? *trailers : head_->headers);
  if (!response_.empty()) AddResponseText(response_);
  return Answer::kContinue;
}

void TranscoderFilter::EndHeld(const http::HeaderMap& end) {
  http::HeaderMap& headers = head_->headers;
  const std::optional<int> code = http::FindGrpcStatus(end);
  if (!code.has_value() || *code < 0) {
    head_->status = 503;
  } else {
    head_->status = HttpStatusOf(static_cast<uint32_t>(*code));
    if (ConvertStatus(static_cast<uint32_t>(*code), end)) {
      // The body says it all.
      headers.SetReference(HeaderId::kContentType, kJson);
      headers.Remove(HeaderId::kGrpcStatus);
      headers.Remove(HeaderId::kGrpcMessage);
      headers.Remove(kStatusDetails);
    } else if (&end != &headers) {
      headers.Set(HeaderId::kGrpcStatus, std::to_string(*code));
      if (end.Has(HeaderId::kGrpcMessage)) {
        headers.Set(HeaderId::kGrpcMessage, end.Get(HeaderId::kGrpcMessage));
      }
    }
  }
  head_->framing = Framing::kLength;
  head_->length = response_.size();
  headers.Set(HeaderId::kContentLength, std::to_string(response_.size()));
}

bool TranscoderFilter::ConvertStatus(uint32_t code, const http::HeaderMap& end) {
  if (!settings_->convert_status || code == 0 || messages_ > 0) return false;
  std::string status;
  const http::HeaderEntry* const details = end.Find(kStatusDetails);
  if (details == nullptr || !absl::Base64Unescape(config::ToAbsl(details->value()), &status)) {
    google::rpc::Status made;
    made.set_code(static_cast<int>(code));
    made.set_message(http::DecodeGrpcMessage(end.Get(HeaderId::kGrpcMessage)));
    status = made.SerializeAsString();
  }
  absl::StatusOr<std::string> json = settings_->services->WriteStatus(status);
  if (!json.ok()) return false;
  response_ = *std::move(json);
  return true;
}

}  // namespace remora::extensions
