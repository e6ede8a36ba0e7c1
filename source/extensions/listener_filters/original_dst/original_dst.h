#pragma once

// OriginalDst: restores the destination that a redirected connection had before the kernel's NAT
// brought it here.
//
// Extension (see config/registry.h). Thread: a worker's. A connection that was not redirected keeps
// its address. Source: Envoy source/extensions/filters/listener/original_dst,
// source/common/network/utility.cc Utility::getOriginalDst.

#include <memory>
#include <optional>
#include <string>

#include "source/config/registry.h"
#include "source/net/listener_filter.h"

namespace envoy::extensions::filters::listener::original_dst::v3 {
class OriginalDst;
}

namespace remora::extensions {

struct OriginalDst {
  using Proto = envoy::extensions::filters::listener::original_dst::v3::OriginalDst;
  struct Config {};

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::string StatScope(const Config& config);
  static std::unique_ptr<net::ListenerFilter> Create(const Config& config,
                                                     const net::ListenerFilterSetup& setup);
};

}  // namespace remora::extensions
