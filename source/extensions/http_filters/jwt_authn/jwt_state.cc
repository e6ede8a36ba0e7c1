#include "source/extensions/http_filters/jwt_authn/jwt_state.h"

#include <utility>

namespace remora::extensions {

JwtState::JwtState(const JwtSettings& settings, const http::WorkerSetup& setup)
    : stats(setup.scope.Make<JwtStats>(setup.shard)) {
  for (const JwtProvider& provider : settings.providers) {
    if (provider.cache_size > 0) caches_.emplace(&provider, JwtCache(provider.cache_size));
    if (!provider.remote.has_value()) continue;
    remote_.emplace(&provider,
                    std::make_unique<RemoteKeySet>(
                        *provider.remote, setup.dispatcher,
                        RemoteKeySet::Counters{stats.jwks_fetch_success, stats.jwks_fetch_failed}));
  }
}

std::shared_ptr<const JwtToken> JwtState::FindCached(const JwtProvider& provider,
                                                     std::string_view text, bool counts) {
  const auto cache = caches_.find(&provider);
  std::shared_ptr<const JwtToken> token;
  if (cache != caches_.end()) token = cache->second.Find(text);
  if (counts && token != nullptr) stats.jwt_cache_hit.Inc();
  if (counts && token == nullptr) stats.jwt_cache_miss.Inc();
  return token;
}

void JwtState::Remember(const JwtProvider& provider, std::string_view text,
                        std::shared_ptr<const JwtToken> token) {
  const auto cache = caches_.find(&provider);
  if (cache != caches_.end()) cache->second.Insert(text, std::move(token));
}

std::shared_ptr<const KeySet> JwtState::FreshKeys(const JwtProvider& provider) const {
  const auto remote = remote_.find(&provider);
  return remote != remote_.end() ? remote->second->Fresh() : nullptr;
}

bool JwtState::FetchKeys(const JwtProvider& provider, upstream::ClusterSet& clusters,
                         KeyWaiter& waiter) {
  return remote_.at(&provider)->Fetch(clusters, waiter);
}

}  // namespace remora::extensions
