#include "source/extensions/http_filters/grpc_web/grpc_web.h"

#include <utility>
#include <vector>

#include "envoy/extensions/filters/http/grpc_web/v3/grpc_web.pb.h"
#include "source/config/text.h"
#include "source/http/ascii.h"
#include "source/http/content_codings.h"
#include "source/http/grpc_status.h"

namespace remora::extensions {

using http::Answer;
using http::Framing;
using http::HeaderId;

namespace {

constexpr std::string_view kWeb = "application/grpc-web";
constexpr std::string_view kWebProto = "application/grpc-web+proto";
constexpr std::string_view kText = "application/grpc-web-text";
constexpr std::string_view kTextProto = "application/grpc-web-text+proto";
// The flag of the frame that the trailers are.
constexpr char kTrailersFlag = '\x80';

bool IsText(std::string_view type) { return type == kText || type == kTextProto; }
bool IsWeb(std::string_view type) { return type == kWeb || type == kWebProto || IsText(type); }

// A server that speaks gRPC-Web by itself; parameters do not matter.
bool IsWebResponse(const http::ResponseHead& head) {
  const std::string_view type = http::MediaType(head.headers.Get(HeaderId::kContentType));
  return head.status == 200 && (http::EqualsWord(type, kWeb) || http::EqualsWord(type, kWebProto));
}

bool HasBody(const http::ResponseHead& head) {
  return head.framing != Framing::kNone && (head.framing != Framing::kLength || head.length > 0);
}

bool IsGrpcResponse(const http::ResponseHead& head) {
  if (!HasBody(head)) return head.headers.Has(HeaderId::kGrpcStatus);
  return head.status == 200 && http::IsGrpcContentType(head.headers.Get(HeaderId::kContentType));
}

void StreamBody(Framing& framing, http::HeaderMap& headers) {
  headers.Remove(HeaderId::kContentLength);
  if (framing == Framing::kLength) framing = Framing::kStreamed;
}

}  // namespace

std::optional<GrpcWeb::Config> GrpcWeb::Parse(const Proto&, config::ConfigContext&) {
  return Config{};
}

http::FilterPtr GrpcWeb::Create(const Config&, http::FilterContext& context) {
  return context.arena().Make<GrpcWebFilter>(context);
}

std::unique_ptr<http::FilterWorkerState> GrpcWeb::CreateWorkerState(const Config&,
                                                                    const http::WorkerSetup&) {
  return std::make_unique<GrpcWebState>();
}

// --- the request

Answer GrpcWebFilter::OnRequestHead(http::RequestHead& head) {
  const std::string_view type = head.headers.Get(HeaderId::kContentType);
  if (!IsWeb(type)) return Answer::kContinue;
  active_ = true;
  request_ = &head;
  text_request_ = IsText(type);
  text_response_ = IsText(head.headers.Get(HeaderId::kAccept));
  FindMethod(head.path);
  // Its body is of another length than what the upstream gets.
  StreamBody(head.framing, head.headers);
  head.headers.SetReference(HeaderId::kContentType, "application/grpc");
  head.headers.SetReference(HeaderId::kTe, "trailers");
  if (head.headers.Find("grpc-accept-encoding") == nullptr) {
    head.headers.Set("grpc-accept-encoding", "identity");
  }
  return Answer::kContinue;
}

void GrpcWebFilter::FindMethod(std::string_view path) {
  const std::optional<grpc::MethodName> name = grpc::ReadMethod(path);
  if (!name.has_value()) return;
  stat_prefix_ =
      context_.arena().Copy(config::Concat("grpc-web.", name->service, ".", name->method, "."));
}

void GrpcWebFilter::Refuse(std::string_view details) {
  refused_ = true;
  // Its client asked for no gRPC: it is answered in kind.
  request_->headers.SetReference(HeaderId::kContentType, kText);
  http::LocalReply reply;
  reply.status = 400;
  reply.body = "Bad gRPC-web request, invalid base64 data.";
  reply.details = details;
  context_.SendLocalReply(std::move(reply));
}

Answer GrpcWebFilter::OnRequestData(buffer::Buffer& data) {
  if (!text_request_) return Answer::kContinue;
  buffer::Buffer bytes(context_.blocks());
  if (!refused_ && !reader_.Read(data, bytes)) Refuse("grpc_base_64_decode_failed");
  data = std::move(bytes);
  return Answer::kContinue;
}

Answer GrpcWebFilter::OnRequestEnd(http::HeaderMap*) {
  if (text_request_ && !refused_ && !reader_.whole()) {
    Refuse("grpc_base_64_decode_failed_bad_size");
  }
  return Answer::kContinue;
}

// --- the response

Answer GrpcWebFilter::OnResponseHead(http::ResponseHead& head) {
  if (!active_) return Answer::kContinue;
  CountStatus(head.headers);
  const bool foreign = !IsGrpcResponse(head) && !IsWebResponse(head);
  head.headers.SetReference(HeaderId::kContentType, text_response_ ? kTextProto : kWebProto);
  if (!HasBody(head)) return Answer::kContinue;
  StreamBody(head.framing, head.headers);
  if (!foreign) return Answer::kContinue;
  foreign_ = &head;
  return Answer::kHold;
}

Answer GrpcWebFilter::OnResponseData(buffer::Buffer& data) {
  if (foreign_ != nullptr) {
    std::string text = data.ToString();
    message_ += text.substr(0, kMaxMessage - message_.size());
    data.Clear();
    return Answer::kHold;
  }
  if (active_ && text_response_) {
    buffer::Buffer text(context_.blocks());
    writer_.Write(data, text);
    data = std::move(text);
  }
  return Answer::kContinue;
}

Answer GrpcWebFilter::OnResponseEnd(http::HeaderMap* trailers) {
  if (!active_) return Answer::kContinue;
  if (trailers != nullptr) CountStatus(*trailers);
  if (foreign_ != nullptr) {
    SetMessage();
    return Answer::kContinue;
  }
  if (text_response_) {
    buffer::Buffer rest(context_.blocks());
    writer_.Finish(rest);
    if (!rest.empty()) context_.AddResponseData(rest);
  }
  if (trailers != nullptr) AddTrailers(*trailers);
  return Answer::kContinue;
}

// What is no gRPC says in gRPC's words what it is; its status stays.
void GrpcWebFilter::SetMessage() {
  http::HeaderMap& headers = foreign_->headers;
  headers.Set(HeaderId::kGrpcMessage, http::EncodeGrpcMessage(message_));
  headers.Set(HeaderId::kGrpcStatus,
              std::to_string(static_cast<int>(http::GrpcCodeOfHttp(foreign_->status))));
  headers.SetReference(HeaderId::kContentLength, "0");
  foreign_->framing = Framing::kLength;
  foreign_->length = 0;
}

void GrpcWebFilter::AddTrailers(http::HeaderMap& trailers) {
  std::string lines;
  std::vector<std::string> names;
  trailers.ForEach([&](const http::HeaderEntry& entry) {
    lines += config::Concat(entry.name(), ":", entry.value(), "\r\n");
    names.emplace_back(entry.name());
  });
  for (const std::string& name : names) trailers.Remove(name);
  buffer::Buffer frame(context_.blocks());
  grpc::AppendPrefix(frame, static_cast<uint32_t>(lines.size()));
  std::string bytes = frame.ToString() + lines;
  bytes[0] = kTrailersFlag;
  frame.Clear();
  if (text_response_) {
    AppendBase64(bytes, frame);
  } else {
    frame.Append(bytes);
  }
  context_.AddResponseData(frame);
}

void GrpcWebFilter::CountStatus(const http::HeaderMap& fields) {
  const std::string_view cluster = context_.stream_info().cluster_name;
  if (stat_prefix_.empty() || cluster.empty()) return;
  context_.worker_state<GrpcWebState>().counters.AddStatus(context_.clusters(), cluster,
                                                           stat_prefix_, fields);
}

}  // namespace remora::extensions
