#pragma once

// ListenerScopes: where the statistics of a listener are, made by main once for all its workers.
//
// With them goes what else all workers of a listener look at: whether it is drained, and how many
// connections it has.
// Owner of the scopes: a ScopeLease of the listener. Who counts in them holds `keeper`. Thread:
// main. Nothing fails.

#include <memory>
#include <vector>

#include "source/config/listener.h"
#include "source/net/drain.h"
#include "source/server/listener_usage.h"
#include "source/server/scope_lease.h"

namespace remora::server {

// Of one filter chain; null where the chain has no such part.
struct ChainScopes {
  stats::Scope* http = nullptr;           // `http.<stat_prefix>.`
  stats::Scope* http1 = nullptr;          // `http1.`
  stats::Scope* http2 = nullptr;          // `http2.`
  stats::Scope* listener_http = nullptr;  // `listener.<address>.http.<stat_prefix>.`
  stats::Scope* tcp = nullptr;            // `tcp.<stat_prefix>.`
  stats::Scope* session = nullptr;        // of an extension's session
  std::vector<stats::Scope*> guards;
};

struct ListenerScopes {
  std::shared_ptr<const void> keeper;
  stats::Scope* listener = nullptr;    // `listener.<address>.`
  std::vector<stats::Scope*> filters;  // of the listener filters
  std::vector<stats::Scope*> workers;  // `listener.<address>.worker_<N>.`
  std::vector<ChainScopes> chains;     // in the order of ListenerConfig::AllChains
  const net::Drain* drain = nullptr;
  ListenerUsage* usage = nullptr;         // null: without limits
  ListenerUsage* global_usage = nullptr;  // of all listeners; null: without limits
};

// `prefix`: what stands for the listener's address.
ListenerScopes MakeListenerScopes(ScopeLease& lease, const config::ListenerConfig& config,
                                  std::string_view prefix, size_t workers);

}  // namespace remora::server
