#include "source/extensions/http_filters/ext_proc/ext_proc.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/ext_proc/v3/ext_proc.pb.h"
#include "envoy/service/ext_proc/v3/external_processor.pb.h"
#include "source/config/format_config.h"
#include "source/config/proto_values.h"
#include "source/config/text.h"

namespace remora::extensions {

namespace service = envoy::service::ext_proc::v3;
using envoy::extensions::filters::http::ext_proc::v3::ProcessingMode;
using http::HeaderId;
using Waiting = ProcessedMessage::Waiting;

namespace {

constexpr const char* kName = "envoy.filters.http.ext_proc";
constexpr uint16_t kGatewayTimeout = 504;
// How long a stream of ours waits for the service's end.
constexpr event::Duration kClosePatience = event::kSecond;

ProcessingMode::BodySendMode ModeOf(BodyMode mode) {
  switch (mode) {
    case BodyMode::kNone:
      return ProcessingMode::NONE;
    case BodyMode::kStreamed:
      return ProcessingMode::STREAMED;
    case BodyMode::kBuffered:
      return ProcessingMode::BUFFERED;
    case BodyMode::kPartial:
      return ProcessingMode::BUFFERED_PARTIAL;
  }
  return ProcessingMode::NONE;
}

// What `override` makes of a message's mode: what it leaves open stays.
MessageMode Override(const MessageMode& mode, const MessageMode& override) {
  const auto chosen = [](SendMode before, SendMode now) {
    return now == SendMode::kDefault ? before : now;
  };
  return {chosen(mode.head, override.head), override.body,
          chosen(mode.trailers, override.trailers)};
}

bool IsAllowed(const ExchangeMode& mode, const std::vector<ExchangeMode>& allowed) {
  return allowed.empty() ||
         std::any_of(allowed.begin(), allowed.end(), [&](const ExchangeMode& other) {
           // The request's head has been sent.
           return mode.request.body == other.request.body &&
                  mode.request.trailers == other.request.trailers &&
                  mode.response == other.response;
         });
}

// As a word of a log line.
std::string WithoutSpaces(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(),
      [](char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }, '_');
  return out;
}

}  // namespace

std::optional<ExtProc::Config> ExtProc::Parse(const Proto& proto, config::ConfigContext& context) {
  return ParseExtProc(proto, context);
}

std::optional<ExtProc::RouteConfig> ExtProc::ParseRoute(const RouteProto& proto,
                                                        config::ConfigContext& context) {
  return ParseExtProcRoute(proto, context);
}

http::FilterPtr ExtProc::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<ExtProcFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> ExtProc::CreateWorkerState(
    const Config& config, const http::WorkerSetup& setup) {
  return std::make_unique<ExtProcState>(config.stat_prefix, setup);
}

ExtProcFilter::ExtProcFilter(const ExtProcSettings& settings, http::FilterContext& context)
    : settings_(settings),
      context_(context),
      request_(*this, /*is_request=*/true),
      response_(*this, /*is_request=*/false),
      service_(&settings.service),
      forwarded_metadata_(&settings.forwarded_metadata),
      received_metadata_(&settings.received_metadata),
      allow_on_failure_(settings.allow_on_failure) {
  request_.mode() = settings.mode.request;
  response_.mode() = settings.mode.response;
}

// --- the exchange

http::Answer ExtProcFilter::OnRequestHead(http::RequestHead& head) {
  FollowRoute();
  return request_.OnHead(head);
}

http::Answer ExtProcFilter::OnRequestData(buffer::Buffer& data) { return request_.OnData(data); }

http::Answer ExtProcFilter::OnRequestEnd(http::HeaderMap* trailers) {
  return request_.OnEnd(trailers);
}

http::Answer ExtProcFilter::OnResponseHead(http::ResponseHead& head) {
  FollowRoute();
  response_head_ = &head;
  const http::Answer answer = response_.OnHead(head);
  if (!done_ && !response_.mode().sends_anything()) Finish();
  return answer;
}

http::Answer ExtProcFilter::OnResponseData(buffer::Buffer& data) { return response_.OnData(data); }

http::Answer ExtProcFilter::OnResponseEnd(http::HeaderMap* trailers) {
  return response_.OnEnd(trailers);
}

void ExtProcFilter::OnComplete() {
  const bool cancelled =
      request_.waiting() != Waiting::kNothing || response_.waiting() != Waiting::kNothing;
  done_ = true;
  request_.Stop();
  response_.Stop();
  if (cancelled) {
    ResetStream();
  } else {
    EndStream();
  }
}

// Levels are put together, as in Envoy: the more specific one wins, and what it leaves open stays.
void ExtProcFilter::FollowRoute() {
  if (std::exchange(route_followed_, true)) return;
  const void* levels[http::FilterContext::kRouteLevels];
  const size_t count = context_.RouteConfigLevels(levels);
  for (size_t i = 0; i < count; ++i) FollowRoute(*static_cast<const ExtProcRoute*>(levels[i]));
  if (done_ || initial_metadata_.empty()) return;
  own_service_ = *service_;
  for (const auto& [name, value] : initial_metadata_) {
    std::erase_if(own_service_->initial_metadata,
                  [&](const auto& field) { return field.first == name; });
    own_service_->initial_metadata.emplace_back(name, value);
  }
  service_ = &*own_service_;
}

void ExtProcFilter::FollowRoute(const ExtProcRoute& route) {
  done_ = route.disabled;
  // The modes of levels below a disabled one are forgotten.
  const ExchangeMode* const mode = route.mode.has_value() ? &*route.mode
                                   : route.disabled       ? &settings_.mode
                                                          : nullptr;
  if (mode != nullptr) {
    request_.mode() = mode->request;
    response_.mode() = mode->response;
  }
  if (route.service.has_value()) service_ = &*route.service;
  if (route.forwarded_metadata.has_value()) forwarded_metadata_ = &*route.forwarded_metadata;
  if (route.received_metadata.has_value()) received_metadata_ = &*route.received_metadata;
  if (route.allow_on_failure.has_value()) allow_on_failure_ = *route.allow_on_failure;
  for (const auto& [name, value] : route.initial_metadata) {
    std::erase_if(initial_metadata_, [&](const auto& field) { return field.first == name; });
    initial_metadata_.emplace_back(name, value);
  }
}

// --- the stream

bool ExtProcFilter::full() const {
  return stream_ != nullptr && stream_->waiting_bytes() > context_.request_buffer_limit();
}

void ExtProcFilter::Send(service::ProcessingRequest& request, bool about_request) {
  if (stream_ == nullptr) {
    stats().streams_started.Inc();
    stream_.reset(new ProcessorStream(state(), context_.clusters(), *service_, *this));
  }
  Describe(request, about_request);
  buffer::Buffer message(context_.blocks());
  message.Append(request.SerializeAsString());
  stats().stream_msgs_sent.Inc();
  stream_->Send(message);
}

// What every message has besides its part, and the first ones once.
void ExtProcFilter::Describe(service::ProcessingRequest& request, bool about_request) {
  const http::Metadata* const metadata = context_.stream_info().dynamic_metadata;
  auto& told = *request.mutable_metadata_context();
  for (const std::string& name : *forwarded_metadata_) {
    if (metadata == nullptr) break;
    const auto found = metadata->find(name);
    if (found != metadata->end()) config::SetMetadata(name, found->second, told);
  }
  const AttributeList& attributes =
      about_request ? settings_.request_attributes : settings_.response_attributes;
  bool& attributes_told = about_request ? request_told_ : response_told_;
  if (!std::exchange(attributes_told, true) && !attributes.empty()) {
    FillAttributes(attributes,
                   {.info = context_.stream_info(),
                    .request = context_.request_head(),
                    .response = response_head_},
                   (*request.mutable_attributes())[kName]);
  }
  request.set_observability_mode(settings_.observe);
  if (std::exchange(introduced_, true) || settings_.observe) return;
  auto& protocol = *request.mutable_protocol_config();
  protocol.set_request_body_mode(ModeOf(request_.mode().body));
  protocol.set_response_body_mode(ModeOf(response_.mode().body));
}

void ExtProcFilter::EndStream() {
  if (stream_ == nullptr) return;
  stats().streams_closed.Inc();
  state().Keep(std::move(stream_), settings_.observe ? settings_.deferred_close : kClosePatience);
}

void ExtProcFilter::ResetStream() {
  if (stream_ == nullptr) return;
  stats().streams_closed.Inc();
  stream_.reset();
}

void ExtProcFilter::OnWritable() {
  request_.OnWritable();
  response_.OnWritable();
}

void ExtProcFilter::OnClosed(const grpc::Status& status, const http::HeaderMap* trailers) {
  stream_.reset();
  stats().server_half_closed.Inc();
  if (status.ok()) {
    stats().streams_closed.Inc();
    return Bypass();
  }
  stats().streams_failed.Inc();
  if (allow_on_failure_) {
    stats().streams_closed.Inc();
    stats().failure_mode_allowed.Inc();
    return Bypass();
  }
  std::string reason = status.message;
  // Envoy says whose the status is.
  if (trailers != nullptr) reason = reason.empty() ? "via_upstream" : reason + "{via_upstream}";
  Fail(settings_.status_on_error,
       absl::StrCat("ext_proc_error_gRPC_error_", static_cast<int>(status.code), "{", reason, "}"));
}

void ExtProcFilter::OnMessageTimeout() {
  stats().message_timeouts.Inc();
  ResetStream();
  if (!allow_on_failure_) {
    return Fail(kGatewayTimeout, "ext_proc_error_per-message_timeout_exceeded");
  }
  stats().failure_mode_allowed.Inc();
  Bypass();
}

// --- the answers

void ExtProcFilter::OnMessage(buffer::Buffer& message) {
  Answer answer;
  const std::string bytes = message.ToString();
  message.Clear();
  if (done_ || settings_.observe) return;
  if (!answer.ParseFromString(bytes)) {
    return OnClosed({grpc::GrpcCode::kInternal, "the message is no ProcessingResponse"}, nullptr);
  }
  if (TakeTimeout(answer)) return;
  TakeMode(answer);
  const absl::Status status = TakePart(answer);
  const std::string reason(status.message());
  if (absl::IsFailedPrecondition(status)) {
    stats().spurious_msgs_received.Inc();
    ResetStream();
    if (!allow_on_failure_) return Fail(settings_.status_on_error, reason);
    stats().failure_mode_allowed.Inc();
    return Bypass();
  }
  stats().stream_msgs_received.Inc();
  if (!status.ok()) {
    ResetStream();
    return Fail(settings_.status_on_error, reason);
  }
  if (!done_ && IsLast(answer)) Finish();
}

// The service needs more time: nothing else of the answer counts.
bool ExtProcFilter::TakeTimeout(const Answer& answer) {
  if (!answer.has_override_message_timeout()) return false;
  const auto& asked = answer.override_message_timeout();
  // Not more than fits, whatever was sent.
  const int64_t seconds = std::clamp<int64_t>(asked.seconds(), -1, 1'000'000);
  const event::Duration timeout = seconds * event::kSecond + asked.nanos();
  const bool fits = timeout >= event::kMillisecond && timeout <= settings_.max_message_timeout;
  const bool for_request = fits && request_.Extend(timeout);
  const bool for_response = fits && response_.Extend(timeout);
  if (for_request || for_response) {
    stats().override_message_timeout_received.Inc();
  } else {
    stats().override_message_timeout_ignored.Inc();
  }
  return true;
}

void ExtProcFilter::TakeMode(const Answer& answer) {
  if (!settings_.allow_mode_override || !answer.has_mode_override()) return;
  const bool in_request = request_.waiting() == Waiting::kHead;
  if (!in_request && response_.waiting() != Waiting::kHead) return;
  const std::optional<ExchangeMode> asked = ReadMode(answer.mode_override());
  if (!asked.has_value()) return;
  const ExchangeMode mode{Override(settings_.mode.request, asked->request),
                          Override(settings_.mode.response, asked->response)};
  if (!IsAllowed(mode, settings_.allowed_modes)) return;
  // A request that has gone on keeps its mode.
  if (in_request) request_.mode() = mode.request;
  response_.mode() = mode.response;
}

void ExtProcFilter::TakeMetadata(const Answer& answer) {
  for (const auto& [name, value] : answer.dynamic_metadata().fields()) {
    if (std::count(received_metadata_->begin(), received_metadata_->end(), name) == 0) continue;
    metadata_.Merge(context_.stream_info(), name, config::ToMetadataValue(value.struct_value()));
  }
}

absl::Status ExtProcFilter::TakePart(const Answer& answer) {
  using Case = Answer::ResponseCase;
  const Case part = answer.response_case();
  if (part == Case::kImmediateResponse && settings_.refuse_immediate) {
    return absl::FailedPreconditionError("unhandled immediate response due to config disabled it");
  }
  if (part != Case::RESPONSE_NOT_SET) TakeMetadata(answer);
  switch (part) {
    case Case::kRequestHeaders:
      return request_.TakeHeadAnswer(answer.request_headers());
    case Case::kResponseHeaders:
      return response_.TakeHeadAnswer(answer.response_headers());
    case Case::kRequestBody:
      return request_.TakeBodyAnswer(answer.request_body());
    case Case::kResponseBody:
      return response_.TakeBodyAnswer(answer.response_body());
    case Case::kRequestTrailers:
      return request_.TakeTrailersAnswer(answer.request_trailers());
    case Case::kResponseTrailers:
      return response_.TakeTrailersAnswer(answer.response_trailers());
    case Case::kImmediateResponse:
      SendImmediate(answer.immediate_response());
      return absl::OkStatus();
    case Case::RESPONSE_NOT_SET:
      break;
  }
  return absl::FailedPreconditionError("unhandled message");
}

// Nothing more will be sent.
bool ExtProcFilter::IsLast(const Answer& answer) const {
  const auto head_alone = [](const ProcessedMessage& message) {
    return message.bodiless() ||
           (message.mode().body == BodyMode::kNone && !message.mode().sends_trailers());
  };
  const bool no_response = !response_.mode().sends_anything();
  switch (answer.response_case()) {
    case Answer::kRequestHeaders:
      return head_alone(request_) && no_response;
    case Answer::kRequestBody:
      return request_.body_answered() && no_response;
    case Answer::kRequestTrailers:
      return no_response;
    case Answer::kResponseHeaders:
      return head_alone(response_);
    case Answer::kResponseBody:
      return response_.body_answered();
    case Answer::kResponseTrailers:
      return true;
    default:
      return false;
  }
}

// --- ends of the processing

void ExtProcFilter::Finish() {
  EndStream();
  Bypass();
}

void ExtProcFilter::Bypass() {
  done_ = true;
  request_.LetGo();
  response_.LetGo();
}

void ExtProcFilter::Fail(uint16_t status, std::string_view details) {
  http::LocalReply reply;
  reply.status = status;
  SendReply(std::move(reply), details);
}

void ExtProcFilter::SendImmediate(const service::ImmediateResponse& answer) {
  EndStream();
  http::LocalReply reply;
  const int status = answer.status().code();
  reply.status = status >= 200 && status <= 599 ? static_cast<uint16_t>(status) : 200;
  reply.body = answer.body();
  if (answer.has_grpc_status()) reply.grpc_status = answer.grpc_status().status();
  if (answer.has_headers()) SetReplyHead(answer, reply);
  SendReply(std::move(reply), answer.details());
}

// The service changes a head that is still to be made: of what is there without it, it sees the
// type of the body.
void ExtProcFilter::SetReplyHead(const service::ImmediateResponse& answer,
                                 http::LocalReply& reply) {
  http::HeaderMap fields(context_.arena());
  if (!reply.body.empty()) fields.SetReference(HeaderId::kContentType, "text/plain");
  MutationTarget target{fields};
  target.status = &reply.status;
  target.keep_length = true;
  // What is wrong with it is counted; the answer goes out with what was right.
  ApplyMutation(answer.headers(), settings_.rules, target, stats().rejected_header_mutations)
      .IgnoreError();
  fields.ForEach([&](const http::HeaderEntry& entry) {
    if (entry.id == HeaderId::kContentType) {
      reply.content_type = entry.value();
    } else {
      reply.fields.emplace_back(entry.name(), entry.value());
    }
  });
}

void ExtProcFilter::SendReply(http::LocalReply reply, std::string_view details) {
  reply.details = context_.arena().Copy(WithoutSpaces(details));
  if (context_.SendLocalReply(std::move(reply))) {
    stats().immediate_responses_sent.Inc();
    // Also where it has none: the upstream's do not count any more.
    context_.stream_info().response_code_details = {};
  }
  // It takes the place of what they keep; or it comes too late, and that goes on.
  Bypass();
}

}  // namespace remora::extensions
