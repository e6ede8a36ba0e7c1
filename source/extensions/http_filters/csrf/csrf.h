#pragma once

// The CSRF filter: refuses requests that change something and come from a page of another origin.
//
// envoy.extensions.filters.http.csrf.v3.CsrfPolicy; a route's takes the place of the filter's.
// `origin`, or else `referer`, has to name the request's own host and port, or one of
// additional_origins; the scheme does not count. Compared as written: case and a default port
// matter, as in Envoy. The answer is 403 `Invalid origin`, details `csrf_origin_mismatch`.
// Source: Envoy source/extensions/filters/http/csrf/csrf_filter.cc; OWASP, verifying origin.

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "source/config/registry.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"
#include "source/http/route/conditions.h"
#include "source/runtime/runtime.h"
#include "source/stats/group.h"

namespace envoy::extensions::filters::http::csrf::v3 {
class CsrfPolicy;
}

namespace remora::extensions {

class CsrfFilter;

struct Csrf {
  using Proto = envoy::extensions::filters::http::csrf::v3::CsrfPolicy;
  using RouteProto = Proto;
  using Filter = CsrfFilter;
  struct Config {
    runtime::FractionSetting enabled;
    runtime::FractionSetting shadow_enabled;
    std::vector<route::StringMatcher> additional_origins;
  };
  using RouteConfig = Config;

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

// `http.<stat_prefix>.csrf.`
struct CsrfStats {
  // No `origin` and no `referer` that says where the request comes from.
  stats::NamedCounter<"csrf.missing_source_origin"> missing_source_origin;
  stats::NamedCounter<"csrf.request_invalid"> request_invalid;  // From another origin.
  stats::NamedCounter<"csrf.request_valid"> request_valid;      // From an allowed one.
};

class CsrfState final : public http::FilterWorkerState {
 public:
  explicit CsrfState(const http::WorkerSetup& setup)
      : stats(setup.scope.Make<CsrfStats>(setup.shard)) {}
  const CsrfStats stats;
};

class CsrfFilter final : public http::Filter {
 public:
  CsrfFilter(const Csrf::Config& config, http::FilterContext& context)
      : config_(config), context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;

 private:
  // Counts; false when the origin is missing or wrong.
  bool Check(const Csrf::Config& policy, const http::RequestHead& head) const;

  const Csrf::Config& config_;
  http::FilterContext& context_;
};

// `host` or `host:port` of an origin or URL, without what may stand before an @; the text itself
// when it is neither. `null`, which browsers send when they will not say, gives "".
std::string_view OriginHost(std::string_view text);

}  // namespace remora::extensions
