#pragma once

// The stateful session filter: requests of a session go to the host that served it first.
//
// envoy.extensions.filters.http.stateful_session.v3.StatefulSession; a route's takes the place of
// the filter's. The client says the host's address (SessionState), the router gets it as a wish
// (http/override_host.h), and the response tells the client when another host has answered, also
// where the proxy itself answers for a host. Nothing is kept between requests.
// Source: Envoy source/extensions/filters/http/stateful_session/stateful_session.cc; what it counts
// was measured on Envoy 1.40.

#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "source/config/registry.h"
#include "source/extensions/http_filters/stateful_session/session_state.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"
#include "source/http/override_host.h"
#include "source/stats/handles.h"

namespace envoy::extensions::filters::http::stateful_session::v3 {
class StatefulSession;
class StatefulSessionPerRoute;
}  // namespace envoy::extensions::filters::http::stateful_session::v3

namespace remora::extensions {

class StatefulSessionFilter;

struct StatefulSession {
  using Proto = envoy::extensions::filters::http::stateful_session::v3::StatefulSession;
  using RouteProto =
      envoy::extensions::filters::http::stateful_session::v3::StatefulSessionPerRoute;
  using Filter = StatefulSessionFilter;
  struct Config {
    std::optional<SessionState> state;  // none: there are no sessions
    bool strict = false;
    uint16_t status = 0;      // when a strict session's host is unknown; 0: 503
    std::string stat_prefix;  // empty: nothing is counted
  };
  struct RouteConfig {
    std::optional<Config> session;  // none: the filter does nothing
  };

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

// `http.<stat_prefix>.stateful_session.<stat_prefix>.`, of a route's configuration without the
// first two parts.
struct StatefulSessionStats {
  stats::Counter routed;         // Went where the client said, or it is not told where.
  stats::Counter failed_open;    // Went elsewhere, or the client said nothing.
  stats::Counter failed_closed;  // Strict, and there was no host.
  stats::Counter no_session;     // Without session state, or to a path that it does not cover.
};

class StatefulSessionState final : public http::FilterWorkerState {
 public:
  StatefulSessionState(const StatefulSession::Config& config, const http::WorkerSetup& setup);
  // Null: nothing is counted. `config`: the filter's, or a route's.
  const StatefulSessionStats* StatsOf(const StatefulSession::Config& config);

 private:
  StatefulSessionStats Make(stats::Scope& scope, const std::string& prefix) const;

  const StatefulSession::Config& own_;
  stats::Scope& root_;
  stats::Shard& shard_;
  std::optional<StatefulSessionStats> own_stats_;
  absl::flat_hash_map<std::string, StatefulSessionStats> of_routes_;
};

class StatefulSessionFilter final : public http::Filter {
 public:
  StatefulSessionFilter(const StatefulSession::Config& config, http::FilterContext& context)
      : config_(config), context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnResponseHead(http::ResponseHead& head) override;

 private:
  void Count(stats::Counter StatefulSessionStats::* counter) const;

  const StatefulSession::Config& config_;
  http::FilterContext& context_;
  const StatefulSession::Config* session_ = nullptr;  // what counts; null: nothing to do
  bool covered_ = false;                              // the request may have a session
  http::OverrideHost wanted_;                         // name: empty when the client says none
};

}  // namespace remora::extensions
