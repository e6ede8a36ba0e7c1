#pragma once

// The local rate limit filter: lets a request pass when its token buckets have a token, and answers
// it with 429 otherwise.
//
// envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit; a route's takes the place of the
// filter's, with buckets of its own.
//
//   request --enabled?--> descriptors (route's rate_limits) --> Limiter --> passes
//                                                                      \--> enforced? 429 : passes
//
// Buckets are shared by all workers, or belong to the downstream connection. Answers carry flag RL
// and details `local_rate_limited`.
// Source: Envoy source/extensions/filters/http/local_ratelimit/local_ratelimit.cc.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/config/registry.h"
#include "source/extensions/http_filters/local_ratelimit/settings.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"
#include "source/stats/handles.h"

namespace remora::extensions {

class LocalRateLimitFilter;

struct LocalRateLimit {
  using Proto = envoy::extensions::filters::http::local_ratelimit::v3::LocalRateLimit;
  using RouteProto = Proto;
  using Config = LocalRateLimitSettings;
  using RouteConfig = LocalRateLimitSettings;
  using Filter = LocalRateLimitFilter;

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

// `<stat_prefix>.http_local_rate_limit.`
struct LocalRateLimitStats {
  stats::Counter enabled;       // Requests that were looked at.
  stats::Counter enforced;      // Of those without a token: answered.
  stats::Counter ok;            // Had a token.
  stats::Counter rate_limited;  // Had none.
};

// The statistics of every stat_prefix that the worker has met.
class LocalRateLimitState final : public http::FilterWorkerState {
 public:
  LocalRateLimitState(const LocalRateLimitSettings& settings, const http::WorkerSetup& setup);
  const LocalRateLimitStats& StatsOf(const LocalRateLimitSettings& settings);

 private:
  stats::Scope& root_;
  stats::Shard& shard_;
  absl::flat_hash_map<std::string, LocalRateLimitStats> stats_;
};

class LocalRateLimitFilter final : public http::Filter {
 public:
  LocalRateLimitFilter(const LocalRateLimitSettings& config, http::FilterContext& context)
      : config_(config), context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnResponseHead(http::ResponseHead& head) override;

 private:
  bool Happens(const std::optional<runtime::FractionSetting>& share) const;
  std::vector<route::RateLimitDescriptor> Descriptors(const http::RequestHead& head) const;
  Limiter& FindLimiter() const;
  void Refuse();

  const LocalRateLimitSettings& config_;
  http::FilterContext& context_;
  const LocalRateLimitSettings* settings_ = nullptr;
  LimiterAnswer answer_;
  bool refused_ = false;
};

}  // namespace remora::extensions
