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

void LocalRateLimitFilter::Describe(const route::RateLimits* limits,
                                    const route::RateLimitRequest& request,
                                    std::vector<route::RateLimitDescriptor>& descriptors) const {
  if (limits == nullptr) return;
  const bool own = limits == settings_->rate_limits.get();
  for (const route::RateLimit& limit : *limits) {
    if (!own && (limit.stage != settings_->stage || !limit.disable_key.empty())) continue;
    route::RateLimitDescriptor descriptor;
    if (limit.Describe(request, descriptor)) descriptors.push_back(std::move(descriptor));
  }
}

std::vector<route::RateLimitDescriptor> LocalRateLimitFilter::Descriptors(
    const http::RequestHead& head) const {
  using VirtualHost = LocalRateLimitSettings::VirtualHost;
  std::vector<route::RateLimitDescriptor> descriptors;
  if (!settings_->has_descriptors) return descriptors;
  const route::MatchResult& match = context_.match();
  const route::ForwardAction* action = match.route != nullptr ? match.route->forward() : nullptr;
  const route::RateLimitRequest request{
      head, context_.stream_info().downstream_remote, settings_->source_cluster,
      match.cluster != nullptr ? match.cluster->NameFor(head) : std::string_view()};
  if (settings_->rate_limits != nullptr) {
    Describe(settings_->rate_limits.get(), request, descriptors);
    return descriptors;
  }
  if (action == nullptr) return descriptors;
  const route::RateLimits* of_route = action->rate_limits.get();
  Describe(of_route, request, descriptors);
  VirtualHost option = settings_->virtual_host;
  if (action->include_virtual_host_rate_limits) option = VirtualHost::kInclude;
  if (option == VirtualHost::kInclude ||
      (option == VirtualHost::kOverride && of_route == nullptr)) {
    Describe(match.virtual_host->rate_limits(), request, descriptors);
  }
  return descriptors;
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
