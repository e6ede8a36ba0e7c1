#include "source/server/listener_chain.h"

#include <utility>

#include "source/base/check.h"
#include "source/http/connection_manager/session.h"
#include "source/net/plaintext.h"
#include "source/tcp/session.h"

namespace remora::server {
namespace {

net::ChainSetup Setup(const connection_manager::WorkerServices& services, stats::Scope& scope) {
  const upstream::WorkerResources& worker = services.worker;
  return {scope,         worker.shard,   worker.dispatcher,        worker.blocks,
          worker.random, worker.runtime, services.last_connection, worker.index};
}

}  // namespace

ListenerChain::ListenerChain(std::shared_ptr<const config::FilterChain> config,
                             const ChainScopes& scopes, const Surroundings& surroundings)
    : scopes_keeper_(surroundings.scopes_keeper),
      config_(std::move(config)),
      services_(surroundings.services),
      session_scope_(scopes.session) {
  if (config_->transport != nullptr) {
    transports_ = config_->transport->ForWorker(surroundings.listener, services_.worker.shard);
  }
  if (config_->http != nullptr) {
    http_ = std::make_shared<connection_manager::WorkerConfig>(
        config_->http, surroundings.services, surroundings.buffer_limit,
        connection_manager::WorkerConfig::Scopes{*scopes.http, *scopes.listener_http, *scopes.http1,
                                                 *scopes.http2},
        surroundings.drain);
  }
  if (http_ != nullptr) http_->SetChain(config_->name, config_->metadata);
  if (config_->tcp != nullptr) {
    const connection_manager::WorkerServices& services = surroundings.services;
    tcp_ = std::make_shared<tcp::WorkerConfig>(
        config_->tcp,
        tcp::WorkerServices{services.worker, services.clusters, surroundings.pipes,
                            services.last_connection, services.log_files},
        surroundings.buffer_limit, *scopes.tcp, surroundings.drain);
  }
  for (size_t i = 0; i < config_->guards.size(); ++i) {
    const net::GuardFactory& factory = config_->guards[i];
    guards_.push_back(factory.create(factory.config.get(), Setup(services_, *scopes.guards[i])));
    wants_first_bytes_ |= factory.wants_first_bytes;
  }
}

void ListenerChain::Leave(const net::Drain* drain) {
  leaving_ = drain;
  if (http_ != nullptr) http_->SetDrain(drain);
  if (tcp_ != nullptr) tcp_->SetDrain(drain);
}

std::unique_ptr<net::TransportSocket> ListenerChain::MakeTransport(const net::Address& peer) {
  if (transports_ == nullptr) return std::make_unique<net::Plaintext>();
  net::TransportOptions options;
  options.peer = &peer;
  return transports_->Make(options);
}

net::Admission ListenerChain::Admit(net::GuardedConnection& connection) {
  for (const auto& guard : guards_) {
    ++connection.asked;
    if (guard->OnConnection(connection) == net::Admission::kRefuse) return net::Admission::kRefuse;
  }
  return net::Admission::kAdmit;
}

net::Admission ListenerChain::AdmitFirstBytes(net::GuardedConnection& connection) {
  for (const auto& guard : guards_) {
    if (guard->OnFirstBytes(connection) == net::Admission::kRefuse) return net::Admission::kRefuse;
  }
  return net::Admission::kAdmit;
}

void ListenerChain::OnConnectionEnd(size_t asked, bool refused) {
  for (size_t i = 0; i < asked; ++i) guards_[i]->OnConnectionEnd(!refused || i + 1 < asked);
}

std::unique_ptr<net::DownstreamSession> ListenerChain::MakeSession(net::SessionOwner& owner,
                                                                   net::Accepted accepted) {
  if (http_ != nullptr) [[likely]] {
    return std::make_unique<connection_manager::Session>(http_, owner, std::move(accepted));
  }
  if (tcp_ != nullptr) return std::make_unique<tcp::Session>(tcp_, owner, std::move(accepted));
  CHECK(config_->session.has_value());
  const net::SessionFactory& factory = *config_->session;
  return factory.create(factory.config.get(), Setup(services_, *session_scope_), owner,
                        std::move(accepted));
}

}  // namespace remora::server
