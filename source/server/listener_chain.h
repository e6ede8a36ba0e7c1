#pragma once

// ListenerChain: one filter chain on one worker: its guards and what its sessions share.
//
// Owner: ActiveListener. Thread: the worker's. Sessions that outlive it keep the configuration that
// they use. Nothing fails: what a guard refuses is an answer.

#include <memory>
#include <vector>

#include "source/config/listener.h"
#include "source/http/connection_manager/worker_config.h"
#include "source/server/listener_scopes.h"

namespace remora::server {

class ListenerChain {
 public:
  ListenerChain(std::shared_ptr<const config::FilterChain> config, uint32_t buffer_limit,
                const connection_manager::WorkerServices& services, const ChainScopes& scopes,
                const connection_manager::Drain* drain);
  ListenerChain(const ListenerChain&) = delete;
  ListenerChain& operator=(const ListenerChain&) = delete;

  const config::FilterChain& config() const { return *config_; }
  bool guarded() const { return !guards_.empty(); }

  // Asks the guards in order, until one refuses.
  net::Admission Admit(net::GuardedConnection& connection);
  // A connection that was admitted has ended.
  void OnConnectionEnd() { EndFirst(guards_.size()); }

  // Not started yet.
  std::unique_ptr<net::DownstreamSession> MakeSession(net::SessionOwner& owner,
                                                      net::Accepted accepted);

 private:
  void EndFirst(size_t count);

  std::shared_ptr<const config::FilterChain> config_;
  const upstream::WorkerResources& worker_;
  stats::Scope* session_scope_;
  std::shared_ptr<connection_manager::WorkerConfig> http_;
  std::vector<std::unique_ptr<net::ConnectionGuard>> guards_;
};

}  // namespace remora::server
