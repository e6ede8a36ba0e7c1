#pragma once

// ListenerConfig: one listener as an immutable value: where it listens and what runs on its
// connections. Made by the listener translator, held by the World, applied by the server.
// Threads: shared read-only by all workers once it is in a World. Nothing in it fails: the
// translator has checked it. Source: envoy.config.listener.v3.Listener.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "source/http/connection_manager/config.h"
#include "source/net/socket.h"
#include "source/net/transport_factory.h"

namespace remora::config {

// envoy.config.core.v3.TrafficDirection.
enum class TrafficDirection : uint8_t { kUnspecified, kInbound, kOutbound };

struct ListenerConfig {
  std::string name;         // made up by the server when the configuration gives none
  std::string stat_prefix;  // empty: the address, `:` as `_`
  net::Address address;
  net::ListenOptions options;
  uint32_t per_connection_buffer_limit = 1024 * 1024;
  uint32_t max_accepts_per_event = 32;
  TrafficDirection direction = TrafficDirection::kUnspecified;  // for /drain_listeners?inboundonly
  // Whether /healthcheck/fail ends its connections: drain_type DEFAULT.
  bool drains_on_failed_health_check = true;
  std::string filter_chain_name;
  access_log::LoggerList access_log;  // of connections
  std::shared_ptr<const net::TransportFactory> transport;  // null: plaintext
  // The one filter chain: an HTTP connection manager.
  std::shared_ptr<const connection_manager::Config> http;
};

}  // namespace remora::config
