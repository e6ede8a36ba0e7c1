#pragma once

// ListenerChain: one filter chain on one worker: its guards and what its sessions share.
//
// Owner: ActiveListener. Thread: the worker's. It moves from one version of the listener to the
// next while its configuration stays; when it leaves, it goes behind its last session. Failures:
// what a guard refuses is an answer, and a transport that cannot be made safe is null.

#include <memory>
#include <vector>

#include "source/config/listener.h"
#include "source/event/dispatcher.h"
#include "source/http/connection_manager/worker_config.h"
#include "source/net/transport_factory.h"
#include "source/server/listener_scopes.h"
#include "source/tcp/worker_config.h"

namespace remora::server {

class ListenerChain final : public event::Deferred {
 public:
  struct Surroundings {
    uint32_t buffer_limit;
    const connection_manager::WorkerServices& services;
    net::PipePool& pipes;
    stats::Scope& listener;  // `listener.<address>.`
    const net::Drain* drain;
    std::shared_ptr<const void> scopes_keeper;
  };
  ListenerChain(std::shared_ptr<const config::FilterChain> config, const ChainScopes& scopes,
                const Surroundings& surroundings);
  ListenerChain(const ListenerChain&) = delete;
  ListenerChain& operator=(const ListenerChain&) = delete;

  const config::FilterChain& config() const { return *config_; }
  const std::shared_ptr<const config::FilterChain>& shared_config() const { return config_; }
  bool guarded() const { return !guards_.empty(); }

  // Its connections are to end, as this says.
  void Leave(const net::Drain* drain);
  // Null: it serves.
  const net::Drain* leaving() const { return leaving_; }
  // A version of the listener has taken over its scopes.
  void Keep(std::shared_ptr<const void> scopes_keeper) {
    scopes_keeper_ = std::move(scopes_keeper);
  }
  size_t sessions = 0;  // of the listener, on it

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
  std::shared_ptr<const void> scopes_keeper_;
  std::shared_ptr<const config::FilterChain> config_;
  const net::Drain* leaving_ = nullptr;
  connection_manager::WorkerServices services_;
  stats::Scope* session_scope_;
  std::unique_ptr<net::TransportMaker> transports_;  // null: plain text
  std::shared_ptr<connection_manager::WorkerConfig> http_;
  std::shared_ptr<tcp::WorkerConfig> tcp_;
  std::vector<std::unique_ptr<net::ConnectionGuard>> guards_;
  bool wants_first_bytes_ = false;
};

}  // namespace remora::server
