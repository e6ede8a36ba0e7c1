#include "source/http/connection_manager/worker_config.h"

#include <utility>

#include "absl/strings/match.h"
#include "source/base/check.h"
#include "source/http/connection_manager/server_stream.h"
#include "source/http/connection_manager/target_policy.h"
#include "source/http/connection_manager/upgrade_policy.h"

namespace remora::connection_manager {

WorkerConfig::WorkerConfig(std::shared_ptr<const Config> config, const WorkerServices& services,
                           uint32_t buffer_limit, const Scopes& scopes, const net::Drain* drain)
    : config_(std::move(config)),
      services_(services),
      stats_(scopes.manager.Make<Stats>(services.worker.shard)),
      listener_stats_(scopes.listener.Make<ListenerStats>(services.worker.shard)),
      buffer_limit_(buffer_limit),
      drain_(drain) {
  filters_.factories = &config_->filters;
  if (!config_->access_log.empty()) {
    CHECK(services.log_files != nullptr);
    loggers_ = access_log::WorkerLoggers(config_->access_log, *services.log_files);
  }
  AddWorkerStates(scopes, filters_);
  for (const Config::UpgradeFilters& upgrade : config_->upgrade_filters) {
    http::WorkerFilters& filters = upgrade_filters_.emplace_back();
    filters.factories = &upgrade.filters;
    AddWorkerStates(scopes, filters);
  }
  stream_deadlines_ = config_->request_timeout > 0 || config_->max_stream_duration > 0;
  target_policy_ = HasTargetPolicy(*config_);
  http1_options_.accept_http_10 = config_->accept_http_10;
  http1_options_.allow_absolute_url = config_->allow_absolute_url;
  http1_options_.allow_chunked_length = config_->allow_chunked_length;
  http1_options_.keep_after_refusal = config_->keep_after_refusal;
  http1_options_.ignores_upgrade = config_->ignores_upgrade;
  http1_options_.name_case = config_->name_case;
  http1_options_.underscore_names = config_->underscore_names;
  const Http1Stats http1_stats = scopes.http1.Make<Http1Stats>(services.worker.shard);
  http1_options_.dropped_underscore_names = http1_stats.dropped_headers_with_underscores;
  http1_options_.rejected_underscore_names =
      http1_stats.requests_rejected_with_underscores_in_headers;
  http1_options_.enable_trailers = config_->enable_trailers;
  http1_options_.max_header_bytes = config_->max_request_header_bytes;
  http1_options_.max_headers = config_->max_request_headers;
  http1_options_.default_host_for_http_10 = config_->default_host_for_http_10;
  http2_options_.protocol = config_->http2;
  http2_options_.max_header_bytes = config_->max_request_header_bytes;
  http2_options_.max_headers = config_->max_request_headers;
  http2_options_.ShareBuffer(buffer_limit);
  http2_options_.underscore_names = config_->underscore_names;
  http2_options_.memory = &http2_memory_;
  http2_options_.stats = scopes.http2.Make<http2::Stats>(services.worker.shard);
  http1_tls_options_ = http1_options_;
  http1_tls_options_.secure = true;
}

WorkerConfig::~WorkerConfig() = default;

void WorkerConfig::AddWorkerStates(const Scopes& scopes, http::WorkerFilters& filters) const {
  const http::WorkerSetup setup{scopes.manager, services_.worker.shard, services_.worker.dispatcher,
                                services_.log_files};
  for (const http::FilterFactory& factory : *filters.factories) {
    filters.worker_states.push_back(factory.create_worker_state == nullptr
                                        ? nullptr
                                        : factory.create_worker_state(factory.config.get(), setup));
  }
}

const http::WorkerFilters& WorkerConfig::FiltersFor(const http::RequestHead* head) const {
  if (upgrade_filters_.empty() || head == nullptr) return filters_;
  const std::optional<size_t> upgrade = UpgradeFiltersFor(*config_, *head);
  return upgrade.has_value() ? upgrade_filters_[*upgrade] : filters_;
}

std::unique_ptr<ServerStream> WorkerConfig::TakeStream() {
  if (idle_streams_.empty()) return std::make_unique<ServerStream>(*this);
  std::unique_ptr<ServerStream> stream = std::move(idle_streams_.back());
  idle_streams_.pop_back();
  return stream;
}

void WorkerConfig::GiveStream(std::unique_ptr<ServerStream> stream) {
  if (idle_streams_.size() < kMaxIdleStreams) idle_streams_.push_back(std::move(stream));
}

}  // namespace remora::connection_manager
