#include "source/extensions/http_filters/grpc_http1_bridge/grpc_http1_bridge.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/grpc_http1_bridge/v3/config.pb.h"
#include "source/grpc/frame.h"
#include "source/http/grpc_status.h"

namespace remora::extensions {

using http::Answer;
using http::Framing;
using http::HeaderId;

namespace {
constexpr std::string_view kProtobuf = "application/x-protobuf";
}

std::optional<GrpcHttp1Bridge::Config> GrpcHttp1Bridge::Parse(const Proto& proto,
                                                              config::ConfigContext&) {
  return Config{proto.upgrade_protobuf_to_grpc(), proto.ignore_query_parameters()};
}

http::FilterPtr GrpcHttp1Bridge::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<GrpcHttp1BridgeFilter>(config, context);
}

// --- the request

Answer GrpcHttp1BridgeFilter::OnRequestHead(http::RequestHead& head) {
  if (context_.stream_info().version == http::Version::kHttp2) return Answer::kContinue;
  framing_ = config_.upgrade_protobuf && head.headers.Get(HeaderId::kContentType) == kProtobuf;
  if (framing_) head.headers.SetReference(HeaderId::kContentType, "application/grpc");
  bridging_ = http::IsGrpcRequest(head);
  if (!bridging_) return Answer::kContinue;
  if (config_.ignore_query) head.path = head.path.substr(0, head.path.find('?'));
  if (framing_) Upgrade(head);
  return Answer::kContinue;
}

// A length that is known becomes the prefix at once; else the body has to be here first.
void GrpcHttp1BridgeFilter::Upgrade(http::RequestHead& head) {
  prefix_left_ = grpc::kPrefixSize;
  if (head.framing == Framing::kNone || (head.framing == Framing::kLength && head.length == 0)) {
    return;
  }
  const bool known = head.framing == Framing::kLength;
  head.headers.Remove(HeaderId::kContentLength);
  head.framing = Framing::kStreamed;
  if (!known) {
    collecting_ = true;
  } else if (head.length > std::numeric_limits<uint32_t>::max()) {
    RefuseSize();
  } else {
    AddPrefix(head.length);
  }
}

void GrpcHttp1BridgeFilter::AddPrefix(uint64_t size) {
  buffer::Buffer prefix(context_.blocks());
  grpc::AppendPrefix(prefix, static_cast<uint32_t>(size));
  context_.AddRequestData(prefix);
}

void GrpcHttp1BridgeFilter::RefuseSize() {
  bridging_ = framing_ = collecting_ = false;
  collected_.Clear();
  context_.SendLocalReply(http::ReplyTo({http::Side::kLocal, http::ErrorKind::kRequestTooLarge}));
}

Answer GrpcHttp1BridgeFilter::OnRequestData(buffer::Buffer& data) {
  if (!collecting_) return Answer::kContinue;
  collected_.MoveFrom(data);
  const uint64_t limit =
      std::min<uint64_t>(context_.request_buffer_limit(), std::numeric_limits<uint32_t>::max());
  if (collected_.length() > limit) RefuseSize();
  return Answer::kContinue;
}

Answer GrpcHttp1BridgeFilter::OnRequestEnd(http::HeaderMap*) {
  if (!collecting_ || collected_.empty()) return Answer::kContinue;
  AddPrefix(collected_.length());
  context_.AddRequestData(collected_);
  return Answer::kContinue;
}

// --- the response

Answer GrpcHttp1BridgeFilter::OnResponseHead(http::ResponseHead& head) {
  // A head that is all says by itself how the call ended.
  if (!bridging_ || head.framing == Framing::kNone) return Answer::kContinue;
  if (head.framing == Framing::kLength && head.length == 0) return Answer::kContinue;
  response_ = &head;
  return Answer::kHold;
}

Answer GrpcHttp1BridgeFilter::OnResponseData(buffer::Buffer& data) {
  if (response_ == nullptr) return Answer::kContinue;
  if (prefix_left_ > 0) {
    const size_t drop = std::min(prefix_left_, data.length());
    data.Drain(drop);
    prefix_left_ -= drop;
  }
  response_size_ += data.length();
  return Answer::kHold;
}

Answer GrpcHttp1BridgeFilter::OnResponseEnd(http::HeaderMap* trailers) {
  if (response_ == nullptr) return Answer::kContinue;
  if (framing_) response_->headers.Remove(HeaderId::kContentLength);
  if (trailers == nullptr) {
    if (framing_) response_->framing = Framing::kStreamed;
    return Answer::kContinue;
  }
  http::HeaderMap& headers = response_->headers;
  if (trailers->Has(HeaderId::kGrpcStatus)) {
    if (http::FindGrpcStatus(*trailers) != 0) response_->status = 503;
    headers.Set(HeaderId::kGrpcStatus, trailers->Get(HeaderId::kGrpcStatus));
  }
  if (trailers->Has(HeaderId::kGrpcMessage)) {
    headers.Set(HeaderId::kGrpcMessage, trailers->Get(HeaderId::kGrpcMessage));
  }
  // All of it is here, so the client can be told how much it is.
  response_->framing = Framing::kLength;
  response_->length = response_size_;
  headers.Set(HeaderId::kContentLength, absl::StrCat(response_size_));
  return Answer::kContinue;
}

}  // namespace remora::extensions
