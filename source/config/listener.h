#pragma once

// ListenerConfig: one listener as an immutable value: where it listens and what runs on its
// connections. FilterChain: what runs on those that meet its conditions.
//
// Made by the listener translator, held by the World, applied by the server. A filter chain is
// shared by content of its own, so that an update of the listener can keep the chains it does not
// change. Threads: shared read-only by all workers once it is in a World. Nothing in it fails: the
// translator has checked it. Source: envoy.config.listener.v3.Listener, FilterChain.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "source/config/meaning.h"
#include "source/config/source_use.h"
#include "source/http/connection_manager/config.h"
#include "source/http/metadata.h"
#include "source/net/filter_chain_index.h"
#include "source/net/listener_filter.h"
#include "source/net/network_filter.h"
#include "source/net/socket.h"
#include "source/net/transport_factory.h"
#include "source/tls/context_source.h"

namespace remora::tcp {
struct Config;
}

namespace remora::config {

// envoy.config.core.v3.TrafficDirection.
enum class TrafficDirection : uint8_t { kUnspecified, kInbound, kOutbound };

struct FilterChain {
  Meaning meaning = {};  // of its message; not set where none will be compared
  std::string name;
  net::FilterChainMatch match;
  std::shared_ptr<const http::Metadata> metadata;          // null: none
  std::shared_ptr<const net::TransportFactory> transport;  // null: plain text
  event::Duration transport_connect_timeout = 0;           // of its handshake; 0: none
  std::vector<net::GuardFactory> guards;
  // What it needs from elsewhere: whoever serves it follows that.
  std::vector<tls::ContextUse> tls_contexts;
  std::vector<RouteUse> route_uses;
  std::vector<ScopeUse> scope_uses;
  std::vector<ExtensionUse> extension_uses;
  // The terminal filter: exactly one of these.
  std::shared_ptr<const connection_manager::Config> http;
  std::shared_ptr<const tcp::Config> tcp;
  std::optional<net::SessionFactory> session;
};

struct ListenerConfig {
  Meaning meaning = {};     // of its message without the filter chains; see FilterChain
  std::string name;         // made up by the server when the configuration gives none
  std::string stat_prefix;  // empty: the address, `:` as `_`
  net::Address address;
  std::vector<net::Address> additional_addresses;
  bool binds = true;  // false: serves only what another listener hands over
  // Hands connections over to the listener of the destination that was restored.
  bool hands_over = false;
  bool balances = false;  // connections are spread evenly over the workers
  bool ignores_global_limit = false;
  net::ListenOptions options;
  uint32_t per_connection_buffer_limit = 1024 * 1024;
  uint32_t max_accepts_per_event = 32;
  TrafficDirection direction = TrafficDirection::kUnspecified;  // for /drain_listeners?inboundonly
  // Whether /healthcheck/fail ends its connections: drain_type DEFAULT.
  bool drains_on_failed_health_check = true;
  access_log::LoggerList access_log;  // of connections
  std::vector<net::ListenerFilterFactory> listener_filters;
  event::Duration listener_filters_timeout = 15 * event::kSecond;  // 0: none
  bool continues_on_timeout = false;
  std::vector<std::shared_ptr<const FilterChain>> filter_chains;
  std::shared_ptr<const net::FilterChainIndex> index;       // over filter_chains; null: no such
  std::shared_ptr<const FilterChain> default_filter_chain;  // what no other takes; null: none

  // All of them, the default chain last.
  std::vector<std::shared_ptr<const FilterChain>> AllChains() const {
    std::vector<std::shared_ptr<const FilterChain>> chains = filter_chains;
    if (default_filter_chain != nullptr) chains.push_back(default_filter_chain);
    return chains;
  }
};

// A chain that takes every connection, for a listener that has no other.
inline std::shared_ptr<const FilterChain> HttpChain(
    std::shared_ptr<const connection_manager::Config> http) {
  FilterChain chain;
  chain.http = std::move(http);
  return std::make_shared<const FilterChain>(std::move(chain));
}

}  // namespace remora::config
