#pragma once

// ConnectionRateLimit: the guard that admits a connection when its bucket has a token.
//
// Extension (see config/registry.h). Thread: a worker's; the bucket is shared by all workers. A
// refused connection is closed at once and counted.
// Source: Envoy source/extensions/filters/network/local_ratelimit.

#include <memory>
#include <optional>
#include <string>

#include "source/config/registry.h"
#include "source/event/token_bucket.h"
#include "source/net/network_filter.h"
#include "source/runtime/runtime.h"

namespace envoy::extensions::filters::network::local_ratelimit::v3 {
class LocalRateLimit;
}

namespace remora::extensions {

struct ConnectionRateLimit {
  using Proto = envoy::extensions::filters::network::local_ratelimit::v3::LocalRateLimit;
  struct Config {
    std::string stat_prefix;
    std::unique_ptr<event::TokenBucket> bucket;
    runtime::FlagSetting enabled;
  };
  static constexpr bool kWantsFirstBytes = false;

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::string StatScope(const Config& config);
  static std::unique_ptr<net::ConnectionGuard> Create(const Config& config,
                                                      const net::ChainSetup& setup);
};

}  // namespace remora::extensions
