#pragma once

// The global rate limit filter: asks a service whether a request is over one of its limits, and
// answers it with 429 then.
//
// envoy.extensions.filters.http.ratelimit.v3.RateLimit.
//
//   request --descriptors?--> ShouldRateLimit (kPause) --allowed----> goes on
//                                                      |--over limit-> 429
//                                                      '--failed-----> goes on, or status_on_error
//   end of the request --descriptors of apply_on_stream_done?--> ShouldRateLimit, for the count
//   alone
//
// One call a request; letting go of the request cancels it. Flags RL and RLSE, details
// `request_rate_limited` and `rate_limiter_error`.
// Source: Envoy source/extensions/filters/http/ratelimit/ratelimit.cc.

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "source/extensions/http_filters/ratelimit/limit_answer.h"
#include "source/extensions/http_filters/ratelimit/settings.h"
#include "source/extensions/http_filters/ratelimit/state.h"
#include "source/grpc/unary_call.h"
#include "source/http/filter/dynamic_metadata.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"

namespace remora::extensions {

class RateLimitFilter;

struct RateLimit {
  using Proto = envoy::extensions::filters::http::ratelimit::v3::RateLimit;
  using RouteProto = envoy::extensions::filters::http::ratelimit::v3::RateLimitPerRoute;
  using Config = RateLimitSettings;
  using RouteConfig = RateLimitRoute;
  using Filter = RateLimitFilter;

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

class RateLimitFilter final : public http::Filter, private grpc::UnaryUser {
 public:
  RateLimitFilter(const RateLimitSettings& settings, http::FilterContext& context)
      : settings_(settings), context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnResponseHead(http::ResponseHead& head) override;
  void OnComplete() override;

 private:
  bool Happens(const runtime::FractionSetting& share) const;
  bool Concerns(const http::RequestHead& head) const;
  // Of those that count now, or at the end.
  std::vector<route::RateLimitDescriptor> Describe(const http::RequestHead& head,
                                                   bool at_end) const;
  buffer::Buffer MakeRequest(const std::vector<route::RateLimitDescriptor>& descriptors) const;
  // grpc::UnaryUser
  void OnAnswer(const grpc::Status& status, buffer::Buffer& message) override;
  void Pass();
  void Refuse();
  void Fail();
  void Count(std::string_view name);
  RateLimitState& state() const { return context_.worker_state<RateLimitState>(); }

  const RateLimitSettings& settings_;
  http::FilterContext& context_;
  http::RequestHead* head_ = nullptr;  // null: the request is none of the filter's
  grpc::UnaryCallPtr call_;
  std::string_view cluster_;  // that the request would go to
  LimitAnswer answer_;
  http::DynamicMetadata metadata_;
  bool refused_ = false;
};

}  // namespace remora::extensions
