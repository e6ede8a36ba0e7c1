#include "test/sim/world.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "source/config/bootstrap_config.h"
#include "source/extensions/registry.h"
#include "test/sim/settings.h"

namespace remora::sim {
namespace {

// `text` with the path of the log in its place.
std::string WithLog(std::string text, const std::string& path) {
  const size_t at = text.find(kLogPath);
  if (at != std::string::npos) text.replace(at, std::strlen(kLogPath), path);
  return text;
}

std::string PathOf(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

config::BootstrapConfig Load(const std::string& yaml, int64_t wall_now) {
  config::Registry registry;
  extensions::RegisterAll(registry);
  config::LoadOptions options;
  options.yaml = yaml;
  config::LoadedBootstrap loaded =
      config::LoadBootstrap(std::move(options), {"sim", "sim", "sim"}, registry, wall_now);
  if (!loaded.config.has_value()) throw std::runtime_error(loaded.errors.ToString() + yaml);
  return *std::move(loaded.config);
}

// The same listener with a probe at both ends of its chain.
std::shared_ptr<const config::ListenerConfig> WithProbes(const config::ListenerConfig& listener,
                                                         ProbeLog* probes) {
  if (listener.filter_chains.at(0)->http == nullptr) {
    return std::make_shared<const config::ListenerConfig>(listener);
  }
  auto http = std::make_shared<connection_manager::Config>(*listener.filter_chains.at(0)->http);
  http->filters.insert(http->filters.begin(), MakeProbe("first", probes));
  http->filters.insert(http->filters.end() - 1, MakeProbe("last", probes));
  auto probed = std::make_shared<config::ListenerConfig>(listener);
  probed->filter_chains = {config::HttpChain(std::move(http))};
  return probed;
}

}  // namespace

World::World(const std::string& yaml, fakes::SimulatedClock& clock, uint64_t seed, ProbeLog* probes)
    : random_(seed),
      dispatcher_(clock),
      dates_(clock),
      resources_{dispatcher_, blocks_, random_, runtime_, store_.worker_shard(0), 0},
      clusters_(resources_),
      log_fd_(memfd_create("sim_log", 0)),
      services_{resources_, clusters_, arenas_, dates_, "192.0.2.1", last_connection_, nullptr} {
  if (log_fd_ < 0 || !log_writer_.Open(PathOf(log_fd_)).ok()) throw std::runtime_error("no log");
  log_files_.emplace(
      log_writer_, dispatcher_,
      store_.AddScope("filesystem").Make<access_log::FileStats>(store_.worker_shard(0)));
  services_.log_files = &*log_files_;
  config::BootstrapConfig bootstrap = Load(WithLog(yaml, PathOf(log_fd_)), clock.WallNow());
  auto table = std::make_shared<upstream::ClusterTable>();
  for (upstream::ClusterConfig& cluster : bootstrap.clusters) {
    stats::Scope& scope = store_.AddScope("cluster." + cluster.stat_name());
    table->Put(std::make_shared<const upstream::Cluster>(std::move(cluster), 1, scope));
  }
  clusters_table_ = std::move(table);
  clusters_.Apply(clusters_table_);
  for (const auto& listener : bootstrap.listeners) AddListener(WithProbes(*listener, probes));
}

std::vector<std::pair<std::string, std::shared_ptr<const upstream::Cluster>>> World::cluster_list()
    const {
  std::vector<std::pair<std::string, std::shared_ptr<const upstream::Cluster>>> list;
  clusters_table_->ForEach([&](const upstream::Cluster& cluster) {
    list.emplace_back(cluster.name(), clusters_table_->Find(cluster.name()));
  });
  return list;
}

World::~World() {
  Clear();
  close(log_fd_);
}

std::string World::TakeLog() {
  if (log_files_.has_value()) log_files_->Flush();
  log_writer_.Find(PathOf(log_fd_))->Write();
  std::ifstream file(PathOf(log_fd_));
  return {std::istreambuf_iterator<char>(file), {}};
}

void World::AddListener(std::shared_ptr<const config::ListenerConfig> config) {
  server::ListenerScopes scopes = server::MakeListenerScopes(scopes_, *config, config->name, 1);
  scopes.drain = &drain_;
  absl::StatusOr<net::Socket> socket = net::BindListener(config->address, config->options);
  if (!socket.ok()) throw std::runtime_error(std::string(socket.status().message()));
  const absl::Status status = net::StartListening(*socket, config->options);
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
  std::vector<net::Socket> sockets;
  sockets.push_back(*std::move(socket));
  listeners_.push_back(std::make_unique<server::ActiveListener>(
      std::move(config), std::move(sockets), scopes,
      server::ActiveListener::Surroundings{services_, *scopes.workers[0], connections_, pipes_,
                                           nullptr}));
}

void World::Clear() {
  listeners_.clear();
  clusters_.Clear();
  dispatcher_.RunOnce(false);
  log_files_.reset();  // it hands over what there is
}

}  // namespace remora::sim
