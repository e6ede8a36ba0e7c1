#pragma once

// JwtState: what the JWT filter keeps once a worker: its statistics, keys from servers, and the
// tokens that were good.
//
// Owner: the worker's filter chain configuration. Thread: its worker. Nothing fails.

#include <map>
#include <memory>
#include <string_view>

#include "source/extensions/http_filters/jwt_authn/jwt_cache.h"
#include "source/extensions/http_filters/jwt_authn/remote_keys.h"
#include "source/extensions/http_filters/jwt_authn/settings.h"
#include "source/http/filter/filter.h"
#include "source/stats/group.h"

namespace remora::extensions {

// `http.<stat_prefix>.jwt_authn.`
struct JwtStats {
  stats::NamedCounter<"jwt_authn.allowed"> allowed;  // Requests that have gone on.
  stats::NamedCounter<"jwt_authn.denied"> denied;    // That were refused.
  // That were not looked at: bypass_cors_preflight.
  stats::NamedCounter<"jwt_authn.cors_preflight_bypassed"> cors_preflight_bypassed;
  stats::NamedCounter<"jwt_authn.jwks_fetch_success"> jwks_fetch_success;
  stats::NamedCounter<"jwt_authn.jwks_fetch_failed"> jwks_fetch_failed;
  stats::NamedCounter<"jwt_authn.jwt_cache_hit"> jwt_cache_hit;    // Tokens that were known.
  stats::NamedCounter<"jwt_authn.jwt_cache_miss"> jwt_cache_miss;  // That had to be verified.
};

class JwtState final : public http::FilterWorkerState {
 public:
  JwtState(const JwtSettings& settings, const http::WorkerSetup& setup);

  const JwtStats stats;

  // Null: it is not known.
  std::shared_ptr<const JwtToken> FindCached(const JwtProvider& provider, std::string_view text,
                                             bool counts);
  void Remember(const JwtProvider& provider, std::string_view text,
                std::shared_ptr<const JwtToken> token);
  // Null: they have to be fetched.
  std::shared_ptr<const KeySet> FreshKeys(const JwtProvider& provider) const;
  // As RemoteKeySet::Fetch.
  bool FetchKeys(const JwtProvider& provider, upstream::ClusterSet& clusters, KeyWaiter& waiter);

 private:
  std::map<const JwtProvider*, JwtCache> caches_;
  std::map<const JwtProvider*, std::unique_ptr<RemoteKeySet>> remote_;
};

}  // namespace remora::extensions
