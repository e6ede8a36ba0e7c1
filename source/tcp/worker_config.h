#pragma once

// WorkerConfig: one TCP proxy's configuration on one worker: the shared value plus what only this
// worker has (statistics handles, where its log goes).
//
// Owner: the worker's listener, by shared_ptr so that connections of a replaced configuration keep
// theirs. Thread: the worker's.

#include <memory>

#include "source/access_log/logger.h"
#include "source/net/drain.h"
#include "source/net/pipe.h"
#include "source/tcp/config.h"
#include "source/tcp/stats.h"
#include "source/upstream/cluster_set.h"

namespace remora::tcp {

// What a worker lends to its TCP proxies.
struct WorkerServices {
  const upstream::WorkerResources& worker;
  upstream::ClusterSet& clusters;
  net::PipePool& pipes;
  uint64_t& last_connection;  // number of the worker's newest downstream connection
  access_log::WorkerFiles* log_files = nullptr;  // null: no access log can be configured
};

class WorkerConfig {
 public:
  // `scope` is `tcp.<stat_prefix>.`; `drain` outlives this; null: nothing is ever drained.
  WorkerConfig(std::shared_ptr<const Config> config, const WorkerServices& services,
               uint32_t buffer_limit, stats::Scope& scope, const net::Drain* drain = nullptr);
  WorkerConfig(const WorkerConfig&) = delete;
  WorkerConfig& operator=(const WorkerConfig&) = delete;

  const Config& config() const { return *config_; }
  const WorkerServices& services() const { return services_; }
  const Stats& stats() const { return stats_; }
  const access_log::WorkerLoggers& loggers() const { return loggers_; }
  uint32_t buffer_limit() const { return buffer_limit_; }
  // Its connections drain by this from now on.
  void SetDrain(const net::Drain* drain) { drain_ = drain; }
  // Whether a connection ends now because its listener is drained.
  bool DrainCloses() const {
    return config_->drain_closes && drain_ != nullptr &&
           drain_->Closes(services_.worker.dispatcher.now(), services_.worker.random);
  }

 private:
  std::shared_ptr<const Config> config_;
  WorkerServices services_;
  Stats stats_;
  access_log::WorkerLoggers loggers_;
  uint32_t buffer_limit_;
  const net::Drain* drain_;
};

}  // namespace remora::tcp
