#pragma once

// Translator of envoy.extensions.filters.network.http_connection_manager.v3: the connection
// manager's value with its filter chain and route table.
//
// Pure, as far as route tables are (see route_config.h). Filters are parsed before routes, because
// configuration by route refers to them. Filters of unknown type with is_optional are left out with
// a warning.
// Source: Envoy source/extensions/filters/network/http_connection_manager/config.cc.

#include <memory>
#include <optional>

#include "source/config/core_config.h"
#include "source/http/connection_manager/config.h"

namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class HttpConnectionManager;
}

namespace remora::config {

// Null after an error.
std::shared_ptr<const connection_manager::Config> ParseHttpConnectionManager(
    const envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager&
        proto,
    const FieldPath& path, Translation& translation);

}  // namespace remora::config
