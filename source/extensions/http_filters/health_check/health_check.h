#pragma once

// The health check filter: answers health checks in the upstream's place, or passes them on and
// gives the upstream's answer again for a while.
//
// envoy.extensions.filters.http.health_check.v3.HealthCheck.
//
//   request --headers match?--> health check
//     process told to fail them ................ 503, LH, health_check_failed
//     pass_through_mode, answer kept ........... that status, health_check_cached
//     pass_through_mode ........................ goes on; its answer is kept
//     otherwise: clusters healthy enough? ...... 200, or 503 with LH
//
// Every answer to a health check carries x-envoy-upstream-healthchecked-cluster; while the process
// is told to fail health checks, every other answer x-envoy-immediate-health-check-fail.
// Source: Envoy source/extensions/filters/http/health_check/health_check.cc.

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "source/config/registry.h"
#include "source/event/clock.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"
#include "source/http/route/conditions.h"
#include "source/stats/group.h"

namespace envoy::extensions::filters::http::health_check::v3 {
class HealthCheck;
}

namespace remora::extensions {

// The upstream's last answer and until when it counts; shared by all workers, one number.
class KeptAnswer {
 public:
  struct Value {
    uint16_t status;
    bool degraded;
  };
  void Keep(Value value, event::TimePoint until);
  std::optional<Value> Find(event::TimePoint now) const;

 private:
  std::atomic<uint64_t> packed_{0};  // milliseconds << 17 | degraded << 16 | status
};

class HealthCheckFilter;

struct HealthCheck {
  using Proto = envoy::extensions::filters::http::health_check::v3::HealthCheck;
  using Filter = HealthCheckFilter;
  struct Config {
    bool pass_through = false;
    event::Duration cache_time = 0;
    std::vector<std::pair<std::string, uint64_t>> min_healthy;  // by cluster, in percent
    std::vector<route::HeaderMatcher> headers;
    std::string service_cluster;
    std::unique_ptr<KeptAnswer> kept;  // null without cache_time
  };

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

// `http.<stat_prefix>.health_check.`
struct HealthCheckStats {
  stats::NamedCounter<"health_check.request_total"> request_total;      // Answered here.
  stats::NamedCounter<"health_check.ok"> ok;                            // With 2xx.
  stats::NamedCounter<"health_check.failed"> failed;                    // With anything else.
  stats::NamedCounter<"health_check.cached_response"> cached_response;  // With a kept answer.
  stats::NamedCounter<"health_check.degraded"> degraded;                // With x-envoy-degraded.
  stats::NamedCounter<"health_check.failed_cluster_not_found"> failed_cluster_not_found;
  stats::NamedCounter<"health_check.failed_cluster_empty"> failed_cluster_empty;
  // Too few healthy endpoints.
  stats::NamedCounter<"health_check.failed_cluster_unhealthy"> failed_cluster_unhealthy;
};

class HealthCheckState final : public http::FilterWorkerState {
 public:
  explicit HealthCheckState(const http::WorkerSetup& setup)
      : stats(setup.scope.Make<HealthCheckStats>(setup.shard)) {}
  const HealthCheckStats stats;
};

class HealthCheckFilter final : public http::Filter {
 public:
  HealthCheckFilter(const HealthCheck::Config& config, http::FilterContext& context)
      : config_(config), context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnRequestData(buffer::Buffer& data) override;
  http::Answer OnRequestEnd(http::HeaderMap* trailers) override;
  http::Answer OnResponseHead(http::ResponseHead& head) override;

 private:
  struct Verdict {
    uint16_t status;
    std::string_view details;
  };
  bool FailAll() const;
  void AnswerNow();
  Verdict CheckClusters() const;
  const HealthCheckStats& stats() const { return context_.worker_state<HealthCheckState>().stats; }

  const HealthCheck::Config& config_;
  http::FilterContext& context_;
  bool is_check_ = false;
  bool handling_ = false;  // answered here
  bool degraded_ = false;  // and that is said
  std::optional<KeptAnswer::Value> kept_;
};

}  // namespace remora::extensions
