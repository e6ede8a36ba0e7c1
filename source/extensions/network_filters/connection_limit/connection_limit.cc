#include "source/extensions/network_filters/connection_limit/connection_limit.h"

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/network/connection_limit/v3/connection_limit.pb.h"
#include "source/config/extension_values.h"

namespace remora::extensions {
namespace {

// `connection_limit.<stat_prefix>.`
struct ConnectionLimitStats {
  stats::NamedCounter<"limited_connections"> limited_connections;  // Refused.
  stats::NamedGauge<"active_connections"> active_connections;      // Open, the refused with them.
};

class Guard final : public net::ConnectionGuard {
 public:
  Guard(const ConnectionLimit::Config& config, const net::ChainSetup& setup)
      : config_(config),
        runtime_(setup.runtime),
        stats_(setup.scope.Make<ConnectionLimitStats>(setup.shard)) {}

  // Switched off, it counts all the same, so that what it has counted fits when it is on again.
  net::Admission OnConnection(net::GuardedConnection& connection) override {
    stats_.active_connections.Inc();
    const uint64_t before = config_.open->fetch_add(1, std::memory_order_relaxed);
    if (before < config_.most || !config_.enabled.In(*runtime_)) return net::Admission::kAdmit;
    config_.open->fetch_sub(1, std::memory_order_relaxed);
    stats_.limited_connections.Inc();
    connection.delay = config_.delay;
    return net::Admission::kRefuse;
  }

  void OnConnectionEnd(bool admitted) override {
    stats_.active_connections.Dec();
    if (admitted) config_.open->fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  const ConnectionLimit::Config& config_;
  const runtime::View& runtime_;
  ConnectionLimitStats stats_;
};

}  // namespace

std::optional<ConnectionLimit::Config> ConnectionLimit::Parse(const Proto& proto,
                                                              config::ConfigContext& context) {
  Config config;
  config.stat_prefix = proto.stat_prefix();
  config.most = proto.max_connections().value();
  if (proto.has_delay()) {
    config.delay = config::ParseExtensionDuration(proto.delay(), "delay", context);
  }
  config.enabled = config::ParseFlagSetting(proto.runtime_enabled());
  config.open = std::make_unique<std::atomic<uint64_t>>(0);
  return config;
}

std::string ConnectionLimit::StatScope(const Config& config) {
  return absl::StrCat("connection_limit.", config.stat_prefix);
}

std::unique_ptr<net::ConnectionGuard> ConnectionLimit::Create(const Config& config,
                                                              const net::ChainSetup& setup) {
  return std::make_unique<Guard>(config, setup);
}

}  // namespace remora::extensions
