#pragma once

// SniCluster: the guard that refuses nobody and chooses the TCP proxy's cluster: the one that is
// named as the client's SNI.
//
// Extension (see config/registry.h). Thread: a worker's. Without SNI the TCP proxy's own cluster
// counts. Source: Envoy source/extensions/filters/network/sni_cluster.

#include <memory>
#include <optional>
#include <string>

#include "source/config/registry.h"
#include "source/net/network_filter.h"

namespace envoy::extensions::filters::network::sni_cluster::v3 {
class SniCluster;
}

namespace remora::extensions {

struct SniCluster {
  using Proto = envoy::extensions::filters::network::sni_cluster::v3::SniCluster;
  struct Config {};
  static constexpr bool kWantsFirstBytes = false;

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::string StatScope(const Config& config);
  static std::unique_ptr<net::ConnectionGuard> Create(const Config& config,
                                                      const net::ChainSetup& setup);
};

}  // namespace remora::extensions
