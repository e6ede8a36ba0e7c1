#include "source/extensions/http_filters/local_ratelimit/settings.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.pb.h"
#include "source/config/extension_values.h"

namespace remora::extensions {
namespace {

namespace ratelimit = envoy::extensions::common::ratelimit::v3;
using Proto = envoy::extensions::filters::http::local_ratelimit::v3::LocalRateLimit;
using BucketProto = envoy::type::v3::TokenBucket;

constexpr event::Duration kShortestInterval = 50 * event::kMillisecond;

TokenBucketSettings ParseBucket(const BucketProto& proto, const std::string& field,
                                std::string_view too_short, config::ConfigContext& context) {
  TokenBucketSettings bucket;
  bucket.max_tokens = proto.max_tokens();
  if (proto.has_tokens_per_fill()) bucket.tokens_per_fill = proto.tokens_per_fill().value();
  bucket.fill_interval =
      config::ParseExtensionDuration(proto.fill_interval(), field + ".fill_interval", context);
  if (bucket.fill_interval < kShortestInterval) {
    context.AddError(field + ".fill_interval", too_short);
    bucket.fill_interval = kShortestInterval;
  }
  return bucket;
}

void ParseDescriptors(const Proto& proto, LimiterSettings& limits, config::ConfigContext& context) {
  absl::flat_hash_set<std::string> known;
  for (int i = 0; i < proto.descriptors_size(); ++i) {
    const ratelimit::LocalRateLimitDescriptor& given = proto.descriptors(i);
    const std::string field = absl::StrCat("descriptors[", i, "]");
    LimiterSettings::Descriptor descriptor;
    for (const auto& entry : given.entries()) {
      descriptor.entries.emplace_back(entry.key(), entry.value());
    }
    descriptor.bucket =
        ParseBucket(given.token_bucket(), field + ".token_bucket",
                    "local rate limit descriptor token bucket fill timer must be >= 50ms", context);
    if (!known.insert(DescriptorText(descriptor.entries)).second) {
      context.AddError(
          field, absl::StrCat("duplicate descriptor in the local rate descriptor: ",
                              absl::StrJoin(descriptor.entries, ", ", absl::PairFormatter("="))));
    }
    limits.descriptors.push_back(std::move(descriptor));
  }
}

void ParseOwnRateLimits(const Proto& proto, LocalRateLimitSettings& settings,
                        config::ConfigContext& context) {
  settings.rate_limits =
      config::ParseExtensionRateLimits(proto.rate_limits(), "rate_limits", context);
  for (int i = 0; i < proto.rate_limits_size(); ++i) {
    const std::string field = absl::StrCat("rate_limits[", i, "]");
    if (proto.rate_limits(i).apply_on_stream_done()) {
      context.AddWarning(absl::StrCat(field, ".apply_on_stream_done"),
                         "such an entry never counts here");
    }
    if (proto.rate_limits(i).has_limit()) {
      context.AddError(field, "'limit' field is not supported");
    }
    if (proto.rate_limits(i).hits_addend().is_negative_hits()) {
      context.AddError(field + ".hits_addend", "is_negative_hits is not supported");
    }
  }
}

LimiterSettings ParseLimits(const Proto& proto, config::ConfigContext& context) {
  LimiterSettings limits;
  if (proto.has_token_bucket()) {
    limits.bucket =
        ParseBucket(proto.token_bucket(), "token_bucket",
                    "local rate limit token bucket fill timer must be >= 50ms", context);
  }
  ParseDescriptors(proto, limits, context);
  if (proto.has_always_consume_default_token_bucket()) {
    limits.always_take_default = proto.always_consume_default_token_bucket().value();
  }
  if (proto.has_max_dynamic_descriptors()) {
    limits.max_values = proto.max_dynamic_descriptors().value();
  }
  return limits;
}

}  // namespace

std::optional<LocalRateLimitSettings> ParseLocalRateLimit(const Proto& proto, bool on_route,
                                                          config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  LocalRateLimitSettings settings;
  settings.stat_prefix = proto.stat_prefix();
  // Below 400 is no refusal: Envoy takes 429 then.
  if (proto.status().code() >= 400) settings.status = static_cast<uint16_t>(proto.status().code());
  if (proto.has_filter_enabled()) {
    settings.enabled = config::ParseFractionSetting(proto.filter_enabled());
  }
  if (proto.has_filter_enforced()) {
    settings.enforced = config::ParseFractionSetting(proto.filter_enforced());
  }
  settings.request_headers =
      config::ParseHeaderChanges(proto.request_headers_to_add_when_not_enforced(),
                                 "request_headers_to_add_when_not_enforced", context);
  settings.response_headers = config::ParseHeaderChanges(proto.response_headers_to_add(),
                                                         "response_headers_to_add", context);
  settings.stage = proto.stage();
  settings.virtual_host = static_cast<http::VirtualHostLimits>(proto.vh_rate_limits());
  settings.tells_client = proto.enable_x_ratelimit_headers() == ratelimit::DRAFT_VERSION_03;
  settings.resource_exhausted = proto.rate_limited_as_resource_exhausted();
  settings.per_connection = proto.local_rate_limit_per_downstream_connection();
  settings.has_descriptors = proto.descriptors_size() > 0;
  settings.source_cluster = config::ServiceCluster(context);
  ParseOwnRateLimits(proto, settings, context);
  if (on_route && !proto.has_token_bucket()) {
    context.AddError("token_bucket",
                     "local rate limit token bucket must be set for per filter configs");
  }
  settings.limits = ParseLimits(proto, context);
  if (context.errors().size() > errors) return std::nullopt;
  if (!settings.per_connection) settings.limiter = std::make_unique<Limiter>(settings.limits);
  return settings;
}

}  // namespace remora::extensions
