#pragma once

// ConnectionRbac: the guard that asks access rules when a connection's first bytes are there.
//
// Extension (see config/registry.h). Thread: a worker's. A denied connection is closed and counted;
// the access log says which policy did it.
// Source: Envoy source/extensions/filters/network/rbac/rbac_filter.cc.

#include <memory>
#include <optional>
#include <string>

#include "source/config/registry.h"
#include "source/net/network_filter.h"
#include "source/rbac/rules.h"

namespace envoy::extensions::filters::network::rbac::v3 {
class RBAC;
}

namespace remora::extensions {

struct ConnectionRbac {
  using Proto = envoy::extensions::filters::network::rbac::v3::RBAC;
  struct Config {
    std::string stat_prefix;
    std::string shadow_prefix;                  // in front of the names of what shadow rules count
    std::shared_ptr<const rbac::Rules> rules;   // null: everything is admitted
    std::shared_ptr<const rbac::Rules> shadow;  // only count; null: none
  };
  static constexpr bool kWantsFirstBytes = true;

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::string StatScope(const Config& config);
  static std::unique_ptr<net::ConnectionGuard> Create(const Config& config,
                                                      const net::ChainSetup& setup);
};

}  // namespace remora::extensions
