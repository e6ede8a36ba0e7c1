#include "source/http/connection_manager/worker_config.h"

#include <utility>

#include "source/http/connection_manager/server_stream.h"

namespace remora::connection_manager {

WorkerConfig::WorkerConfig(std::shared_ptr<const Config> config, const WorkerServices& services,
                           uint32_t buffer_limit, stats::Scope& scope, stats::Scope& listener_scope,
                           const Drain* drain)
    : config_(std::move(config)),
      services_(services),
      stats_(scope.Make<Stats>(services.worker.shard)),
      listener_stats_(listener_scope.Make<ListenerStats>(services.worker.shard)),
      buffer_limit_(buffer_limit),
      drain_(drain) {
  filters_.factories = &config_->filters;
  const http::WorkerSetup setup{scope, services.worker.shard, services.worker.dispatcher};
  for (const http::FilterFactory& factory : config_->filters) {
    filters_.worker_states.push_back(
        factory.create_worker_state == nullptr
            ? nullptr
            : factory.create_worker_state(factory.config.get(), setup));
  }
  http1_options_.accept_http_10 = config_->accept_http_10;
  http1_options_.allow_absolute_url = config_->allow_absolute_url;
  http1_options_.enable_trailers = config_->enable_trailers;
  http1_options_.max_header_bytes = config_->max_request_header_bytes;
  http1_options_.max_headers = config_->max_request_headers;
  http1_options_.default_host_for_http_10 = config_->default_host_for_http_10;
}

WorkerConfig::~WorkerConfig() = default;

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
