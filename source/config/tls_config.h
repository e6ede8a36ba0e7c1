#pragma once

// Translators of transport sockets: plain text and TLS, of filter chains and of clusters.
//
// Everything that the configuration itself holds is tried at once: a context without secrets to
// wait for is built here, so that a wrong certificate is an error at its place. A context that
// waits is left empty for whoever follows secrets (Translation::tls_contexts lists them all).
// Faults go to Translation::errors. Source: envoy.extensions.transport_sockets.tls.v3; Envoy
// source/common/tls/context_config_impl.cc.

#include <memory>
#include <string>

#include "source/config/core_config.h"
#include "source/net/transport_factory.h"

namespace remora::config {

// Null: plain text, or an error was added. `owner` is the listener's or cluster's name.
std::shared_ptr<const net::TransportFactory> ParseDownstreamTransport(
    const envoy::config::core::v3::TransportSocket& proto, const std::string& owner,
    const FieldPath& path, Translation& translation);
std::shared_ptr<const net::TransportFactory> ParseUpstreamTransport(
    const envoy::config::core::v3::TransportSocket& proto, const std::string& owner,
    const FieldPath& path, Translation& translation);

}  // namespace remora::config
