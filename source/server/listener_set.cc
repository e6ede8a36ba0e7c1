#include "source/server/listener_set.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace remora::server {

using config::ListenerConfig;

absl::StatusOr<BoundSockets> BindSockets(const ListenerConfig& config, size_t count) {
  BoundSockets bound;
  bound.address = config.address;
  const bool own_socket_each = bound.address.is_ip() && config.options.reuse_port;
  for (size_t i = 0; i < count; ++i) {
    if (i > 0 && !own_socket_each) {
      // One socket shared by all: each worker has its own descriptor of it.
      net::Socket copy(dup(bound.sockets[0].fd()));
      if (!copy.valid()) return absl::UnavailableError("cannot duplicate a listening socket");
      bound.sockets.push_back(std::move(copy));
      continue;
    }
    absl::StatusOr<net::Socket> socket = net::BindListener(bound.address, config.options);
    if (!socket.ok()) {
      return absl::Status(
          socket.status().code(),
          absl::StrCat("error adding listener '", config.name, "': ", socket.status().message()));
    }
    // The kernel chose a port: the other workers' sockets need the same.
    if (i == 0 && bound.address.is_ip()) bound.address = net::LocalAddress(socket->fd());
    bound.sockets.push_back(*std::move(socket));
  }
  return bound;
}

ListenerScopes MakeScopes(stats::Store& store, const ListenerConfig& config) {
  std::string prefix = config.stat_prefix;
  if (prefix.empty()) prefix = config.address.ToString();
  const std::string& http_prefix = config.http->stat_prefix;
  ListenerScopes scopes;
  scopes.listener = &store.AddScope(absl::StrCat("listener.", prefix));
  scopes.http = &store.AddScope(absl::StrCat("http.", http_prefix));
  scopes.http1 = &store.AddScope("http1");
  scopes.listener_http = &store.AddScope(absl::StrCat("listener.", prefix, ".http.", http_prefix));
  return scopes;
}

absl::Status ListenerSet::Bind(const config::ListenerTable& listeners) {
  for (const auto& config : listeners) {
    absl::StatusOr<BoundSockets> bound = BindSockets(*config, workers_.size());
    if (!bound.ok()) return bound.status();
    addresses_.push_back({config->name, {bound->address}});
    waiting_.push_back({config, MakeScopes(store_, *config), std::move(bound->sockets)});
    stats_.listener_added.Inc();
  }
  stats_.total_listeners_draining.Set(0);
  CountListeners();
  return absl::OkStatus();
}

absl::Status ListenerSet::StartReady(const std::function<bool(const ListenerConfig&)>& ready) {
  absl::Status status;
  // What drains begins nothing new.
  if (draining_.shutting_down()) return status;
  for (Bound& bound : waiting_) {
    if (!ready(*bound.config)) continue;
    status.Update(Start(bound));
    bound.config = nullptr;
  }
  std::erase_if(waiting_, [](const Bound& bound) { return bound.config == nullptr; });
  CountListeners();
  return status;
}

absl::Status ListenerSet::Start(Bound& bound) {
  for (net::Socket& socket : bound.sockets) {
    absl::Status status = net::StartListening(socket, bound.config->options);
    if (status.ok()) continue;
    stats_.listener_create_failure.Inc();
    return status;
  }
  bound.scopes.drain = draining_.Add(bound.config);
  for (size_t i = 0; i < workers_.size(); ++i) {
    stats::Scope& worker_scope =
        store_.AddScope(absl::StrCat(std::string(bound.scopes.listener->prefix()), "worker_", i));
    // The worker may run already.
    workers_[i]->dispatcher().Post([worker = workers_[i].get(), config = bound.config,
                                    socket = std::move(bound.sockets[i]), scopes = bound.scopes,
                                    &worker_scope]() mutable {
      worker->AddListener(std::move(config), std::move(socket), scopes, worker_scope);
    });
    stats_.listener_create_success.Inc();
  }
  return absl::OkStatus();
}

void ListenerSet::CountListeners() {
  stats_.total_listeners_warming.Set(waiting_.size());
  stats_.total_listeners_active.Set(addresses_.size() - waiting_.size());
}

}  // namespace remora::server
