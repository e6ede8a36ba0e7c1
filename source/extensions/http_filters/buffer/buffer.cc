#include "source/extensions/http_filters/buffer/buffer.h"

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/buffer/v3/buffer.pb.h"

namespace remora::extensions {

using http::Answer;
using http::Framing;

// That the limit is there and above 0 is a rule of the proto, checked by the loader.
std::optional<Buffer::Config> Buffer::Parse(const Proto& proto, config::ConfigContext&) {
  return Config{proto.max_request_bytes().value()};
}

std::optional<Buffer::RouteConfig> Buffer::ParseRoute(const RouteProto& proto,
                                                      config::ConfigContext&) {
  RouteConfig config;
  if (proto.has_buffer()) config.max_request_bytes = proto.buffer().max_request_bytes().value();
  return config;
}

http::FilterPtr Buffer::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<BufferFilter>(config, context);
}

Answer BufferFilter::OnRequestHead(http::RequestHead& head) {
  const auto* route = context_.RouteConfig<Buffer::RouteConfig>();
  if (route != nullptr && !route->max_request_bytes.has_value()) return Answer::kContinue;
  // A tunnel never ends; holding it would be for ever.
  if (head.framing == Framing::kNone || head.framing == Framing::kTunnel) return Answer::kContinue;
  context_.SetRequestBufferLimit(route != nullptr ? *route->max_request_bytes
                                                  : config_.max_request_bytes);
  held_ = &head;
  return Answer::kHold;
}

Answer BufferFilter::OnRequestData(buffer::Buffer& data) {
  if (held_ == nullptr) return Answer::kContinue;
  bytes_ += data.length();
  return Answer::kHold;
}

Answer BufferFilter::OnRequestEnd(http::HeaderMap*) {
  if (held_ == nullptr || held_->framing == Framing::kLength) return Answer::kContinue;
  // The length is known now, so the upstream is told.
  held_->framing = Framing::kLength;
  held_->length = bytes_;
  held_->headers.Set(http::HeaderId::kContentLength, absl::StrCat(bytes_));
  return Answer::kContinue;
}

}  // namespace remora::extensions
