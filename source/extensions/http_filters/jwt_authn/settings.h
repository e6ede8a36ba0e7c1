#pragma once

// JwtSettings: the configuration of the JWT filter as values: who issues tokens, and which requests
// need which.
//
// Made by ParseJwtAuthn from envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication, on main;
// shared by every worker, never changed. Providers are known by their place in `providers`, which
// are in the order of their names.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/config/registry.h"
#include "source/event/clock.h"
#include "source/extensions/http_filters/jwt_authn/key_set.h"
#include "source/extensions/http_filters/jwt_authn/token_places.h"
#include "source/http/route/conditions.h"
#include "source/http/route/route_table.h"

namespace envoy::extensions::filters::http::jwt_authn::v3 {
class JwtAuthentication;
}

namespace remora::extensions {

// Where keys are fetched from.
struct RemoteKeys {
  static constexpr event::Duration kDefaultCacheDuration = 600 * event::kSecond;
  static constexpr event::Duration kDefaultFailedRefetch = 1 * event::kSecond;

  std::string cluster;
  std::string host;
  std::string path;
  event::Duration timeout = 0;
  event::Duration cache_duration = kDefaultCacheDuration;
  // Fetched again before they expire, so that no request waits but a worker's first.
  bool ahead = false;
  event::Duration failed_refetch = kDefaultFailedRefetch;
};

// Which audiences are accepted; a scheme and a last slash do not matter. Empty: all.
class Audiences {
 public:
  explicit Audiences(const std::vector<std::string>& names);
  Audiences() = default;
  bool Accept(const std::vector<std::string>& names) const;

 private:
  std::vector<std::string> names_;
};

struct JwtProvider {
  static constexpr uint64_t kDefaultClockSkew = 60;
  static constexpr uint32_t kDefaultCacheSize = 100;

  std::string name;
  std::string issuer;  // empty: any
  Audiences audiences;
  std::shared_ptr<const route::StringMatcher> subjects;  // null: any
  bool require_expiration = false;
  std::optional<event::Duration> max_lifetime;
  std::shared_ptr<const KeySet> keys;  // null: they are remote
  std::optional<RemoteKeys> remote;
  bool forward = false;  // the token goes on with the request
  TokenPlaces places;
  std::string payload_header;  // empty: none
  bool pad_payload_header = false;
  std::vector<std::pair<std::string, std::string>> claim_headers;  // header, claim
  // Keys in the dynamic metadata; empty: none.
  std::string payload_in_metadata;
  std::string header_in_metadata;
  std::string failure_in_metadata;
  std::vector<std::string> split_claims;  // in the metadata: at spaces, into lists
  uint64_t clock_skew = kDefaultClockSkew;
  uint32_t cache_size = 0;  // 0: none
  bool reroute = false;
};

struct JwtRequirement {
  enum class Kind : uint8_t { kNone, kProvider, kAny, kAll, kAllowMissing, kAllowMissingOrFailed };

  Kind kind = Kind::kNone;
  size_t provider = 0;                        // kProvider
  std::optional<Audiences> audiences;         // kProvider: in the place of the provider's
  std::vector<JwtRequirement> parts;          // kAny, kAll
  std::shared_ptr<const TokenPlaces> places;  // kAllow...: of all providers that it stands for
};

struct JwtSettings {
  std::vector<JwtProvider> providers;
  // The routes stand for `rules`, in order; null: none.
  std::shared_ptr<const route::RouteTable> rules;
  std::vector<JwtRequirement> rule_requirements;
  std::map<std::string, JwtRequirement, std::less<>> named;
  bool bypass_cors_preflight = false;
  bool tell_nothing = false;  // of why a request was refused

  // By issuer, else the first without one; null: none.
  const JwtProvider* FindByIssuer(std::string_view issuer) const;
  // The requirement of the first rule that matches; null: none does.
  const JwtRequirement* FindRule(const http::RequestHead& head, uint64_t random,
                                 const runtime::Snapshot& runtime,
                                 const http::Metadata* metadata) const;
};

// nullopt after an error, which is in the context.
std::optional<JwtSettings> ParseJwtAuthn(
    const envoy::extensions::filters::http::jwt_authn::v3::JwtAuthentication& proto,
    config::ConfigContext& context);

}  // namespace remora::extensions
