#pragma once

// ListenerChain: one filter chain on one worker: its guards and what its sessions share.
//
// Owner: ActiveListener. Thread: the worker's. Sessions that outlive it keep the configuration that
// they use. Failures: what a guard refuses is an answer, and a transport that cannot be made safe
// is null.

#include <memory>
#include <vector>

#include "source/config/listener.h"
#include "source/http/connection_manager/worker_config.h"
#include "source/net/transport_factory.h"
#include "source/server/listener_scopes.h"
#include "source/tcp/worker_config.h"

namespace remora::server {

class ListenerChain {
 public:
  struct Surroundings {
    uint32_t buffer_limit;
    const connection_manager::WorkerServices& services;
    net::PipePool& pipes;
    stats::Scope& listener;  // `listener.<address>.`
    const net::Drain* drain;
  };
  ListenerChain(std::shared_ptr<const config::FilterChain> config, const ChainScopes& scopes,
                const Surroundings& surroundings);
  ListenerChain(const ListenerChain&) = delete;
  ListenerChain& operator=(const ListenerChain&) = delete;

  const config::FilterChain& config() const { return *config_; }
  bool guarded() const { return !guards_.empty(); }

  // Null: the connection cannot be made safe now.
  std::unique_ptr<net::TransportSocket> MakeTransport(const net::Address& peer);
  // Asks the guards in order, until one refuses.
  net::Admission Admit(net::GuardedConnection& connection);
  // Some of them want to be asked again when there are bytes.
  bool wants_first_bytes() const { return wants_first_bytes_; }
  net::Admission AdmitFirstBytes(net::GuardedConnection& connection);
  // A connection about which that many were asked has ended; the last one had refused it or not.
  void OnConnectionEnd(size_t asked, bool refused);

  // Not started yet.
  std::unique_ptr<net::DownstreamSession> MakeSession(net::SessionOwner& owner,
                                                      net::Accepted accepted);

 private:
  std::shared_ptr<const config::FilterChain> config_;
  connection_manager::WorkerServices services_;
  stats::Scope* session_scope_;
  std::unique_ptr<net::TransportMaker> transports_;  // null: plain text
  std::shared_ptr<connection_manager::WorkerConfig> http_;
  std::shared_ptr<tcp::WorkerConfig> tcp_;
  std::vector<std::unique_ptr<net::ConnectionGuard>> guards_;
  bool wants_first_bytes_ = false;
};

}  // namespace remora::server
