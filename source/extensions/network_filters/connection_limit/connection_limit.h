#pragma once

// ConnectionLimit: the guard that admits a connection while not too many are open.
//
// Extension (see config/registry.h). Thread: a worker's; the count is that of all workers. A
// refused connection is closed, after a delay if one is configured, and counted.
// Source: Envoy source/extensions/filters/network/connection_limit.

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "source/config/registry.h"
#include "source/net/network_filter.h"
#include "source/runtime/runtime.h"

namespace envoy::extensions::filters::network::connection_limit::v3 {
class ConnectionLimit;
}

namespace remora::extensions {

struct ConnectionLimit {
  using Proto = envoy::extensions::filters::network::connection_limit::v3::ConnectionLimit;
  struct Config {
    std::string stat_prefix;
    uint64_t most = 0;
    event::Duration delay = 0;
    runtime::FlagSetting enabled;
    // Admitted and still open. The one thing in it that changes; every worker counts here.
    std::unique_ptr<std::atomic<uint64_t>> open;
  };
  static constexpr bool kWantsFirstBytes = false;

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::string StatScope(const Config& config);
  static std::unique_ptr<net::ConnectionGuard> Create(const Config& config,
                                                      const net::ChainSetup& setup);
};

}  // namespace remora::extensions
