#include "source/server/listener_scopes.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "source/tcp/config.h"

namespace remora::server {
namespace {

ChainScopes MakeChainScopes(stats::Store& store, const config::FilterChain& chain,
                            const std::string& listener) {
  ChainScopes scopes;
  if (chain.http != nullptr) {
    const std::string& prefix = chain.http->stat_prefix;
    scopes.http = &store.AddScope(absl::StrCat("http.", prefix));
    scopes.http1 = &store.AddScope("http1");
    scopes.http2 = &store.AddScope("http2");
    scopes.listener_http = &store.AddScope(absl::StrCat(listener, ".http.", prefix));
  }
  if (chain.tcp != nullptr) {
    scopes.tcp = &store.AddScope(absl::StrCat("tcp.", chain.tcp->stat_prefix));
  }
  if (chain.session.has_value()) scopes.session = &store.AddScope(chain.session->scope);
  for (const net::GuardFactory& guard : chain.guards) {
    scopes.guards.push_back(&store.AddScope(guard.scope));
  }
  return scopes;
}

}  // namespace

ListenerScopes MakeListenerScopes(stats::Store& store, const config::ListenerConfig& config,
                                  std::string_view prefix) {
  const std::string listener = absl::StrCat("listener.", std::string(prefix));
  ListenerScopes scopes;
  scopes.listener = &store.AddScope(listener);
  for (const net::ListenerFilterFactory& filter : config.listener_filters) {
    scopes.filters.push_back(&store.AddScope(filter.scope));
  }
  for (const auto& chain : config.AllChains()) {
    scopes.chains.push_back(MakeChainScopes(store, *chain, listener));
  }
  return scopes;
}

}  // namespace remora::server
