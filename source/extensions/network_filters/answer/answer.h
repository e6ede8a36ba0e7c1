#pragma once

// DirectResponse and Echo: terminal network filters that answer by themselves, with fixed bytes or
// with the client's own.
//
// Extensions (see config/registry.h). Thread: a worker's. Owner of a session: the listener.
// Source: Envoy source/extensions/filters/network/{direct_response,echo}.

#include <memory>
#include <optional>
#include <string>

#include "source/config/registry.h"
#include "source/net/network_filter.h"

namespace envoy::extensions::filters::network {
namespace direct_response::v3 {
class Config;
}
namespace echo::v3 {
class Echo;
}
}  // namespace envoy::extensions::filters::network

namespace remora::extensions {

struct DirectResponse {
  using Proto = envoy::extensions::filters::network::direct_response::v3::Config;
  struct Config {
    std::string response;
  };

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::string StatScope(const Config& config);
  static std::unique_ptr<net::DownstreamSession> Create(const Config& config,
                                                        const net::ChainSetup& setup,
                                                        net::SessionOwner& owner,
                                                        net::Accepted accepted);
};

struct Echo {
  using Proto = envoy::extensions::filters::network::echo::v3::Echo;
  struct Config {};

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::string StatScope(const Config& config);
  static std::unique_ptr<net::DownstreamSession> Create(const Config& config,
                                                        const net::ChainSetup& setup,
                                                        net::SessionOwner& owner,
                                                        net::Accepted accepted);
};

}  // namespace remora::extensions
