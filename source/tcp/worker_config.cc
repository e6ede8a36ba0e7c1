#include "source/tcp/worker_config.h"

#include <utility>

#include "source/base/check.h"

namespace remora::tcp {

WorkerConfig::WorkerConfig(std::shared_ptr<const Config> config, const WorkerServices& services,
                           uint32_t buffer_limit, stats::Scope& scope, const net::Drain* drain)
    : config_(std::move(config)),
      services_(services),
      stats_(scope.Make<Stats>(services.worker.shard)),
      buffer_limit_(buffer_limit),
      drain_(drain) {
  if (config_->access_log.empty()) return;
  CHECK(services.log_files != nullptr);
  loggers_ = access_log::WorkerLoggers(config_->access_log, *services.log_files);
}

}  // namespace remora::tcp
