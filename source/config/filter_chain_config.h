#pragma once

// Translator of envoy.config.listener.v3.FilterChain: which connections a chain takes and what runs
// on them.
//
// Pure, as far as route tables are (see route_config.h). Network filters are found by type: guards
// in the registry, in any number, then one terminal filter. What is wrong goes to
// Translation::errors, with Envoy's texts. Source: Envoy
// source/common/listener_manager/filter_chain_manager_impl.cc, source/server/configuration_impl.cc.

#include <string>

#include "source/config/core_config.h"
#include "source/config/listener.h"

namespace envoy::config::listener::v3 {
class Listener;
}

namespace remora::config {

// Sets the chains and their index. `address`: the listener's, for messages.
void ParseFilterChains(const envoy::config::listener::v3::Listener& proto,
                       const std::string& address, const FieldPath& path, Translation& translation,
                       ListenerConfig& config);

}  // namespace remora::config
