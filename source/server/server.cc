#include "source/server/server.h"

#include <ifaddrs.h>
#include <malloc.h>
#include <net/if.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/admin/admin_filter.h"
#include "source/base/log.h"

namespace remora::server {

using config::ListenerConfig;

namespace {

// The first address of an interface that is up and not loopback (Envoy's local info address).
std::string FindOwnIp(bool v6) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return "";
  std::string found;
  for (const ifaddrs* i = list; i != nullptr && found.empty(); i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != (v6 ? AF_INET6 : AF_INET)) continue;
    if ((i->ifa_flags & IFF_UP) == 0 || (i->ifa_flags & IFF_LOOPBACK) != 0) continue;
    sockaddr_storage storage = {};
    const socklen_t size = v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
    std::memcpy(&storage, i->ifa_addr, size);
    found = net::Address::FromSocket(storage, size).IpString();
  }
  freeifaddrs(list);
  return found;
}

uint64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t size = 0;
  uint64_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

Server::Server(config::BootstrapConfig bootstrap, ServerOptions options, event::Clock& clock)
    : bootstrap_(std::move(bootstrap)),
      options_(std::move(options)),
      clock_(clock),
      store_(options_.concurrency, bootstrap_.stats_matcher),
      stats_(store_.AddScope("server").Make<ServerStats>(store_.main_shard())),
      listener_stats_(
          store_.AddScope("listener_manager").Make<ListenerManagerStats>(store_.main_shard())),
      cluster_stats_(
          store_.AddScope("cluster_manager").Make<ClusterManagerStats>(store_.main_shard())),
      breaker_gauges_(store_),
      log_writer_(options_.logs),
      file_stats_(store_.AddScope("filesystem").Make<access_log::FileStats>(store_.main_shard())),
      own_ip_(FindOwnIp(options_.own_ip_v6)),
      started_(clock.Now()),
      main_(options_.concurrency, store_.main_shard(), clock, own_ip_, process_, log_writer_,
            file_stats_),
      files_(main_.dispatcher()),
      draining_(process_, main_.dispatcher(), workers_, listener_stats_, options_.drain,
                [this] { Quit(); }),
      runtime_(std::move(bootstrap_.runtime),
               store_.AddScope("runtime").Make<RuntimeStats>(store_.main_shard()),
               [this](const auto& snapshot) { PublishRuntime(snapshot); }),
      signals_(main_.dispatcher(), [this](int number) { OnSignal(number); }),
      flush_timer_(
          main_.dispatcher().timers(), [](void* self) { static_cast<Server*>(self)->FlushStats(); },
          this) {
  for (size_t i = 0; i < options_.concurrency; ++i) {
    stats::Shard& shard = store_.worker_shard(i);
    workers_.push_back(
        std::make_unique<Worker>(i, shard, clock, own_ip_, process_, log_writer_,
                                 store_.AddScope("filesystem").Make<access_log::FileStats>(shard)));
  }
}

Server::~Server() {
  for (auto& worker : workers_) worker->Stop();
  // Connections and clusters refer to the World and the Store.
  workers_.clear();
  main_.Clear();
}

void Server::BuildClusters() {
  auto clusters = std::make_shared<upstream::ClusterTable>();
  for (upstream::ClusterConfig& config : bootstrap_.clusters) {
    stats::Scope& scope = store_.AddScope(absl::StrCat("cluster.", config.stat_name()));
    scope.Declare<upstream::ClusterStats>();
    breaker_gauges_.Declare(config);
    const std::string name = config.name;
    // Workers and main: the last slot is main's.
    auto cluster =
        std::make_shared<const upstream::Cluster>(std::move(config), workers_.size() + 1, scope);
    const auto membership = scope.Make<upstream::ClusterMembership>(store_.main_shard());
    uint64_t healthy = 0;
    uint64_t degraded = 0;
    for (const auto& host : cluster->hosts()) {
      healthy += host->healthy();
      degraded += host->degraded();
    }
    membership.membership_change.Inc();
    membership.membership_total.Set(cluster->hosts().size());
    membership.membership_healthy.Set(healthy);
    membership.membership_degraded.Set(degraded);
    membership.membership_excluded.Set(0);
    (*clusters)[name] = std::move(cluster);
    cluster_stats_.cluster_added.Inc();
  }
  cluster_stats_.active_clusters.Set(clusters->size());
  cluster_stats_.warming_clusters.Set(0);
  bootstrap_.clusters.clear();

  auto world = std::make_shared<config::World>();
  world->version = 1;
  world->listeners = std::make_shared<const config::ListenerTable>(bootstrap_.listeners);
  world->clusters = std::move(clusters);
  world_ = std::move(world);
}

ListenerScopes Server::MakeScopes(const ListenerConfig& config) {
  std::string prefix = config.stat_prefix;
  if (prefix.empty()) prefix = config.address.ToString();
  return MakeListenerScopes(store_, config, prefix);
}

ListenerUsage* Server::AddUsage() {
  std::vector<WorkerFace*> faces;
  for (const auto& worker : workers_) faces.push_back(worker.get());
  return usages_.emplace_back(std::make_unique<ListenerUsage>(std::move(faces))).get();
}

absl::StatusOr<net::Address> Server::BindAddress(net::Address address, BoundListener& bound) {
  const net::ListenOptions& options = bound.config->options;
  const bool own_socket_each = address.is_ip() && options.reuse_port;
  for (size_t i = 0; i < bound.sockets.size(); ++i) {
    if (i > 0 && !own_socket_each) {
      // One socket shared by all: each worker has its own descriptor of it.
      net::Socket copy(dup(bound.sockets[0].back().fd()));
      if (!copy.valid()) return absl::UnavailableError("cannot duplicate a listening socket");
      bound.sockets[i].push_back(std::move(copy));
      continue;
    }
    absl::StatusOr<net::Socket> socket = net::BindListener(address, options);
    if (!socket.ok()) {
      return absl::Status(socket.status().code(),
                          absl::StrCat("error adding listener '", bound.config->name,
                                       "': ", socket.status().message()));
    }
    // The kernel chose a port: the other workers' sockets need the same.
    if (i == 0 && address.is_ip()) address = net::LocalAddress(socket->fd());
    bound.sockets[i].push_back(*std::move(socket));
  }
  return address;
}

absl::StatusOr<Server::BoundListener> Server::Bind(
    const std::shared_ptr<const ListenerConfig>& config, size_t sockets) {
  BoundListener bound;
  bound.config = config;
  bound.sockets.resize(sockets);
  std::vector<net::Address> addresses = {config->address};
  addresses.insert(addresses.end(), config->additional_addresses.begin(),
                   config->additional_addresses.end());
  if (config->binds) {
    for (net::Address& address : addresses) {
      absl::StatusOr<net::Address> at = BindAddress(address, bound);
      if (!at.ok()) return at.status();
      address = *std::move(at);
    }
  }
  addresses_.push_back({config->name, std::move(addresses)});
  return bound;
}

absl::Status Server::BindListeners() {
  AddUsage();
  for (const auto& config : *world_->listeners) {
    absl::StatusOr<BoundListener> bound = Bind(config, workers_.size());
    if (!bound.ok()) return bound.status();
    bound->scopes = MakeScopes(*config);
    bound->scopes.drain = draining_.Add(config);
    bound->scopes.usage = AddUsage();
    bound->scopes.global_usage = usages_.front().get();
    bound_.push_back(*std::move(bound));
    listener_stats_.listener_added.Inc();
  }
  listener_stats_.total_listeners_warming.Set(0);
  listener_stats_.total_listeners_draining.Set(0);
  listener_stats_.total_listeners_active.Set(bound_.size());
  return absl::OkStatus();
}

absl::Status Server::StartListeners() {
  for (BoundListener& bound : bound_) {
    for (size_t i = 0; i < workers_.size(); ++i) {
      absl::Status status;
      for (const net::Socket& socket : bound.sockets[i]) {
        status.Update(net::StartListening(socket, bound.config->options));
      }
      if (!status.ok()) {
        listener_stats_.listener_create_failure.Inc();
        return status;
      }
      stats::Scope& worker_scope =
          store_.AddScope(absl::StrCat(std::string(bound.scopes.listener->prefix()), "worker_", i));
      workers_[i]->AddListener(bound.config, std::move(bound.sockets[i]), bound.scopes,
                               worker_scope);
      listener_stats_.listener_create_success.Inc();
    }
  }
  bound_.clear();
  return absl::OkStatus();
}

std::unique_ptr<admin::Environment> Server::MakeEnvironment(const stats::TagExtractor& tags) {
  admin::ServerFacts facts;
  facts.version = options_.version;
  facts.started = started_;
  facts.command_line_options = options_.command_line_options;
  if (options_.dumper != nullptr) facts.node = options_.dumper->NodeJson();
  auto environment = std::make_unique<admin::Environment>(admin::Environment{
      store_, tags, clock_, std::move(facts), [this] { return State(); }, [this] { return world_; },
      [this] { return addresses_; },
      [this](const admin::Parameters& parameters) { return DumpConfig(parameters); },
      [this] { Quit(); },
      [this] {
        RefreshGauges();
        if (bootstrap_.stats_flush_on_admin) store_.FlushIntervals();
      },
      [this](bool fail) {
        draining_.FailHealthCheck(fail);
        PublishState();
      },
      [this](const admin::DrainRequest& request) { DrainListeners(request); },
      [this] { return runtime_.snapshot(); },
      [this](const admin::Parameters& overrides) { return runtime_.Modify(overrides); },
      [this] { ReopenLogs(); }, bootstrap_.admin.allow_paths});
  return environment;
}

absl::StatusOr<std::string> Server::DumpConfig(const admin::Parameters& parameters) const {
  if (options_.dumper == nullptr) return absl::NotFoundError("no configuration was kept");
  config::ConfigDumpQuery query;
  const auto take = [&parameters](std::string_view name, std::string& into) {
    const std::string* value = admin::FindParameter(parameters, name);
    if (value != nullptr) into = *value;
  };
  take("resource", query.resource);
  take("mask", query.mask);
  take("name_regex", query.name_regex);
  query.include_eds = admin::FindParameter(parameters, "include_eds") != nullptr;
  return options_.dumper->Dump(query);
}

absl::Status Server::StartAdmin() {
  absl::StatusOr<stats::TagExtractor> tags = stats::TagExtractor::Create(bootstrap_.stats_tags);
  if (!tags.ok()) return tags.status();
  tags_.emplace(*std::move(tags));
  environment_ = MakeEnvironment(*tags_);
  if (!bootstrap_.admin.address.has_value()) return absl::OkStatus();
  auto http = std::make_shared<connection_manager::Config>();
  http->stat_prefix = "admin";
  http->use_remote_address = true;
  http->allow_absolute_url = false;
  http->generate_request_id = false;
  http->access_log = bootstrap_.admin.access_log;
  http->filters.push_back(admin::AdminFilterFactory(environment_.get()));
  auto listener = std::make_shared<ListenerConfig>();
  listener->name = "admin";
  listener->stat_prefix = "admin";
  listener->address = *bootstrap_.admin.address;
  listener->options.reuse_port = false;
  listener->options.ipv4_compat = bootstrap_.admin.ipv4_compat;
  listener->options.options = bootstrap_.admin.socket_options;
  listener->default_filter_chain = config::HttpChain(std::move(http));
  const size_t served = addresses_.size();
  absl::StatusOr<BoundListener> bound = Bind(listener, 1);
  if (!bound.ok()) return bound.status();
  admin_address_ = addresses_.back().addresses[0];
  addresses_.resize(served);  // /listeners does not show the admin listener itself
  const ListenerScopes scopes = MakeScopes(*listener);
  stats::Scope& main_scope = store_.AddScope("listener.admin.main_thread");
  absl::Status status = net::StartListening(bound->sockets[0][0], listener->options);
  if (!status.ok()) return status;
  main_.AddListener(listener, std::move(bound->sockets[0]), scopes, main_scope);
  REMORA_LOG(kMain, kInfo, "admin address: ", admin_address_.ToString());
  return WriteAdminAddress();
}

absl::Status Server::WriteAdminAddress() const {
  if (options_.admin_address_path.empty()) return absl::OkStatus();
  std::ofstream file(options_.admin_address_path);
  file << admin_address_.ToString();
  file.close();
  if (!file) {
    return absl::UnavailableError(
        absl::StrCat("cannot write the admin address to ", options_.admin_address_path));
  }
  return absl::OkStatus();
}

absl::Status Server::Initialize(bool listen) {
  stats_.concurrency.Set(workers_.size());
  stats_.hot_restart_epoch.Set(options_.restart_epoch);
  stats_.static_unknown_fields.Add(options_.static_unknown_fields);
  listener_stats_.workers_started.Set(0);
  SetState(admin::ServerState::kInitializing);
  runtime_.Load();
  BuildClusters();
  if (!listen) return absl::OkStatus();

  absl::Status status = OpenLogs();
  status.Update(BindListeners());
  status.Update(StartAdmin());
  status.Update(runtime_.Watch(files_));
  if (!status.ok()) return status;
  main_.Apply(world_);
  for (auto& worker : workers_) worker->Apply(world_);
  return absl::OkStatus();
}

int Server::Run() {
  const absl::Status status = StartListeners();
  if (!status.ok()) {
    REMORA_LOG(kMain, kCritical, std::string(status.message()));
    return 1;
  }
  log_writer_.Start();
  for (auto& worker : workers_) worker->Start();
  listener_stats_.workers_started.Set(1);
  SetState(admin::ServerState::kLive);
  stats_.initialization_time_ms.Record(
      static_cast<uint64_t>((clock_.Now() - started_) / event::kMillisecond));
  flush_timer_.Arm(clock_.Now() + bootstrap_.stats_flush_interval);
  REMORA_LOG(kMain, kInfo, "all ", addresses_.size(), " listeners are serving with ",
             workers_.size(), " workers");
  main_.dispatcher().Run();
  for (auto& worker : workers_) worker->Stop();
  main_.Clear();
  REMORA_LOG(kMain, kInfo, "exiting");
  return 0;
}

void Server::SetState(admin::ServerState state) {
  state_ = state;
  PublishState();
}

admin::ServerState Server::State() const {
  if (draining_.shutting_down()) return admin::ServerState::kDraining;
  const bool failed = process_.health_check_failed.load(std::memory_order_relaxed);
  return state_ == admin::ServerState::kLive && failed ? admin::ServerState::kDraining : state_;
}

void Server::PublishState() {
  stats_.state.Set(static_cast<uint64_t>(State()));
  stats_.live.Set(State() == admin::ServerState::kLive ? 1 : 0);
}

void Server::DrainListeners(const admin::DrainRequest& request) {
  const Draining::Scope scope =
      request.inbound_only ? Draining::Scope::kInbound : Draining::Scope::kAll;
  if (request.graceful) {
    draining_.DrainGracefully(scope, !request.skip_exit);
  } else {
    draining_.Stop(scope);
  }
}

void Server::PublishRuntime(const std::shared_ptr<const runtime::Snapshot>& snapshot) {
  main_.Apply(snapshot);
  for (const auto& worker : workers_) {
    worker->dispatcher().Post([worker = worker.get(), snapshot] { worker->Apply(snapshot); });
  }
}

void Server::Terminate() {
  if (!options_.drain.on_sigterm.has_value() || draining_.shutting_down()) {
    Quit();
    return;
  }
  draining_.BeginShutdown();
  PublishState();
}

void Server::OnSignal(int number) {
  if (number == SIGUSR1) {
    ReopenLogs();
    return;
  }
  REMORA_LOG(kMain, kInfo, "caught ", number == SIGTERM ? "SIGTERM" : "SIGINT");
  if (number == SIGTERM) {
    Terminate();
  } else {
    Quit();
  }
}

void Server::ReopenLogs() {
  const absl::Status status = base::ReopenLog();
  if (!status.ok()) REMORA_LOG(kMain, kError, std::string(status.message()));
  log_writer_.Reopen();
}

absl::Status Server::OpenLogs() {
  const auto open = [this](const access_log::LoggerList& loggers) {
    for (const auto& logger : loggers) {
      absl::StatusOr<access_log::LogFile*> file = log_writer_.Open(logger->path);
      if (!file.ok()) return file.status();
    }
    return absl::OkStatus();
  };
  absl::Status status = open(bootstrap_.admin.access_log);
  for (const auto& listener : *world_->listeners) {
    status.Update(open(listener->access_log));
    for (const auto& chain : listener->AllChains()) {
      if (chain->http != nullptr) status.Update(open(chain->http->access_log));
    }
  }
  return status;
}

// The log thread counts in cells of its own.
void Server::RefreshLogStats() {
  const access_log::LogTotals& totals = log_writer_.totals();
  const auto grown = [this](int index, const std::atomic<uint64_t>& total) {
    const uint64_t now = total.load(std::memory_order_relaxed);
    return now - std::exchange(seen_[index], now);
  };
  file_stats_.write_completed.Add(grown(0, totals.writes_completed));
  file_stats_.write_failed.Add(grown(1, totals.writes_failed));
  file_stats_.reopen_failed.Add(grown(2, totals.reopens_failed));
  file_stats_.write_dropped.Add(grown(3, totals.records_dropped));
  file_stats_.write_total_buffered.Sub(grown(4, totals.bytes_gone));
}

void Server::RefreshGauges() {
  RefreshLogStats();
  breaker_gauges_.Refresh(*world_->clusters);
  stats_.uptime.Set(static_cast<uint64_t>((clock_.Now() - started_) / event::kSecond));
  const struct mallinfo2 info = mallinfo2();
  stats_.memory_allocated.Set(info.uordblks + info.hblkhd);
  stats_.memory_heap_size.Set(info.arena + info.hblkhd);
  stats_.memory_physical_size.Set(ResidentBytes());
  // Without admin's own, as in Envoy: who waits for it to become 0 asks through admin.
  uint64_t connections = 0;
  for (const auto& worker : workers_) connections += worker->connections();
  stats_.total_connections.Set(connections);
}

void Server::FlushStats() {
  RefreshGauges();
  if (!bootstrap_.stats_flush_on_admin) store_.FlushIntervals();
  flush_timer_.Arm(clock_.Now() + bootstrap_.stats_flush_interval);
}

}  // namespace remora::server
