#pragma once

// OriginalSrc: connections to endpoints come from the client's own address.
//
// Extension (see config/registry.h). Thread: a worker's. The address is the one that filters before
// it have found (proxy_protocol), or the peer's. Whether the kernel allows it shows when an
// upstream connection is begun. Source: Envoy source/extensions/filters/listener/original_src.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "source/config/registry.h"
#include "source/net/listener_filter.h"

namespace envoy::extensions::filters::listener::original_src::v3 {
class OriginalSrc;
}

namespace remora::extensions {

struct OriginalSrc {
  using Proto = envoy::extensions::filters::listener::original_src::v3::OriginalSrc;
  struct Config {
    bool bind_port = false;
    uint32_t mark = 0;
  };

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::string StatScope(const Config& config);
  static std::unique_ptr<net::ListenerFilter> Create(const Config& config,
                                                     const net::ListenerFilterSetup& setup);
};

}  // namespace remora::extensions
