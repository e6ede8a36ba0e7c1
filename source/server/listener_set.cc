#include "source/server/listener_set.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/check.h"

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

bool SameKeepalive(const std::optional<net::TcpKeepalive>& a,
                   const std::optional<net::TcpKeepalive>& b) {
  if (!a.has_value() || !b.has_value()) return a.has_value() == b.has_value();
  return a->probes == b->probes && a->time_seconds == b->time_seconds &&
         a->interval_seconds == b->interval_seconds;
}

bool SameOptions(const net::ListenOptions& a, const net::ListenOptions& b) {
  const auto same = [](const net::SocketOption& x, const net::SocketOption& y) {
    return x.level == y.level && x.name == y.name && x.value == y.value && x.state == y.state;
  };
  return a.reuse_port == b.reuse_port && a.ipv4_compat == b.ipv4_compat &&
         a.transparent == b.transparent && a.freebind == b.freebind &&
         a.fast_open_queue == b.fast_open_queue && a.backlog == b.backlog &&
         SameKeepalive(a.keepalive, b.keepalive) &&
         std::equal(a.options.begin(), a.options.end(), b.options.begin(), b.options.end(), same);
}

// One would listen where, and how, the other does.
bool SameSockets(const ListenerConfig& a, const ListenerConfig& b) {
  return a.binds == b.binds && a.address == b.address &&
         a.additional_addresses == b.additional_addresses && SameOptions(a.options, b.options);
}

// An address of the first that is one of the second's too; null: there is none. A port of the
// kernel's choice is never another's.
const net::Address* SharedAddress(const ListenerConfig& a, const ListenerConfig& b) {
  const auto has = [&b](const net::Address& address) {
    return (!address.is_ip() || address.port() != 0) &&
           (address == b.address ||
            std::find(b.additional_addresses.begin(), b.additional_addresses.end(), address) !=
                b.additional_addresses.end());
  };
  if (has(a.address)) return &a.address;
  const auto found =
      std::find_if(a.additional_addresses.begin(), a.additional_addresses.end(), has);
  return found == a.additional_addresses.end() ? nullptr : &*found;
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

ListenerScopes MakeScopes(ScopeLease& lease, const ListenerConfig& config, size_t workers) {
  std::string prefix = config.stat_prefix;
  if (prefix.empty()) prefix = config.address.ToString();
  return MakeListenerScopes(lease, config, prefix, workers);
}

struct ListenerSet::Leaving {
  Leaving(ListenerSet& of, event::Dispatcher& dispatcher)
      : set(of),
        timer(
            dispatcher.timers(),
            [](void* self) {
              auto* leaving = static_cast<Leaving*>(self);
              leaving->set.EndLeaving(*leaving);
            },
            this) {}

  ListenerSet& set;
  uint64_t id = 0;
  Bound bound;
  bool in_place = false;  // only filter chains of it
  const net::Drain* drain = nullptr;
  std::unique_ptr<Company> company;
  size_t workers = 0;  // that have it yet
  event::Timer timer;  // the end of the drain time
};

ListenerSet::ListenerSet(const Services& services) : services_(services) {
  services_.draining.OnStop([this](const ListenerConfig& config) { CloseSockets(config); });
  services_.stats.total_listeners_draining.Set(0);
}

ListenerSet::~ListenerSet() = default;

void ListenerSet::Clear() { leaving_.clear(); }

// All versions of a listener, and whoever comes under its name later, count in one.
ListenerUsage* ListenerSet::UsageOf(const std::string& key) {
  const auto make = [this] {
    std::vector<WorkerFace*> faces;
    for (const auto& worker : services_.workers) faces.push_back(worker.get());
    return std::make_unique<ListenerUsage>(std::move(faces));
  };
  if (all_usage_ == nullptr) all_usage_ = make();
  std::unique_ptr<ListenerUsage>& usage = usages_[key];
  if (usage == nullptr) usage = make();
  return usage.get();
}

// --- sockets ---

std::string ListenerSet::FreeKey(const std::string& name) const {
  std::string key = name;
  const auto is = [&key](const Bound& bound) { return bound.key == key; };
  for (size_t n = 1; key.empty() || std::any_of(waiting_.begin(), waiting_.end(), is); ++n) {
    key = absl::StrCat(name, "#", n);
  }
  return key;
}

ListenerSet::Bound ListenerSet::MakeBound(const Config& config, std::string key) {
  Bound bound;
  bound.config = config;
  bound.key = std::move(key);
  bound.lease = std::make_unique<ScopeLease>(services_.store);
  bound.scopes = MakeScopes(*bound.lease, *config, services_.workers.size());
  bound.scopes.usage = UsageOf(bound.key);
  bound.scopes.global_usage = all_usage_.get();
  return bound;
}

absl::Status ListenerSet::Bind(const config::ListenerTable& listeners) {
  for (const auto& config : listeners) {
    absl::StatusOr<BoundSockets> sockets = BindSockets(*config, services_.workers.size());
    if (!sockets.ok()) return sockets.status();
    ShowAddresses(config->name, sockets->addresses);
    Bound& bound = waiting_.emplace_back(MakeBound(config, FreeKey(config->name)));
    bound.sockets = *std::move(sockets);
    services_.stats.listener_added.Inc();
  }
  CountListeners();
  return absl::OkStatus();
}

absl::Status ListenerSet::CheckAddress(const ListenerConfig& config) const {
  if (!config.binds) return absl::OkStatus();
  const auto check = [&config](const ListenerConfig& other) {
    if (other.name == config.name || !other.binds) return absl::OkStatus();
    const net::Address* shared = SharedAddress(config, other);
    if (shared == nullptr) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "error adding listener: '", config.name, "' has duplicate address '", shared->ToString(),
        "' as existing listener, to check if the listener has duplicated addresses with other "
        "listeners or 'enable_reuse_port' is set to 'false' for the listener"));
  };
  absl::Status status;
  for (const auto& [name, bound] : served_) status.Update(check(*bound.config));
  for (const auto* list : {&waiting_, &prepared_}) {
    for (const Bound& bound : *list) status.Update(check(*bound.config));
  }
  return status;
}

absl::Status ListenerSet::Prepare(const Config& config) {
  absl::Status status = CheckAddress(*config);
  if (!status.ok()) return status;
  Bound bound = MakeBound(config, config->name);
  // The one of its name gives its sockets when this one is served; one that was just removed, now.
  const auto same = [&config](const Bound& other) {
    return SameSockets(*config, *other.config) && !other.sockets.sockets.empty();
  };
  const auto served = served_.find(config->name);
  const auto removed = std::find_if(removed_.begin(), removed_.end(), same);
  if (served == served_.end() || !same(served->second)) {
    if (removed != removed_.end()) {
      bound.sockets = std::move(removed->sockets);
      bound.listens = removed->listens;
      removed_.erase(removed);
    } else {
      absl::StatusOr<BoundSockets> sockets = BindSockets(*config, services_.workers.size());
      if (!sockets.ok()) {
        services_.stats.listener_create_failure.Inc();
        return sockets.status();
      }
      bound.sockets = *std::move(sockets);
    }
  }
  prepared_.push_back(std::move(bound));
  CountListeners();
  return absl::OkStatus();
}

void ListenerSet::Drop(const ListenerConfig& config) {
  std::erase_if(prepared_, [&config](const Bound& bound) { return bound.config.get() == &config; });
  CountListeners();
}

void ListenerSet::EndUpdate() { removed_.clear(); }

std::vector<net::Socket> ListenerSet::SocketsFor(const Bound& bound, size_t worker) const {
  std::vector<net::Socket> sockets;
  if (bound.sockets.sockets.empty()) return sockets;
  for (const net::Socket& socket : bound.sockets.sockets[worker]) {
    sockets.emplace_back(fcntl(socket.fd(), F_DUPFD_CLOEXEC, 0));
  }
  return sockets;
}

absl::Status ListenerSet::ListenOn(Bound& bound) {
  if (std::exchange(bound.listens, true)) return absl::OkStatus();
  absl::Status status;
  for (const std::vector<net::Socket>& sockets : bound.sockets.sockets) {
    for (const net::Socket& socket : sockets) {
      status.Update(net::StartListening(socket, bound.config->options));
    }
  }
  if (!status.ok()) services_.stats.listener_create_failure.Inc();
  return status;
}

void ListenerSet::CloseSockets(const ListenerConfig& config) {
  for (auto& [name, bound] : served_) {
    if (bound.config.get() == &config) bound.sockets.sockets.clear();
  }
}

// --- service ---

void ListenerSet::OnWorker(size_t worker, absl::AnyInvocable<void()> work) {
  if (workers_run_) {
    services_.workers[worker]->dispatcher().Post(std::move(work));
  } else {
    work();
  }
}

absl::Status ListenerSet::StartReady(const std::function<bool(const ListenerConfig&)>& ready) {
  absl::Status status;
  // What drains begins nothing new.
  if (services_.draining.shutting_down()) return status;
  for (Bound& bound : waiting_) {
    if (!ready(*bound.config)) continue;
    const absl::Status listens = ListenOn(bound);
    status.Update(listens);
    const std::string key = bound.key;
    if (listens.ok()) Start(bound);
    served_[key] = std::exchange(bound, Bound());
  }
  std::erase_if(waiting_, [](const Bound& bound) { return bound.config == nullptr; });
  CountListeners();
  return status;
}

bool ListenerSet::Contains(const std::string& name) const {
  return served_.contains(name) ||
         std::any_of(waiting_.begin(), waiting_.end(),
                     [&name](const Bound& bound) { return bound.config->name == name; });
}

void ListenerSet::Start(Bound& bound) {
  services_.publish();
  // What drains takes nobody new.
  if (services_.draining.shutting_down()) bound.sockets.sockets.clear();
  bound.scopes.drain = services_.draining.Add(bound.config);
  for (size_t i = 0; i < services_.workers.size(); ++i) {
    OnWorker(i, [worker = services_.workers[i].get(), config = bound.config,
                 sockets = SocketsFor(bound, i), scopes = bound.scopes,
                 &own = *bound.scopes.workers[i]]() mutable {
      worker->AddListener(std::move(config), std::move(sockets), scopes, own);
    });
    services_.stats.listener_create_success.Inc();
  }
}

std::vector<ListenerSet::Bound>::iterator ListenerSet::FindPrepared(const ListenerConfig& config) {
  const auto found =
      std::find_if(prepared_.begin(), prepared_.end(),
                   [&config](const Bound& bound) { return bound.config.get() == &config; });
  CHECK(found != prepared_.end());
  return found;
}

absl::Status ListenerSet::Listen(const ListenerConfig& config) {
  const auto found = FindPrepared(config);
  // Without sockets of its own it takes over those of the one that serves.
  if (found->sockets.sockets.empty()) return absl::OkStatus();
  const absl::Status status = ListenOn(*found);
  if (!status.ok()) Drop(config);
  return status;
}

void ListenerSet::Serve(const ListenerConfig& config, std::unique_ptr<Company> company) {
  const auto found = FindPrepared(config);
  Bound next = std::move(*found);
  prepared_.erase(found);
  const auto old = served_.find(config.name);
  if (old != served_.end() && next.sockets.sockets.empty()) {
    next.sockets.addresses = old->second.sockets.addresses;
    if (old->second.config->meaning == config.meaning) {
      AdoptInPlace(old->second, std::move(next), std::move(company));
      CountListeners();
      return;
    }
    next.sockets.sockets = std::move(old->second.sockets.sockets);
    next.listens = old->second.listens;
  }
  ShowAddresses(config.name, next.sockets.addresses);
  // The new one accepts before the old one ceases to: in the same turn of each worker.
  Start(next);
  if (old != served_.end()) Retire(std::exchange(old->second, Bound()), std::move(company));
  served_[config.name] = std::move(next);
  CountListeners();
}

void ListenerSet::Remove(const std::string& name, std::unique_ptr<Company> company) {
  const auto found = served_.find(name);
  if (found == served_.end()) return;
  Bound bound = std::move(found->second);
  served_.erase(found);
  std::erase_if(addresses_, [&name](const auto& status) { return status.name == name; });
  // One that is added in the same update may want its sockets.
  Bound sockets;
  sockets.config = bound.config;
  sockets.sockets = std::exchange(bound.sockets, {});
  sockets.listens = bound.listens;
  removed_.push_back(std::move(sockets));
  Retire(std::move(bound), std::move(company));
  CountListeners();
}

// --- the end ---

ListenerSet::Leaving& ListenerSet::BeginLeaving(Bound bound, const net::Drain* drain,
                                                std::unique_ptr<Company> company) {
  Leaving& leaving = leaving_.emplace_back(*this, services_.main);
  leaving.id = ++last_leaving_;
  leaving.bound = std::move(bound);
  leaving.drain = drain;
  leaving.company = std::move(company);
  leaving.workers = services_.workers.size();
  leaving.timer.Arm(services_.main.now() + services_.draining.time());
  return leaving;
}

void ListenerSet::AdoptInPlace(Bound& old, Bound next, std::unique_ptr<Company> company) {
  services_.stats.listener_in_place_updated.Inc();
  services_.publish();
  next.scopes.drain = old.scopes.drain;
  next.sockets = std::exchange(old.sockets, {});
  next.listens = old.listens;
  services_.draining.Replace(*old.config, next.config);
  const net::Drain* drain = services_.draining.AddLeaving();
  for (size_t i = 0; i < services_.workers.size(); ++i) {
    OnWorker(i, [worker = services_.workers[i].get(), from = old.config, to = next.config,
                 scopes = next.scopes,
                 drain]() mutable { worker->UpdateListener(*from, std::move(to), scopes, drain); });
  }
  Leaving& leaving = BeginLeaving(std::exchange(old, std::move(next)), drain, std::move(company));
  leaving.in_place = true;
}

void ListenerSet::Retire(Bound bound, std::unique_ptr<Company> company) {
  services_.draining.Retire(*bound.config);
  // Nobody took them over: clients must not wait in a queue that nobody serves.
  const bool last = !bound.sockets.sockets.empty();
  bound.sockets.sockets.clear();
  Leaving& leaving = BeginLeaving(std::move(bound), nullptr, std::move(company));
  leaving.drain = leaving.bound.scopes.drain;
  for (size_t i = 0; i < services_.workers.size(); ++i) {
    OnWorker(i, [this, worker = services_.workers[i].get(), config = leaving.bound.config, last,
                 id = leaving.id] {
      // Called in the worker's thread, and before it runs in main's.
      worker->RetireListener(*config, last,
                             [this, id] { services_.main.Post([this, id] { OnLeft(id); }); });
    });
  }
}

void ListenerSet::EndLeaving(Leaving& leaving) {
  for (size_t i = 0; i < services_.workers.size(); ++i) {
    Worker* const worker = services_.workers[i].get();
    if (!leaving.in_place) {
      OnWorker(i, [worker, config = leaving.bound.config] { worker->EndListener(*config); });
      continue;
    }
    OnWorker(i, [this, worker, drain = leaving.drain, id = leaving.id] {
      worker->EndChains(drain);
      services_.main.Post([this, id] { OnLeft(id); });
    });
  }
}

void ListenerSet::OnLeft(uint64_t id) {
  const auto found = std::find_if(leaving_.begin(), leaving_.end(),
                                  [id](const Leaving& leaving) { return leaving.id == id; });
  if (found == leaving_.end() || --found->workers > 0) return;
  if (!found->in_place) services_.stats.listener_stopped.Inc();
  // Workers destroy what they had at the end of the turn: the drain goes when the scopes do.
  std::shared_ptr<const void> keeper = std::exchange(found->bound.scopes.keeper, nullptr);
  services_.removed_scopes.Add(std::move(found->bound.lease), std::move(keeper));
  services_.draining.Forget(found->drain);
  leaving_.erase(found);
  CountListeners();
}

// --- what is shown ---

void ListenerSet::ShowAddresses(const std::string& name,
                                const std::vector<net::Address>& addresses) {
  for (admin::ListenerStatus& status : addresses_) {
    if (status.name != name || name.empty()) continue;
    status.addresses = addresses;
    return;
  }
  addresses_.push_back({name, addresses});
}

void ListenerSet::CountListeners() {
  size_t chains = 0;
  size_t listeners = 0;
  for (const Leaving& leaving : leaving_) ++(leaving.in_place ? chains : listeners);
  services_.stats.total_listeners_warming.Set(waiting_.size() + prepared_.size());
  services_.stats.total_listeners_active.Set(served_.size());
  services_.stats.total_listeners_draining.Set(listeners);
  services_.stats.total_filter_chains_draining.Set(chains);
}

}  // namespace remora::server
