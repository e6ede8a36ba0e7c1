#include "source/extensions/http_filters/ratelimit/ratelimit.h"

#include <utility>

#include "envoy/extensions/filters/http/ratelimit/v3/rate_limit.pb.h"
#include "source/http/grpc_status.h"

namespace remora::extensions {

using http::Answer;
using http::HeaderId;

namespace {

constexpr std::string_view kMethod = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";

}  // namespace

std::optional<RateLimit::Config> RateLimit::Parse(const Proto& proto,
                                                  config::ConfigContext& context) {
  return ParseRateLimit(proto, context);
}

std::optional<RateLimit::RouteConfig> RateLimit::ParseRoute(const RouteProto& proto,
                                                            config::ConfigContext& context) {
  return ParseRateLimitRoute(proto, context);
}

http::FilterPtr RateLimit::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<RateLimitFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> RateLimit::CreateWorkerState(const Config& config,
                                                                      const http::WorkerSetup&) {
  return std::make_unique<RateLimitState>(config.stat_prefix);
}

bool RateLimitFilter::Happens(const runtime::FractionSetting& share) const {
  return share.Matches(context_.runtime(), context_.random().Next());
}

// --- the request

bool RateLimitFilter::Concerns(const http::RequestHead& head) const {
  using RequestType = RateLimitSettings::RequestType;
  if (!Happens(settings_.enabled)) return false;
  if (settings_.request_type == RequestType::kBoth) return true;
  const bool internal = head.headers.Get(HeaderId::kXEnvoyInternal) == "true";
  return internal == (settings_.request_type == RequestType::kInternal);
}

std::vector<route::RateLimitDescriptor> RateLimitFilter::Describe(const http::RequestHead& head,
                                                                  bool at_end) const {
  http::LimitsChoice choice{settings_.rate_limits.get(), http::VirtualHostLimits::kOverride,
                            settings_.stage, settings_.source_cluster};
  if (const auto* const route = context_.RouteConfig<RateLimitRoute>(); route != nullptr) {
    choice.virtual_host = route->virtual_host;
    if (route->rate_limits != nullptr) choice.own = route->rate_limits.get();
  }
  return http::DescribeRequest(
      choice, context_.match(), context_.stream_info(), head, [&](const route::RateLimit& limit) {
        return limit.at_end == at_end &&
               (limit.enabled_key.empty() || context_.runtime()
                                                 .FractionOf(limit.enabled_key, {.numerator = 100})
                                                 .Matches(context_.random().Next()));
      });
}

buffer::Buffer RateLimitFilter::MakeRequest(
    const std::vector<route::RateLimitDescriptor>& descriptors) const {
  const auto* const route = context_.RouteConfig<RateLimitRoute>();
  const bool own = route != nullptr && !route->domain.empty();
  buffer::Buffer message(context_.blocks());
  message.Append(MakeLimitRequest(own ? route->domain : settings_.domain, descriptors));
  return message;
}

Answer RateLimitFilter::OnRequestHead(http::RequestHead& head) {
  const route::ClusterChoice* const cluster = context_.match().cluster;
  if (cluster == nullptr || !Concerns(head)) return Answer::kContinue;
  cluster_ = cluster->NameFor(head);
  if (context_.clusters().Find(cluster_) == nullptr) return Answer::kContinue;
  head_ = &head;
  const std::vector<route::RateLimitDescriptor> descriptors = Describe(head, /*at_end=*/false);
  if (descriptors.empty()) return Answer::kContinue;
  buffer::Buffer message = MakeRequest(descriptors);
  call_ = grpc::UnaryCall::Start(context_.clusters(), settings_.service, kMethod, message, *this);
  return Answer::kPause;
}

// --- the answer

void RateLimitFilter::OnAnswer(const grpc::Status& status, buffer::Buffer& message) {
  call_.reset();
  if (!status.ok()) return Fail();
  std::optional<LimitAnswer> answer = ReadLimitAnswer(message.ToString());
  if (!answer.has_value()) return Fail();
  answer_ = *std::move(answer);
  if (answer_.metadata.kind == http::MetadataValue::Kind::kStruct) {
    metadata_.Merge(context_.stream_info(), settings_.metadata_namespace,
                    std::move(answer_.metadata));
  }
  if (answer_.kind == LimitAnswer::Kind::kAllowed) {
    Count("ok");
    return Pass();
  }
  Count("over_limit");
  upstream::ClusterRuntime* const cluster = context_.clusters().Find(cluster_);
  if (cluster != nullptr) cluster->CountResponse(settings_.limited_status, /*internal=*/true);
  if (!Happens(settings_.enforced)) return Pass();
  Refuse();
}

void RateLimitFilter::Pass() {
  for (const auto& [name, value] : answer_.request_fields) head_->headers.Add(name, value);
  context_.ResumeRequest();
}

void RateLimitFilter::Refuse() {
  refused_ = true;
  http::LocalReply reply;
  reply.status = settings_.limited_status;
  reply.body = std::move(answer_.body);
  reply.details = "request_rate_limited";
  reply.flag = http::ResponseFlag::kRateLimited;
  for (const auto& [name, value] : answer_.response_fields) {
    if (name == "content-type") reply.content_type = value;
  }
  if (settings_.resource_exhausted) {
    reply.grpc_status = static_cast<uint32_t>(http::GrpcCode::kResourceExhausted);
  }
  context_.SendLocalReply(std::move(reply));
}

void RateLimitFilter::Fail() {
  Count("error");
  if (!Happens(settings_.deny_on_failure)) {
    Count("failure_mode_allowed");
    return context_.ResumeRequest();
  }
  http::LocalReply reply;
  reply.status = settings_.status_on_error;
  reply.details = "rate_limiter_error";
  reply.flag = http::ResponseFlag::kRateLimitServiceError;
  context_.SendLocalReply(std::move(reply));
}

void RateLimitFilter::Count(std::string_view name) {
  state().of_clusters().Inc(context_.clusters(), cluster_, name);
}

// --- the response

Answer RateLimitFilter::OnResponseHead(http::ResponseHead& head) {
  http::HeaderMap& headers = head.headers;
  for (const auto& [name, value] : answer_.response_fields) {
    // The reply's own has been made of it.
    if (refused_ && name == "content-type" && headers.Has(HeaderId::kContentType)) continue;
    headers.Add(name, value);
  }
  if (answer_.kind == LimitAnswer::Kind::kOverLimit && settings_.marks) {
    headers.Set("x-envoy-ratelimited", "true");
  }
  if (settings_.tells_client) {
    for (const auto& [name, value] : answer_.client_fields) headers.Add(name, value);
  }
  if (!refused_) return Answer::kContinue;
  if (settings_.response_headers != nullptr) {
    settings_.response_headers->Apply(headers, {context_.stream_info(), head_, &head});
  }
  constexpr uint16_t kTooManyRequests = 429;
  if (settings_.tells_retry && settings_.limited_status == kTooManyRequests &&
      answer_.retry_after.has_value() && headers.Find("retry-after") == nullptr) {
    headers.Add("retry-after", std::to_string(*answer_.retry_after));
  }
  return Answer::kContinue;
}

void RateLimitFilter::OnComplete() {
  if (call_ != nullptr) return call_.reset();
  if (head_ == nullptr) return;
  const std::vector<route::RateLimitDescriptor> descriptors = Describe(*head_, /*at_end=*/true);
  if (descriptors.empty()) return;
  buffer::Buffer message = MakeRequest(descriptors);
  state().Report(context_.clusters(), settings_.service, kMethod, message);
}

}  // namespace remora::extensions
