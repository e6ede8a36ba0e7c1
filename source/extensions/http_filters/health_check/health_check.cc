#include "source/extensions/http_filters/health_check/health_check.h"

#include <algorithm>

#include "envoy/extensions/filters/http/health_check/v3/health_check.pb.h"
#include "source/config/extension_values.h"
#include "source/runtime/process_state.h"
#include "source/upstream/cluster_runtime.h"

namespace remora::extensions {

using http::Answer;

namespace {

constexpr std::string_view kDegraded = "x-envoy-degraded";
constexpr std::string_view kCheckedCluster = "x-envoy-upstream-healthchecked-cluster";
constexpr std::string_view kImmediateFail = "x-envoy-immediate-health-check-fail";

void SetField(http::HeaderMap& headers, std::string_view name, std::string_view value) {
  // Names are literals and values were checked when the configuration was loaded.
  [[maybe_unused]] const bool valid = headers.Set(name, value);
}

}  // namespace

void KeptAnswer::Keep(Value value, event::TimePoint until) {
  const auto milliseconds = static_cast<uint64_t>(until / event::kMillisecond);
  packed_.store(milliseconds << 17 | uint64_t{value.degraded} << 16 | value.status,
                std::memory_order_relaxed);
}

std::optional<KeptAnswer::Value> KeptAnswer::Find(event::TimePoint now) const {
  const uint64_t packed = packed_.load(std::memory_order_relaxed);
  if (static_cast<uint64_t>(now / event::kMillisecond) >= packed >> 17) return std::nullopt;
  return Value{static_cast<uint16_t>(packed & 0xffff), (packed >> 16 & 1) != 0};
}

std::optional<HealthCheck::Config> HealthCheck::Parse(const Proto& proto,
                                                      config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  Config config;
  config.pass_through = proto.pass_through_mode().value();
  config.cache_time = config::ParseExtensionDuration(proto.cache_time(), "cache_time", context) /
                      event::kMillisecond * event::kMillisecond;
  if (!config.pass_through && config.cache_time > 0) {
    context.AddError("cache_time",
                     "cache_time_ms must not be set when path_through_mode is disabled");
  }
  if (!config.pass_through) {
    for (const auto& [cluster, percent] : proto.cluster_min_healthy_percentages()) {
      config.min_healthy.emplace_back(cluster, static_cast<uint64_t>(percent.value()));
    }
    // The map's own order changes from run to run.
    std::sort(config.min_healthy.begin(), config.min_healthy.end());
  }
  config.headers = config::ParseHeaderMatchers(proto.headers(), "headers", context);
  config.service_cluster = config::ServiceCluster(context);
  if (!http::IsValidHeaderValue(config.service_cluster)) config.service_cluster.clear();
  if (config.cache_time > 0) config.kept = std::make_unique<KeptAnswer>();
  if (context.errors().size() > errors) return std::nullopt;
  return config;
}

http::FilterPtr HealthCheck::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<HealthCheckFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> HealthCheck::CreateWorkerState(
    const Config&, const http::WorkerSetup& setup) {
  return std::make_unique<HealthCheckState>(setup);
}

bool HealthCheckFilter::FailAll() const {
  return context_.process().health_check_failed.load(std::memory_order_relaxed);
}

Answer HealthCheckFilter::OnRequestHead(http::RequestHead& head) {
  if (!config::AllMatch(config_.headers, head)) return Answer::kContinue;
  is_check_ = true;
  context_.stream_info().health_check = true;
  if (config_.kept != nullptr) kept_ = config_.kept->Find(context_.dispatcher().now());
  handling_ = !config_.pass_through || kept_.has_value() || FailAll();
  if (!handling_) return Answer::kContinue;
  if (head.framing == http::Framing::kNone) AnswerNow();
  // An answer before the end of the body would cost the connection.
  return Answer::kHold;
}

Answer HealthCheckFilter::OnRequestData(buffer::Buffer& data) {
  if (!handling_) return Answer::kContinue;
  data.Clear();
  return Answer::kHold;
}

Answer HealthCheckFilter::OnRequestEnd(http::HeaderMap*) {
  if (handling_) AnswerNow();
  return Answer::kContinue;
}

HealthCheckFilter::Verdict HealthCheckFilter::CheckClusters() const {
  for (const auto& [name, percent] : config_.min_healthy) {
    const upstream::ClusterRuntime* runtime = context_.clusters().Find(name);
    if (runtime == nullptr) {
      stats().failed_cluster_not_found.Inc();
      return {503, "health_check_failed_no_cluster_found"};
    }
    const auto& hosts = runtime->cluster().hosts();
    if (hosts.empty()) {
      if (percent == 0) continue;
      stats().failed_cluster_empty.Inc();
      return {503, "health_check_failed_cluster_empty"};
    }
    const auto usable =
        static_cast<uint64_t>(std::count_if(hosts.begin(), hosts.end(), [](const auto& host) {
          return host->healthy() || host->degraded();
        }));
    if (100 * usable < percent * hosts.size()) {
      stats().failed_cluster_unhealthy.Inc();
      return {503, "health_check_failed_cluster_unhealthy"};
    }
  }
  return {200, config_.min_healthy.empty() ? "health_check_ok" : "health_check_ok_cluster_healthy"};
}

void HealthCheckFilter::AnswerNow() {
  stats().request_total.Inc();
  Verdict verdict;
  if (FailAll()) {
    verdict = {503, "health_check_failed"};
  } else if (kept_.has_value()) {
    verdict = {kept_->status, "health_check_cached"};
    degraded_ = kept_->degraded;
    stats().cached_response.Inc();
  } else {
    verdict = CheckClusters();
  }
  const bool ok = verdict.status / 100 == 2;
  (ok ? static_cast<const stats::Counter&>(stats().ok) : stats().failed).Inc();
  if (degraded_) stats().degraded.Inc();
  http::LocalReply reply;
  reply.status = verdict.status;
  reply.details = verdict.details;
  if (!ok) reply.flag = http::ResponseFlag::kFailedLocalHealthCheck;
  context_.SendLocalReply(std::move(reply));
}

Answer HealthCheckFilter::OnResponseHead(http::ResponseHead& head) {
  if (!is_check_) {
    if (FailAll()) SetField(head.headers, kImmediateFail, "true");
    return Answer::kContinue;
  }
  if (degraded_) {
    SetField(head.headers, kDegraded, "");
  } else if (!handling_ && config_.kept != nullptr) {
    config_.kept->Keep({head.status, head.headers.Find(kDegraded) != nullptr},
                       context_.dispatcher().now() + config_.cache_time);
  }
  SetField(head.headers, kCheckedCluster, config_.service_cluster);
  return Answer::kContinue;
}

}  // namespace remora::extensions
