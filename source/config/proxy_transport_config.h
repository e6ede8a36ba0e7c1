#pragma once

// Translator of the transport sockets of clusters: plain text, TLS, and either behind a PROXY
// header.
//
// Faults go to Translation::errors. Sources:
// envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport; the others
// are tls_config.h's.

#include <memory>
#include <string>

#include "source/config/core_config.h"
#include "source/net/transport_factory.h"

namespace remora::config {

// Null: plain text, or an error was added. `owner` is the cluster's name as tls_config.h wants it.
std::shared_ptr<const net::TransportFactory> ParseClusterTransport(
    const envoy::config::core::v3::TransportSocket& proto, const std::string& owner,
    const FieldPath& path, Translation& translation);

}  // namespace remora::config
