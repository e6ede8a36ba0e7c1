#pragma once

// WorkerConfig: one connection manager's configuration on one worker: the shared value plus what
// only this worker has (statistics handles, filters' worker states, recycled streams).
//
// Owner: the worker's listener, by shared_ptr so that connections of a replaced configuration keep
// theirs. Thread: the worker's.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/base/arena.h"
#include "source/http/connection_manager/config.h"
#include "source/http/connection_manager/date_cache.h"
#include "source/http/connection_manager/stats.h"
#include "source/http/filter/filter_chain.h"
#include "source/http/http1/server_codec.h"
#include "source/http/http2/options.h"
#include "source/net/drain.h"
#include "source/upstream/cluster_set.h"

namespace remora::connection_manager {

class ServerStream;

// What a worker lends to its connection managers.
struct WorkerServices {
  const upstream::WorkerResources& worker;
  upstream::ClusterSet& clusters;
  base::ArenaPool& arenas;
  DateCache& dates;
  std::string_view own_ip;    // see header_policy.h
  uint64_t& last_connection;  // number of the worker's newest downstream connection
  access_log::WorkerFiles* log_files = nullptr;  // null: no access log can be configured
};

class WorkerConfig {
 public:
  struct Scopes {
    stats::Scope& manager;   // `http.<stat_prefix>.`
    stats::Scope& listener;  // `listener.<address>.http.<stat_prefix>.`
    stats::Scope& http1;     // `http1.`
    stats::Scope& http2;     // `http2.`
  };
  // `drain` outlives this; null: nothing is ever drained.
  WorkerConfig(std::shared_ptr<const Config> config, const WorkerServices& services,
               uint32_t buffer_limit, const Scopes& scopes, const net::Drain* drain = nullptr);
  ~WorkerConfig();
  WorkerConfig(const WorkerConfig&) = delete;
  WorkerConfig& operator=(const WorkerConfig&) = delete;

  const Config& config() const { return *config_; }
  const WorkerServices& services() const { return services_; }
  const Stats& stats() const { return stats_; }
  const ListenerStats& listener_stats() const { return listener_stats_; }
  // Those for this request; null: one of which nothing is known.
  const http::WorkerFilters& FiltersFor(const http::RequestHead* head) const;
  const http1::ServerOptions& http1_options(bool tls) const {
    return tls ? http1_tls_options_ : http1_options_;
  }
  const http2::CodecOptions& http2_options() const { return http2_options_; }
  const access_log::WorkerLoggers& loggers() const { return loggers_; }
  uint32_t buffer_limit() const { return buffer_limit_; }
  // The filter chain, for logs.
  void SetChain(std::string name, std::shared_ptr<const http::Metadata> metadata) {
    chain_name_ = std::move(name);
    chain_metadata_ = std::move(metadata);
  }
  const std::string& chain_name() const { return chain_name_; }
  const http::Metadata* chain_metadata() const { return chain_metadata_.get(); }
  // Some stream may have a deadline besides its idle timeout.
  bool stream_deadlines() const { return stream_deadlines_; }
  bool target_policy() const { return target_policy_; }
  // Its connections drain by this from now on.
  void SetDrain(const net::Drain* drain) { drain_ = drain; }
  // Whether the response that begins now ends its connection, because the listener is drained.
  bool DrainCloses() const {
    return drain_ != nullptr &&
           drain_->Closes(services_.worker.dispatcher.now(), services_.worker.random);
  }

  // Streams are recycled: a warm worker makes none.
  std::unique_ptr<ServerStream> TakeStream();
  void GiveStream(std::unique_ptr<ServerStream> stream);

 private:
  static constexpr size_t kMaxIdleStreams = 256;

  void AddWorkerStates(const Scopes& scopes, http::WorkerFilters& filters) const;

  std::shared_ptr<const Config> config_;
  WorkerServices services_;
  Stats stats_;
  ListenerStats listener_stats_;
  http::WorkerFilters filters_;
  std::vector<http::WorkerFilters> upgrade_filters_;  // as in the configuration
  access_log::WorkerLoggers loggers_;
  http1::ServerOptions http1_options_;
  http1::ServerOptions http1_tls_options_;
  http2::Memory http2_memory_;
  http2::CodecOptions http2_options_;
  uint32_t buffer_limit_;
  std::string chain_name_;
  std::shared_ptr<const http::Metadata> chain_metadata_;
  const net::Drain* drain_;
  bool stream_deadlines_ = false;
  bool target_policy_ = false;
  std::vector<std::unique_ptr<ServerStream>> idle_streams_;
};

}  // namespace remora::connection_manager
