#include "source/server/listener_scopes.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "source/tcp/config.h"

namespace remora::server {
namespace {

ChainScopes MakeChainScopes(ScopeLease& lease, const config::FilterChain& chain,
                            const std::string& listener) {
  ChainScopes scopes;
  if (chain.http != nullptr) {
    const std::string& prefix = chain.http->stat_prefix;
    scopes.http = &lease.Add(absl::StrCat("http.", prefix));
    scopes.http1 = &lease.Add("http1");
    scopes.http2 = &lease.Add("http2");
    scopes.listener_http = &lease.Add(absl::StrCat(listener, ".http.", prefix));
  }
  if (chain.tcp != nullptr) {
    scopes.tcp = &lease.Add(absl::StrCat("tcp.", chain.tcp->stat_prefix));
  }
  if (chain.session.has_value()) scopes.session = &lease.Add(chain.session->scope);
  for (const net::GuardFactory& guard : chain.guards) {
    scopes.guards.push_back(&lease.Add(guard.scope));
  }
  return scopes;
}

}  // namespace

ListenerScopes MakeListenerScopes(ScopeLease& lease, const config::ListenerConfig& config,
                                  std::string_view prefix, size_t workers) {
  const std::string listener = absl::StrCat("listener.", std::string(prefix));
  ListenerScopes scopes;
  scopes.keeper = std::make_shared<const char>();
  scopes.listener = &lease.Add(listener);
  for (size_t i = 0; i < workers; ++i) {
    scopes.workers.push_back(&lease.Add(absl::StrCat(listener, ".worker_", i)));
  }
  for (const net::ListenerFilterFactory& filter : config.listener_filters) {
    scopes.filters.push_back(&lease.Add(filter.scope));
  }
  for (const auto& chain : config.AllChains()) {
    scopes.chains.push_back(MakeChainScopes(lease, *chain, listener));
  }
  return scopes;
}

}  // namespace remora::server
