#pragma once

// The basic authentication filter: lets a request pass when it names a user and the password.
//
// envoy.extensions.filters.http.basic_auth.v3.BasicAuth; a route has users of its own. Users are
// known by the SHA-1 of their password (`htpasswd -s`), as in Envoy. The answer is 401 with
// `www-authenticate` and the reason in body and details. Measured on Envoy 1.40.
// Source: Envoy source/extensions/filters/http/basic_auth/basic_auth_filter.cc; RFC 7617.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "source/config/registry.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"
#include "source/stats/group.h"

namespace envoy::extensions::filters::http::basic_auth::v3 {
class BasicAuth;
class BasicAuthPerRoute;
}  // namespace envoy::extensions::filters::http::basic_auth::v3

namespace remora::extensions {

// By name, the SHA-1 of each one's password.
using BasicAuthUsers = std::map<std::string, std::string, std::less<>>;

class BasicAuthFilter;

struct BasicAuth {
  using Proto = envoy::extensions::filters::http::basic_auth::v3::BasicAuth;
  using RouteProto = envoy::extensions::filters::http::basic_auth::v3::BasicAuthPerRoute;
  using Filter = BasicAuthFilter;
  struct Config {
    BasicAuthUsers users;
    std::string name_header;  // lower-case; empty: upstreams are not told
    std::string header;       // where the credentials are, lower-case
  };
  struct RouteConfig {
    BasicAuthUsers users;
  };

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

// `http.<stat_prefix>.basic_auth.`
struct BasicAuthStats {
  stats::NamedCounter<"basic_auth.allowed"> allowed;  // Requests that have gone on.
  stats::NamedCounter<"basic_auth.denied"> denied;    // That were refused.
};

class BasicAuthState final : public http::FilterWorkerState {
 public:
  explicit BasicAuthState(const http::WorkerSetup& setup)
      : stats(setup.scope.Make<BasicAuthStats>(setup.shard)) {}
  const BasicAuthStats stats;
};

class BasicAuthFilter final : public http::Filter {
 public:
  BasicAuthFilter(const BasicAuth::Config& config, http::FilterContext& context)
      : config_(config), context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;

 private:
  void Refuse(const http::RequestHead& head, std::string_view why, std::string_view details);

  const BasicAuth::Config& config_;
  http::FilterContext& context_;
};

// From lines of htpasswd; empty after an error, which is in the context.
BasicAuthUsers ParseUsers(std::string_view text, std::string_view field,
                          config::ConfigContext& context);

}  // namespace remora::extensions
