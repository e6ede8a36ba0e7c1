#include "source/extensions/network_filters/local_ratelimit/local_ratelimit.h"

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit.pb.h"
#include "source/config/extension_values.h"

namespace remora::extensions {
namespace {

constexpr event::Duration kShortestInterval = 50 * event::kMillisecond;

// `local_rate_limit.<stat_prefix>.`
struct ConnectionRateLimitStats {
  stats::NamedCounter<"rate_limited"> rate_limited;  // Closed: no token.
};

class Guard final : public net::ConnectionGuard {
 public:
  Guard(const ConnectionRateLimit::Config& config, const net::ChainSetup& setup)
      : config_(config),
        dispatcher_(setup.dispatcher),
        runtime_(setup.runtime),
        stats_(setup.scope.Make<ConnectionRateLimitStats>(setup.shard)) {}

  net::Admission OnConnection(net::GuardedConnection& connection) override {
    if (!config_.enabled.In(*runtime_) || config_.bucket->Take(1, dispatcher_.now())) {
      return net::Admission::kAdmit;
    }
    stats_.rate_limited.Inc();
    connection.rate_limited = true;
    return net::Admission::kRefuse;
  }

 private:
  const ConnectionRateLimit::Config& config_;
  event::Dispatcher& dispatcher_;
  const runtime::View& runtime_;
  ConnectionRateLimitStats stats_;
};

}  // namespace

std::optional<ConnectionRateLimit::Config> ConnectionRateLimit::Parse(
    const Proto& proto, config::ConfigContext& context) {
  const auto& given = proto.token_bucket();
  event::TokenBucketSettings bucket;
  bucket.max_tokens = given.max_tokens();
  if (given.has_tokens_per_fill()) bucket.tokens_per_fill = given.tokens_per_fill().value();
  bucket.fill_interval =
      config::ParseExtensionDuration(given.fill_interval(), "token_bucket.fill_interval", context);
  if (bucket.fill_interval < kShortestInterval) {
    context.AddError("token_bucket.fill_interval",
                     "local rate limit token bucket fill timer must be >= 50ms");
    return std::nullopt;
  }
  Config config;
  config.stat_prefix = proto.stat_prefix();
  config.bucket = std::make_unique<event::TokenBucket>(bucket);
  config.enabled = config::ParseFlagSetting(proto.runtime_enabled());
  return config;
}

std::string ConnectionRateLimit::StatScope(const Config& config) {
  return absl::StrCat("local_rate_limit.", config.stat_prefix);
}

std::unique_ptr<net::ConnectionGuard> ConnectionRateLimit::Create(const Config& config,
                                                                  const net::ChainSetup& setup) {
  return std::make_unique<Guard>(config, setup);
}

}  // namespace remora::extensions
