#include "source/extensions/http_filters/ratelimit/settings.h"

#include <utility>

#include "envoy/extensions/filters/http/ratelimit/v3/rate_limit.pb.h"
#include "source/config/extension_values.h"
#include "source/config/grpc_service_config.h"

namespace remora::extensions {
namespace {

namespace proto = envoy::extensions::filters::http::ratelimit::v3;
using RequestType = RateLimitSettings::RequestType;

void ParseService(const proto::RateLimit& proto, RateLimitSettings& settings,
                  config::ConfigContext& context) {
  auto service = config::ParseGrpcService(proto.rate_limit_service().grpc_service(),
                                          "rate_limit_service.grpc_service", context);
  if (!service.has_value()) return;
  settings.service = *std::move(service);
  settings.service.timeout =
      proto.has_timeout() ? config::ParseExtensionDuration(proto.timeout(), "timeout", context)
                          : RateLimitSettings::kDefaultTimeout;
}

// Which requests, how many of them, and what becomes of them.
void ParseShares(const proto::RateLimit& proto, RateLimitSettings& settings) {
  const auto share = [](bool given, const auto& value, const char* key) {
    return given ? config::ParseFractionSetting(value)
                 : runtime::FractionSetting{key, runtime::Fraction{100, 100}};
  };
  settings.enabled =
      share(proto.has_filter_enabled(), proto.filter_enabled(), "ratelimit.http_filter_enabled");
  settings.enforced = share(proto.has_filter_enforced(), proto.filter_enforced(),
                            "ratelimit.http_filter_enforcing");
  settings.deny_on_failure =
      share(proto.has_failure_mode_deny_percent(), proto.failure_mode_deny_percent(), "");
  if (!proto.has_failure_mode_deny_percent() && !proto.failure_mode_deny()) {
    settings.deny_on_failure.fallback = {};
  }
  if (proto.request_type() == "internal") settings.request_type = RequestType::kInternal;
  if (proto.request_type() == "external") settings.request_type = RequestType::kExternal;
}

}  // namespace

std::optional<RateLimitSettings> ParseRateLimit(const proto::RateLimit& proto,
                                                config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  RateLimitSettings settings;
  ParseService(proto, settings, context);
  ParseShares(proto, settings);
  settings.domain = proto.domain();
  settings.stat_prefix = proto.stat_prefix();
  settings.metadata_namespace = proto.metadata_namespace().empty() ? "envoy.filters.http.ratelimit"
                                                                   : proto.metadata_namespace();
  settings.source_cluster = config::ServiceCluster(context);
  settings.rate_limits =
      config::ParseExtensionRateLimits(proto.rate_limits(), "rate_limits", context);
  settings.response_headers = config::ParseHeaderChanges(proto.response_headers_to_add(),
                                                         "response_headers_to_add", context);
  settings.stage = proto.stage();
  // Below 400 is no refusal: Envoy takes 429 then.
  if (proto.rate_limited_status().code() >= 400) {
    settings.limited_status = static_cast<uint16_t>(proto.rate_limited_status().code());
  }
  // What is not set is 0; a response that is none, or not the last, is no answer either.
  if (proto.status_on_error().code() >= 200) {
    settings.status_on_error = static_cast<uint16_t>(proto.status_on_error().code());
  }
  settings.resource_exhausted = proto.rate_limited_as_resource_exhausted();
  settings.tells_client = proto.enable_x_ratelimit_headers() == proto::RateLimit::DRAFT_VERSION_03;
  settings.tells_retry = proto.enable_retry_after_header();
  settings.marks = !proto.disable_x_envoy_ratelimited_header();
  if (context.errors().size() > errors) return std::nullopt;
  return settings;
}

std::optional<RateLimitRoute> ParseRateLimitRoute(const proto::RateLimitPerRoute& proto,
                                                  config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  RateLimitRoute route;
  route.rate_limits = config::ParseExtensionRateLimits(proto.rate_limits(), "rate_limits", context);
  route.domain = proto.domain();
  route.virtual_host = static_cast<http::VirtualHostLimits>(proto.vh_rate_limits());
  if (context.errors().size() > errors) return std::nullopt;
  return route;
}

}  // namespace remora::extensions
