#pragma once

// The CORS filter: answers preflight requests and adds the CORS fields to responses.
//
// envoy.extensions.filters.http.cors.v3. The policies of the route's levels are read together: each
// value from the most specific level that sets it. Without a policy, without an `origin` field and
// on routes that do not forward, the filter does nothing.
// Source: Envoy source/extensions/filters/http/cors/cors_filter.cc; WHATWG Fetch, CORS protocol.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/config/registry.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"
#include "source/http/route/conditions.h"
#include "source/runtime/runtime.h"
#include "source/stats/group.h"

namespace envoy::extensions::filters::http::cors::v3 {
class Cors;
class CorsPolicy;
}  // namespace envoy::extensions::filters::http::cors::v3

namespace remora::extensions {

struct CorsPolicy {
  std::vector<route::StringMatcher> allow_origins;
  bool any_origin = false;  // one of them matches "*"
  std::string allow_methods;
  std::string allow_headers;
  std::string expose_headers;
  std::string max_age;
  std::optional<bool> allow_credentials;
  std::optional<bool> allow_private_network;
  std::optional<bool> forward_not_matching_preflights;
  runtime::FractionSetting enabled = {"", {100, 100}};
  runtime::FractionSetting shadow_enabled = {"", {0, 100}};
};

class CorsFilter;

struct Cors {
  using Proto = envoy::extensions::filters::http::cors::v3::Cors;
  using RouteProto = envoy::extensions::filters::http::cors::v3::CorsPolicy;
  using Filter = CorsFilter;
  struct Config {};
  using RouteConfig = CorsPolicy;

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

// `http.<stat_prefix>.cors.`
struct CorsStats {
  stats::NamedCounter<"cors.origin_valid"> origin_valid;      // Requests from allowed origins.
  stats::NamedCounter<"cors.origin_invalid"> origin_invalid;  // Requests from other origins.
};

class CorsState final : public http::FilterWorkerState {
 public:
  explicit CorsState(const http::WorkerSetup& setup)
      : stats(setup.scope.Make<CorsStats>(setup.shard)) {}
  const CorsStats stats;
};

class CorsFilter final : public http::Filter {
 public:
  explicit CorsFilter(http::FilterContext& context) : context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnResponseHead(http::ResponseHead& head) override;

 private:
  // A policy for this request may be there.
  bool FindPolicies();
  // The first value, from the most specific policy on, that is set.
  std::string_view Text(std::string CorsPolicy::* field) const;
  bool Flag(std::optional<bool> CorsPolicy::* field, bool otherwise) const;
  bool Allows(std::string_view origin) const;
  void AnswerPreflight();
  void AddPreflightFields(http::HeaderMap& headers) const;

  http::FilterContext& context_;
  const CorsPolicy* policies_[http::FilterContext::kRouteLevels] = {};  // most specific first
  size_t count_ = 0;
  const http::RequestHead* request_ = nullptr;
  std::string_view origin_;  // allowed; empty: leave the response alone
  bool preflight_ = false;   // answered here
};

}  // namespace remora::extensions
