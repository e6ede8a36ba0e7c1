#include "source/server/server.h"

#include <ifaddrs.h>
#include <malloc.h>
#include <net/if.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "source/admin/admin_filter.h"
#include "source/base/log.h"
#include "source/xds/client_status.h"

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

using Standings = absl::flat_hash_map<std::pair<xds::ResourceType, std::string_view>,
                                      config::ShownResource::Standing>;

// Those that are not as the dump has them anyway.
Standings StandingsOf(const std::vector<xds::ResourceStatus>& statuses) {
  Standings standings;
  for (const xds::ResourceStatus& status : statuses) {
    const std::pair key(status.type, std::string_view(status.name));
    if (status.state == xds::ResourceStatus::State::kRequested) {
      standings[key] = config::ShownResource::Standing::kRequested;
    } else if (status.state == xds::ResourceStatus::State::kMissing) {
      standings[key] = config::ShownResource::Standing::kMissing;
    }
  }
  return standings;
}

void SetStandings(const Standings& standings, xds::ResourceType type,
                  std::vector<config::ShownResource>& resources) {
  for (config::ShownResource& resource : resources) {
    const auto found = standings.find({type, resource.name});
    if (found != standings.end()) resource.standing = found->second;
  }
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
      removed_scopes_(store_),
      breaker_gauges_(store_),
      log_writer_(options_.logs),
      file_stats_(store_.AddScope("filesystem").Make<access_log::FileStats>(store_.main_shard())),
      service_log_scope_(store_.AddScope("access_logs.grpc_access_log")),
      log_files_(log_writer_, file_stats_),
      own_ip_(FindOwnIp(options_.own_ip_v6)),
      started_(clock.Now()),
      main_(options_.concurrency, store_.main_shard(), clock, own_ip_, process_, log_writer_,
            file_stats_, service_log_scope_),
      clusters_({store_, breaker_gauges_, cluster_stats_, options_.concurrency + 1, removed_scopes_,
                 [this] { publication_.Changed(); }}),
      publication_(main_, workers_, [this] { return clusters_.table(); }),
      files_(main_.dispatcher()),
      draining_(process_, main_.dispatcher(), workers_, listener_stats_, options_.drain,
                [this] { Quit(); }),
      runtime_(std::move(bootstrap_.runtime),
               store_.AddScope("runtime").Make<RuntimeStats>(store_.main_shard()),
               [this](const auto& snapshot) { publication_.PutRuntime(snapshot); }),
      signals_(main_.dispatcher(), [this](int number) { OnSignal(number); }),
      flush_timer_(
          main_.dispatcher().timers(), [](void* self) { static_cast<Server*>(self)->FlushStats(); },
          this),
      listeners_({store_, listener_stats_, draining_, main_.dispatcher(), workers_, removed_scopes_,
                  [this] { publication_.Publish(); }}),
      warmer_([this](const std::string& who) {
        dynamic_->OnWarm(who);
        main_.dispatcher().AtTurnEnd(start_task_);
      }),
      sources_(std::move(bootstrap_.ads), bootstrap_.node_proto,
               {main_.dispatcher(), main_.clusters(), store_, files_,
                options_.dynamic_unknown_fields, stats_.dynamic_unknown_fields}),
      snapshot_file_(options_.snapshot.path, clock),
      secrets_({main_.dispatcher(), files_, store_, options_.dynamic_unknown_fields,
                stats_.dynamic_unknown_fields, &sources_},
               warmer_),
      tls_(std::move(bootstrap_.tls_parts), secrets_, store_),
      explainer_({workers_, main_.dispatcher(), dynamic_, options_.dumper.get()}),
      start_task_([](void* self) { static_cast<Server*>(self)->StartWhatIsReady(); }, this) {
  if (!options_.snapshot.path.empty()) {
    snapshots_.emplace(
        options_.snapshot, bootstrap_.node,
        SnapshotKeeper::Services{sources_, snapshot_file_, main_.dispatcher(), store_});
  }
  for (size_t i = 0; i < options_.concurrency; ++i) {
    stats::Shard& shard = store_.worker_shard(i);
    workers_.push_back(std::make_unique<Worker>(
        i, shard, clock, own_ip_, process_, log_writer_,
        store_.AddScope("filesystem").Make<access_log::FileStats>(shard), service_log_scope_));
  }
}

Server::~Server() {
  for (auto& worker : workers_) worker->Stop();
  // Connections and clusters refer to the World and the Store, streams to clusters.
  workers_.clear();
  sources_.Close();
  main_.Clear();
  listeners_.Clear();
}

absl::Status Server::AddClusters() {
  std::vector<config::ClusterResource> without_endpoints;
  for (upstream::ClusterConfig& config : std::exchange(bootstrap_.clusters, {})) {
    const auto source = bootstrap_.endpoint_sources.find(config.name);
    if (source == bootstrap_.endpoint_sources.end()) {
      clusters_.Put(std::move(config));
      cluster_stats_.cluster_added.Inc();
      continue;
    }
    config::ClusterResource& cluster = without_endpoints.emplace_back();
    cluster.endpoints = source->second;
    const std::string owner = absl::StrCat("cluster '", config.name, "'");
    std::vector<tls::ContextUse>& uses = bootstrap_.tls_contexts;
    const auto own =
        std::stable_partition(uses.begin(), uses.end(),
                              [&owner](const tls::ContextUse& use) { return use.owner != owner; });
    cluster.tls_contexts.assign(own, uses.end());
    uses.erase(own, uses.end());
    cluster.config = std::move(config);
  }
  cluster_stats_.warming_clusters.Set(without_endpoints.size());
  return dynamic_->AddStaticClusters(std::move(without_endpoints));
}

void Server::MakeDynamicConfig() {
  xds::Sources& sources = options_.sources != nullptr ? *options_.sources : sources_;
  DynamicConfig::Setup setup{
      {},
      bootstrap_.cds,
      bootstrap_.lds,
      cluster_stats_,
      listener_stats_,
      [this](const ListenerConfig& listener) { return log_files_.Open(listener); },
      listeners_,
      workers_.size(),
      [this](const auto& slot, const auto& table) { publication_.PutRoutes(slot, table); },
      [this](const auto& slot, const std::string& host) { publication_.AnswerHost(slot, host); },
      [this](const auto& slot, const auto& table) { publication_.PutScopes(slot, table); },
      [this](const http::FilterFactory& filter) { return log_files_.Open(filter); },
      [this](const auto& slot, const auto& version) { publication_.PutFilter(slot, version); },
      runtime_.layers(),
      [this](size_t layer, runtime::Snapshot::Values values) {
        runtime_.Put(layer, std::move(values));
      },
      [this](const std::string& name) { publication_.AnswerCluster(name); }};
  setup.translator.context = std::move(bootstrap_.resources);
  setup.translator.unknown_fields = options_.dynamic_unknown_fields;
  setup.translator.on_unknown_fields = [this](size_t count) {
    stats_.dynamic_unknown_fields.Add(count);
  };
  setup.translator.on_warning = [](const std::string& warning) {
    REMORA_LOG(kMain, kWarning, warning);
  };
  setup.translator.has_cluster = [this](std::string_view name) { return clusters_.Contains(name); };
  dynamic_ = std::make_unique<DynamicConfig>(
      std::move(setup),
      DynamicConfig::Services{sources, clusters_, tls_, warmer_, main_.dispatcher(), store_});
  for (const auto& worker : workers_) {
    worker->clusters().missing().SetFinder(&dynamic_->cluster_finder());
  }
}

std::unique_ptr<admin::Environment> Server::MakeEnvironment(const stats::TagExtractor& tags) {
  admin::ServerFacts facts;
  facts.version = options_.version;
  facts.started = started_;
  facts.command_line_options = options_.command_line_options;
  if (options_.dumper != nullptr) facts.node = options_.dumper->NodeJson();
  auto environment = std::make_unique<admin::Environment>(admin::Environment{
      store_,
      tags,
      clock_,
      std::move(facts),
      [this] { return State(); },
      [this] { return publication_.world(); },
      [this] { return listeners_.addresses(); },
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
      [this] { ReopenLogs(); },
      bootstrap_.admin.allow_paths,
      [this] { return Unready(); },
      [this] { return tls_.Served(); },
      [this] { return dynamic_->journal(); },
      [this](const admin::ClientStatusRequest& request) { return ClientStatus(request); },
      [this] { return sources_.Restored(); },
      [this](const explain::Question& question, admin::Environment::Explained done) {
        explainer_.Explain(question, std::move(done));
      }});
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
  config::ShownResources shown = dynamic_->Show();
  shown.secrets = secrets_.Shown();
  const std::vector<xds::ResourceStatus> statuses = sources_.Show();
  const Standings standings = StandingsOf(statuses);
  SetStandings(standings, xds::ResourceType::kCluster, shown.clusters);
  SetStandings(standings, xds::ResourceType::kEndpoints, shown.endpoints);
  SetStandings(standings, xds::ResourceType::kListener, shown.listeners);
  SetStandings(standings, xds::ResourceType::kRoutes, shown.routes);
  SetStandings(standings, xds::ResourceType::kExtension, shown.extensions);
  return options_.dumper->Dump(query, shown);
}

std::string Server::ClientStatus(const admin::ClientStatusRequest& request) const {
  std::vector<xds::ResourceStatus> resources = sources_.Show();
  if (!request.without_contents) dynamic_->AddContents(resources);
  return xds::ClientStatus(sources_.node(), resources, {request.without_contents, request.binary});
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
  absl::StatusOr<BoundSockets> bound = BindSockets(*listener, 1);
  if (!bound.ok()) return bound.status();
  admin_address_ = bound->addresses[0];
  admin_scopes_.emplace(store_);
  const ListenerScopes scopes = MakeScopes(*admin_scopes_, *listener, 0);
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
  // Runtime layers subscribe when they are made.
  if (listen && snapshots_.has_value()) snapshots_->Start();
  MakeDynamicConfig();
  publication_.SetListeners(bootstrap_.listeners);
  absl::Status status = AddClusters();
  publication_.Publish();
  if (!listen) return status;

  status.Update(OpenLogs());
  status.Update(listeners_.Bind(*publication_.world()->listeners));
  status.Update(StartAdmin());
  status.Update(runtime_.Watch(files_));
  status.Update(StartSecrets());
  if (status.ok()) {
    dynamic_->FollowStatic(*publication_.world()->listeners);
    dynamic_->Start();
  }
  return status;
}

absl::Status Server::StartSecrets() {
  const absl::Status status =
      tls_.FollowStatic(std::exchange(bootstrap_.tls_contexts, {}), *publication_.world());
  secrets_.Start();
  return status;
}

int Server::Run() {
  if (!StartWhatIsReady()) return 1;
  log_writer_.Start();
  publication_.OnWorkersStarted();
  listeners_.OnWorkersStarted();
  explainer_.OnWorkersStarted();
  for (auto& worker : workers_) worker->Start();
  listener_stats_.workers_started.Set(1);
  flush_timer_.Arm(clock_.Now() + bootstrap_.stats_flush_interval);
  main_.dispatcher().Run();
  for (auto& worker : workers_) worker->Stop();
  if (snapshots_.has_value()) snapshots_->Flush();
  sources_.Close();
  main_.Clear();
  REMORA_LOG(kMain, kInfo, "exiting");
  return failed_ ? 1 : 0;
}

bool Server::StartWhatIsReady() {
  dynamic_->Advance();
  const bool live = state_ == admin::ServerState::kLive;
  // Clusters first, as in Envoy: no listener takes a request that has nowhere to go.
  if (!live && (warmer_.IsWarming(kRuntimeTarget) || warmer_.Any(kClusterTarget))) {
    SetState(admin::ServerState::kPreInitializing);
    return true;
  }
  const absl::Status status = listeners_.StartReady([this](const ListenerConfig& listener) {
    return !warmer_.IsWarming(ListenerTarget(listener));
  });
  if (!status.ok()) {
    REMORA_LOG(kMain, kCritical, std::string(status.message()));
    failed_ = true;
    Quit();
    return false;
  }
  if (live) return true;
  if (warmer_.Any(kListenerTarget) || warmer_.IsWarming(kClusterSourceTarget) ||
      warmer_.IsWarming(kListenerSourceTarget)) {
    SetState(admin::ServerState::kInitializing);
    return true;
  }
  SetState(admin::ServerState::kLive);
  stats_.initialization_time_ms.Record(
      static_cast<uint64_t>((clock_.Now() - started_) / event::kMillisecond));
  REMORA_LOG(kMain, kInfo, "all ", listeners_.addresses().size(), " listeners are serving with ",
             workers_.size(), " workers");
  return true;
}

std::vector<admin::UnreadyTarget> Server::Unready() const {
  std::vector<admin::UnreadyTarget> unready;
  for (auto& [who, what] : warmer_.waiting()) unready.push_back({who, std::move(what)});
  // What they wait for may be here, and why it is late.
  std::vector<std::string> troubles = sources_.Troubles();
  if (!troubles.empty()) unready.push_back({"sources of configuration", std::move(troubles)});
  return unready;
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
  absl::Status status = log_files_.Open(bootstrap_.admin.access_log);
  for (const auto& listener : *publication_.world()->listeners) {
    status.Update(log_files_.Open(*listener));
  }
  return status;
}

void Server::RefreshGauges() {
  log_files_.Refresh();
  if (snapshots_.has_value()) snapshots_->Refresh();
  breaker_gauges_.Refresh(*clusters_.table());
  stats_.days_until_first_cert_expiring.Set(tls_.DaysLeft(clock_.WallNow()));
  stats_.uptime.Set(static_cast<uint64_t>((clock_.Now() - started_) / event::kSecond));
  RefreshMemory();
  // Without admin's own, as in Envoy: who waits for it to become 0 asks through admin.
  uint64_t connections = 0;
  for (const auto& worker : workers_) connections += worker->connections();
  stats_.total_connections.Set(connections);
}

size_t Server::RefreshMemory() {
  const struct mallinfo2 info = mallinfo2();
  const size_t allocated = info.uordblks + info.hblkhd;
  const size_t resident = ResidentBytes();
  stats_.memory_allocated.Set(allocated);
  stats_.memory_heap_size.Set(info.arena + info.hblkhd);
  stats_.memory_physical_size.Set(resident);
  return resident - std::min(resident, allocated);
}

// What a large update leaves behind: glibc keeps free memory below what is in use for ever.
void Server::ReturnMemory() {
  constexpr size_t kWorthwhile = 4 * 1024 * 1024;
  const size_t unused = RefreshMemory();
  if (unused > least_unused_bytes_ + kWorthwhile) {
    malloc_trim(0);
    least_unused_bytes_ = RefreshMemory();
  } else {
    least_unused_bytes_ = std::min(least_unused_bytes_, unused);
  }
}

void Server::FlushStats() {
  removed_scopes_.Sweep();
  RefreshGauges();
  ReturnMemory();
  if (!bootstrap_.stats_flush_on_admin) store_.FlushIntervals();
  flush_timer_.Arm(clock_.Now() + bootstrap_.stats_flush_interval);
}

}  // namespace remora::server
