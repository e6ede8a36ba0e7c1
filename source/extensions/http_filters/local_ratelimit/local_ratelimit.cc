#include "source/extensions/http_filters/local_ratelimit/local_ratelimit.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.pb.h"
#include "source/http/filter/connection_states.h"
#include "source/http/grpc_status.h"

namespace remora::extensions {

using http::Answer;

namespace {

// The buckets of one downstream connection.
struct ConnectionLimiter final : http::FilterWorkerState {
  explicit ConnectionLimiter(const LimiterSettings& settings) : limiter(settings) {}
  Limiter limiter;
};

void AddNumber(http::HeaderMap& headers, std::string_view name, uint64_t number) {
  [[maybe_unused]] const bool valid = headers.Add(name, absl::StrCat(number));
}

}  // namespace

std::optional<LocalRateLimit::Config> LocalRateLimit::Parse(const Proto& proto,
                                                            config::ConfigContext& context) {
  return ParseLocalRateLimit(proto, /*on_route=*/false, context);
}

std::optional<LocalRateLimit::RouteConfig> LocalRateLimit::ParseRoute(
    const RouteProto& proto, config::ConfigContext& context) {
  return ParseLocalRateLimit(proto, /*on_route=*/true, context);
}

http::FilterPtr LocalRateLimit::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<LocalRateLimitFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> LocalRateLimit::CreateWorkerState(
    const Config& config, const http::WorkerSetup& setup) {
  return std::make_unique<LocalRateLimitState>(config, setup);
}

LocalRateLimitState::LocalRateLimitState(const LocalRateLimitSettings& settings,
                                         const http::WorkerSetup& setup)
    : root_(setup.scope.root()), shard_(setup.shard) {
  StatsOf(settings);
}

const LocalRateLimitStats& LocalRateLimitState::StatsOf(const LocalRateLimitSettings& settings) {
  const auto found = stats_.find(settings.stat_prefix);
  if (found != stats_.end()) return found->second;
  const auto counter = [&](const char* name) {
    return root_.MakeCounter(shard_,
                             absl::StrCat(settings.stat_prefix, ".http_local_rate_limit.", name));
  };
  return stats_
      .emplace(settings.stat_prefix, LocalRateLimitStats{counter("enabled"), counter("enforced"),
                                                         counter("ok"), counter("rate_limited")})
      .first->second;
}

bool LocalRateLimitFilter::Happens(const std::optional<runtime::FractionSetting>& share) const {
  return share.has_value() && share->Matches(context_.runtime(), context_.random().Next());
}

std::vector<route::RateLimitDescriptor> LocalRateLimitFilter::Descriptors(
    const http::RequestHead& head) const {
  if (!settings_->has_descriptors) return {};
  const bool own = settings_->rate_limits != nullptr;
  const http::LimitsChoice choice{settings_->rate_limits.get(), settings_->virtual_host,
                                  settings_->stage, settings_->source_cluster};
  // As in Envoy: of a route's list those count too that count at the end.
  return http::DescribeRequest(choice, context_.match(), context_.stream_info(), head,
                               [own](const route::RateLimit& limit) {
                                 return limit.enabled_key.empty() && !(own && limit.at_end);
                               });
}

Limiter& LocalRateLimitFilter::FindLimiter() const {
  if (settings_->limiter != nullptr) return *settings_->limiter;
  return context_.connection_states()
      .FindOrMake<ConnectionLimiter>(
          settings_, [&] { return std::make_unique<ConnectionLimiter>(settings_->limits); })
      .limiter;
}

Answer LocalRateLimitFilter::OnRequestHead(http::RequestHead& head) {
  const auto* route = context_.RouteConfig<LocalRateLimit::RouteConfig>();
  const LocalRateLimitSettings& settings = route != nullptr ? *route : config_;
  if (!Happens(settings.enabled)) return Answer::kContinue;
  settings_ = &settings;
  const LocalRateLimitStats& stats = context_.worker_state<LocalRateLimitState>().StatsOf(settings);
  stats.enabled.Inc();
  answer_ = FindLimiter().Take(Descriptors(head), context_.dispatcher().now());
  if (answer_.allowed) {
    stats.ok.Inc();
    return Answer::kContinue;
  }
  stats.rate_limited.Inc();
  if (Happens(settings.enforced)) {
    stats.enforced.Inc();
    Refuse();
  } else if (settings.request_headers != nullptr) {
    settings.request_headers->Apply(head.headers, {context_.stream_info(), &head});
  }
  return Answer::kContinue;
}

void LocalRateLimitFilter::Refuse() {
  refused_ = true;
  http::LocalReply reply;
  reply.status = settings_->status;
  reply.body = "local_rate_limited";
  reply.details = "local_rate_limited";
  reply.flag = http::ResponseFlag::kRateLimited;
  if (settings_->resource_exhausted) {
    reply.grpc_status = static_cast<uint32_t>(http::GrpcCode::kResourceExhausted);
  }
  context_.SendLocalReply(std::move(reply));
}

Answer LocalRateLimitFilter::OnResponseHead(http::ResponseHead& head) {
  if (settings_ == nullptr) return Answer::kContinue;
  if (refused_ && settings_->response_headers != nullptr) {
    settings_->response_headers->Apply(head.headers,
                                       {context_.stream_info(), context_.request_head(), &head});
  }
  if (settings_->tells_client && answer_.has_bucket) {
    AddNumber(head.headers, "x-ratelimit-limit", answer_.limit);
    AddNumber(head.headers, "x-ratelimit-remaining", answer_.remaining);
    AddNumber(head.headers, "x-ratelimit-reset", answer_.seconds_to_next);
  }
  return Answer::kContinue;
}

}  // namespace remora::extensions
