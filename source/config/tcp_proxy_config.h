#pragma once

// Translator of envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy to an immutable value.
//
// Pure but for what formats read (access_log_config.h); main thread, at start. Faults go to
// Translation::errors with the field's path; texts are Envoy's where it has one.
// Source: Envoy source/common/tcp_proxy/tcp_proxy.cc, source/extensions/filters/network/tcp_proxy.

#include <memory>

#include "source/config/core_config.h"
#include "source/tcp/config.h"

namespace envoy::extensions::filters::network::tcp_proxy::v3 {
class TcpProxy;
}

namespace remora::config {

// Null after an error.
std::shared_ptr<const tcp::Config> ParseTcpProxy(
    const envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy& proto,
    const FieldPath& path, Translation& translation);

}  // namespace remora::config
