#pragma once

// Translator of envoy.config.listener.v3.Listener: where it listens and what runs on its
// connections.
//
// Pure, as far as route tables are (see route_config.h). Its filter chains are translated by
// filter_chain_config.h.
// Source: Envoy source/common/listener_manager/listener_impl.cc.

#include <memory>

#include "source/config/core_config.h"
#include "source/config/listener.h"

namespace envoy::config::listener::v3 {
class Listener;
}

namespace remora::config {

// Null after an error.
std::shared_ptr<const ListenerConfig> ParseListener(
    const envoy::config::listener::v3::Listener& proto, const FieldPath& path,
    Translation& translation);

}  // namespace remora::config
