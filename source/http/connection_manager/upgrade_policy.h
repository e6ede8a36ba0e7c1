#pragma once

// Upgrade policy: whether a request for another protocol (Upgrade) or for a tunnel (CONNECT) is
// passed on. Decided by the route, else by the connection manager; nothing is allowed by default.
// Pure functions; any thread. Source: Envoy, HttpConnectionManagerConfig::createUpgradeFilterChain.

#include <cstddef>
#include <optional>

#include "source/http/connection_manager/config.h"
#include "source/http/message.h"

namespace remora::connection_manager {

// What a request that asks for a tunnel asks for: `CONNECT`, `websocket`, ...
std::string_view UpgradeType(const http::RequestHead& head);

// Which of `config.upgrade_filters` the request gets; nothing: the plain ones.
std::optional<size_t> UpgradeFiltersFor(const Config& config, const http::RequestHead& head);

// `route` may be null: no route matched. `head` asks for a tunnel.
bool AllowsUpgrade(const Config& config, const route::Route* route, const http::RequestHead& head);

}  // namespace remora::connection_manager
