#pragma once

// The session affinity filter: requests of an application's session go to the instance that began
// it.
//
// remora.extensions.filters.http.session_affinity.v1.SessionAffinity; a route's takes the place of
// the filter's. A response with one of the application's session cookies gets a second cookie, with
// what the instance is called (http::HostIdentity); a request with both goes there
// (http/override_host.h), or elsewhere when the instance has gone, and its response brings the new
// name. The rules are those of a router tier of Cloud Foundry, so that clients and applications
// notice no change. Nothing is kept between requests.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/config/registry.h"
#include "source/extensions/http_filters/session_affinity/set_cookie.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"
#include "source/http/override_host.h"
#include "source/stats/group.h"

namespace remora::extensions::filters::http::session_affinity::v1 {
class SessionAffinity;
class SessionAffinityPerRoute;
}  // namespace remora::extensions::filters::http::session_affinity::v1

namespace remora::extensions {

class SessionAffinityFilter;

struct SessionAffinity {
  using Proto = filters::http::session_affinity::v1::SessionAffinity;
  using RouteProto = filters::http::session_affinity::v1::SessionAffinityPerRoute;
  using Filter = SessionAffinityFilter;
  struct Config {
    std::vector<std::string> session_cookies;  // of the application; never empty
    std::string instance_cookie;
    std::shared_ptr<const http::HostIdentity> identity;
    std::string path;  // of the instance cookie
    bool always_secure = false;
    bool negotiate = false;
  };
  struct RouteConfig {
    std::optional<Config> affinity;  // none: the filter does nothing
  };

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

// `http.<stat_prefix>.session_affinity.`
struct SessionAffinityStats {
  stats::NamedCounter<"session_affinity.cookies"> cookies;  // Instance cookies given.
  stats::NamedCounter<"session_affinity.moved"> moved;  // The instance had gone: another answered.
  stats::NamedCounter<"session_affinity.refused"> refused;  // It had gone, and no other would do.
  stats::NamedCounter<"session_affinity.routed"> routed;    // Answered by the session's instance.
};

class SessionAffinityState final : public http::FilterWorkerState {
 public:
  explicit SessionAffinityState(const http::WorkerSetup& setup)
      : stats(setup.scope.Make<SessionAffinityStats>(setup.shard)) {}
  const SessionAffinityStats stats;
};

class SessionAffinityFilter final : public http::Filter {
 public:
  SessionAffinityFilter(const SessionAffinity::Config& config, http::FilterContext& context)
      : config_(config), context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnResponseHead(http::ResponseHead& head) override;

 private:
  const SessionAffinityStats& stats() const {
    return context_.worker_state<SessionAffinityState>().stats;
  }
  bool HasSession(const http::RequestHead& head) const;
  bool IsSessionCookie(std::string_view name) const;
  // The application gives one of its session cookies.
  bool SetsSession(const http::ResponseHead& head) const;
  // After a response of the instance `id`; `login`: it asks to negotiate.
  void GiveCookie(std::string_view id, bool login, http::ResponseHead& head) const;
  // `session`: the application's cookie, whose attributes it has.
  std::string CookieText(std::string_view id, bool login, const SetCookie& session) const;

  const SessionAffinity::Config& config_;
  http::FilterContext& context_;
  const SessionAffinity::Config* affinity_ = nullptr;  // what counts; null: nothing to do
  http::OverrideHost wanted_;                          // name: empty without a session
};

}  // namespace remora::extensions
