#include "source/server/listener_set.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace remora::server {

using config::ListenerConfig;

namespace {

// One socket on `address` for each of `bound.sockets`; where it is bound.
absl::StatusOr<net::Address> BindAddress(const ListenerConfig& config, net::Address address,
                                         BoundSockets& bound) {
  const bool own_socket_each = address.is_ip() && config.options.reuse_port;
  for (size_t i = 0; i < bound.sockets.size(); ++i) {
    if (i > 0 && !own_socket_each) {
      // One socket shared by all: each worker has its own descriptor of it.
      net::Socket copy(dup(bound.sockets[0].back().fd()));
      if (!copy.valid()) return absl::UnavailableError("cannot duplicate a listening socket");
      bound.sockets[i].push_back(std::move(copy));
      continue;
    }
    absl::StatusOr<net::Socket> socket = net::BindListener(address, config.options);
    if (!socket.ok()) {
      return absl::Status(
          socket.status().code(),
          absl::StrCat("error adding listener '", config.name, "': ", socket.status().message()));
    }
    // The kernel chose a port: the other workers' sockets need the same.
    if (i == 0 && address.is_ip()) address = net::LocalAddress(socket->fd());
    bound.sockets[i].push_back(*std::move(socket));
  }
  return address;
}

}  // namespace

absl::StatusOr<BoundSockets> BindSockets(const ListenerConfig& config, size_t threads) {
  BoundSockets bound;
  bound.sockets.resize(threads);
  bound.addresses = {config.address};
  bound.addresses.insert(bound.addresses.end(), config.additional_addresses.begin(),
                         config.additional_addresses.end());
  if (!config.binds) return bound;
  for (net::Address& address : bound.addresses) {
    absl::StatusOr<net::Address> at = BindAddress(config, address, bound);
    if (!at.ok()) return at.status();
    address = *std::move(at);
  }
  return bound;
}

ListenerScopes MakeScopes(stats::Store& store, const ListenerConfig& config) {
  std::string prefix = config.stat_prefix;
  if (prefix.empty()) prefix = config.address.ToString();
  return MakeListenerScopes(store, config, prefix);
}

ListenerUsage* ListenerSet::AddUsage() {
  std::vector<WorkerFace*> faces;
  for (const auto& worker : workers_) faces.push_back(worker.get());
  return usages_.emplace_back(std::make_unique<ListenerUsage>(std::move(faces))).get();
}

absl::Status ListenerSet::Bind(const config::ListenerTable& listeners) {
  ListenerUsage* const all = AddUsage();
  for (const auto& config : listeners) {
    absl::StatusOr<BoundSockets> bound = BindSockets(*config, workers_.size());
    if (!bound.ok()) return bound.status();
    addresses_.push_back({config->name, std::move(bound->addresses)});
    ListenerScopes scopes = MakeScopes(store_, *config);
    scopes.usage = AddUsage();
    scopes.global_usage = all;
    waiting_.push_back({config, std::move(scopes), std::move(bound->sockets)});
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
  absl::Status status;
  for (const std::vector<net::Socket>& sockets : bound.sockets) {
    for (const net::Socket& socket : sockets) {
      status.Update(net::StartListening(socket, bound.config->options));
    }
  }
  if (!status.ok()) {
    stats_.listener_create_failure.Inc();
    return status;
  }
  bound.scopes.drain = draining_.Add(bound.config);
  for (size_t i = 0; i < workers_.size(); ++i) {
    stats::Scope& worker_scope =
        store_.AddScope(absl::StrCat(std::string(bound.scopes.listener->prefix()), "worker_", i));
    Worker* const worker = workers_[i].get();
    auto add = [worker, config = bound.config, sockets = std::move(bound.sockets[i]),
                scopes = bound.scopes, &worker_scope]() mutable {
      worker->AddListener(std::move(config), std::move(sockets), scopes, worker_scope);
    };
    if (workers_run_) {
      worker->dispatcher().Post(std::move(add));
    } else {
      add();
    }
    stats_.listener_create_success.Inc();
  }
  return absl::OkStatus();
}

void ListenerSet::CountListeners() {
  stats_.total_listeners_warming.Set(waiting_.size());
  stats_.total_listeners_active.Set(addresses_.size() - waiting_.size());
}

}  // namespace remora::server
