#pragma once

// Server: the composition root: builds the World from the configuration, binds listeners, runs the
// workers and the main dispatcher, and ends them.
//
// Owner: main(). Thread: main's. Start-up: clusters -> listener sockets bound -> secrets of files
// read -> workers get the World -> control planes are asked -> each listener listens when its
// secrets, and those of all clusters, are there or given up -> LIVE when all do, and the sources of
// clusters and listeners have answered. Until then admin answers and says what is waited for. A
// failure to bind is a Status and nothing stays started. What comes from sources is
// DynamicConfig's.
// SIGTERM and SIGINT end the process at once, as in Envoy, but for SIGTERM with a drain time
// (draining.h), which a second one cuts short; SIGUSR1 reopens the log.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "source/admin/environment.h"
#include "source/config/bootstrap.h"
#include "source/config/config_dump.h"
#include "source/event/file_watch.h"
#include "source/server/breaker_gauges.h"
#include "source/server/clusters.h"
#include "source/server/draining.h"
#include "source/server/dynamic_config.h"
#include "source/server/explainer.h"
#include "source/server/listener_set.h"
#include "source/server/log_files.h"
#include "source/server/publication.h"
#include "source/server/runtime_layers.h"
#include "source/server/secret_contexts.h"
#include "source/server/server_stats.h"
#include "source/server/signals.h"
#include "source/server/snapshot_keeper.h"
#include "source/server/tls_contexts.h"
#include "source/server/warmer.h"
#include "source/server/worker.h"
#include "source/stats/store.h"
#include "source/xds/source_set.h"

namespace remora::server {

struct ServerOptions {
  access_log::LogOptions logs;
  size_t concurrency = 1;
  uint32_t restart_epoch = 0;
  uint64_t static_unknown_fields = 0;
  std::string admin_address_path;  // file that gets the admin listener's address; empty: none
  DrainOptions drain;
  bool own_ip_v6 = false;  // which of the machine's addresses x-forwarded-for shows
  SnapshotOptions snapshot;
  std::string version;               // for /server_info
  std::string command_line_options;  // JSON, for /server_info
  // What to do about fields of secrets that are not known.
  config::UnknownFieldPolicy dynamic_unknown_fields = config::UnknownFieldPolicy::kWarn;
  // The configuration as loaded, for /config_dump; none: the answer is 404.
  std::unique_ptr<config::ConfigDumper> dumper;
  // Where resources come from, in the place of the server's own sources; outlives it. Null: those.
  xds::Sources* sources = nullptr;
};

class Server {
 public:
  Server(config::BootstrapConfig bootstrap, ServerOptions options, event::Clock& clock);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Builds and binds everything. With `listen` false nothing is bound (--mode init_only).
  absl::Status Initialize(bool listen);
  // Serves until Quit; the exit status.
  int Run();
  // Opens the log and all access logs again under their names, for log rotation. Main thread.
  void ReopenLogs();
  // Ends Run. Main thread; from elsewhere: Post to dispatcher().
  void Quit() { main_.dispatcher().Stop(); }
  // What SIGTERM does: drains, if the options say so, or ends Run. Main thread.
  void Terminate();
  event::Dispatcher& dispatcher() { return main_.dispatcher(); }

  // Where the listeners are bound (with the port that the kernel chose for 0), in order.
  const std::vector<admin::ListenerStatus>& listeners() const { return listeners_.addresses(); }
  const net::Address& admin_address() const { return admin_address_; }

 private:
  // Clusters of the bootstrap; those that have no endpoints of their own are the sources'.
  absl::Status AddClusters();
  void MakeDynamicConfig();
  // Starts the listeners whose turn has come, and says what state that is; false when one could not
  // be started: the process ends then.
  bool StartWhatIsReady();
  std::vector<admin::UnreadyTarget> Unready() const;
  absl::Status StartAdmin();
  // Builds what TLS contexts can be built, and asks for the secrets of the others.
  absl::Status StartSecrets();
  std::string ClientStatus(const admin::ClientStatusRequest& request) const;
  absl::StatusOr<std::string> DumpConfig(const admin::Parameters& parameters) const;
  std::unique_ptr<admin::Environment> MakeEnvironment(const stats::TagExtractor& tags);
  void OnSignal(int number);
  void DrainListeners(const admin::DrainRequest& request);
  void FlushStats();
  void ReturnMemory();
  // Returns what is resident and not of the heap in use.
  size_t RefreshMemory();
  void RefreshGauges();
  void SetState(admin::ServerState state);
  // With draining taken into account.
  admin::ServerState State() const;
  void PublishState();
  absl::Status WriteAdminAddress() const;
  absl::Status OpenLogs();

  config::BootstrapConfig bootstrap_;
  ServerOptions options_;
  event::Clock& clock_;
  stats::Store store_;
  ServerStats stats_;
  ListenerManagerStats listener_stats_;
  ClusterManagerStats cluster_stats_;
  RemovedScopes removed_scopes_;
  BreakerGauges breaker_gauges_;
  access_log::LogWriter log_writer_;  // ends after the workers
  access_log::FileStats file_stats_;
  stats::Scope& service_log_scope_;
  LogFiles log_files_;
  std::string own_ip_;
  admin::ServerState state_ = admin::ServerState::kPreInitializing;
  event::TimePoint started_;
  runtime::ProcessState process_;
  Worker main_;
  std::vector<std::unique_ptr<Worker>> workers_;
  Clusters clusters_;
  Publication publication_;
  event::FileWatcher files_;
  Draining draining_;
  RuntimeLayers runtime_;
  Signals signals_;
  event::Timer flush_timer_;
  size_t least_unused_bytes_ = 0;  // of RefreshMemory, at a flush, since memory was returned
  ListenerSet listeners_;
  Warmer warmer_;
  xds::SourceSet sources_;
  xds::SnapshotFile snapshot_file_;
  std::optional<SnapshotKeeper> snapshots_;  // none: there is no --snapshot-path
  SecretContexts secrets_;
  TlsContexts tls_;
  std::unique_ptr<DynamicConfig> dynamic_;
  Explainer explainer_;
  event::TurnTask start_task_;  // something has become ready
  bool failed_ = false;
  std::optional<ScopeLease> admin_scopes_;
  net::Address admin_address_;
  std::optional<stats::TagExtractor> tags_;
  std::unique_ptr<admin::Environment> environment_;
};

}  // namespace remora::server
