#include "test/harness/harness.h"

#include <chrono>
#include <utility>

#include "source/base/log.h"
#include "source/http/router/router_filter.h"

namespace remora::harness {
namespace {

http::FilterFactory RouterFactory() {
  http::FilterFactory factory;
  factory.name = "router";
  factory.terminal = true;
  factory.config = std::make_shared<const router::Config>();
  factory.create = [](const void* config, http::FilterContext& context) -> http::FilterPtr {
    return context.arena().Make<router::RouterFilter>(*static_cast<const router::Config*>(config),
                                                      context);
  };
  factory.create_worker_state =
      [](const void* config,
         const http::WorkerSetup& setup) -> std::unique_ptr<http::FilterWorkerState> {
    return std::make_unique<router::RouterState>(*static_cast<const router::Config*>(config),
                                                 setup);
  };
  return factory;
}

// The value of `name` in the text of /stats.
std::optional<uint64_t> FindValue(const std::string& text, const std::string& name) {
  const std::string lines = "\n" + text;
  const std::string mark = "\n" + name + ": ";
  const size_t at = lines.find(mark);
  if (at == std::string::npos) return std::nullopt;
  return std::stoull(lines.substr(at + mark.size()));
}

}  // namespace

Harness::Harness() : manager_(std::make_shared<connection_manager::Config>()) {
  base::SetAllLogLevels(base::LogLevel::kOff);
  manager_->stat_prefix = "ingress";
  Listener("main");
}

Harness::~Harness() {
  Stop();
  for (ScriptedUpstream& upstream : upstreams_) upstream.Stop();
}

upstream::ClusterConfig& Harness::Cluster(const std::string& name) {
  for (upstream::ClusterConfig& cluster : clusters_) {
    if (cluster.name == name) return cluster;
  }
  clusters_.emplace_back().name = name;
  return clusters_.back();
}

ScriptedUpstream Harness::Upstream(const std::string& name, uint32_t weight) {
  upstream::HostConfig host;
  host.address = upstreams_.emplace_back().address();
  host.weight = weight;
  Cluster(name).hosts.push_back(host);
  return upstreams_.back();
}

route::RouteConfig& Harness::Route(std::string prefix, std::string cluster,
                                   const std::string& domain) {
  route::RouteConfig config;
  config.match.text = std::move(prefix);
  route::ForwardAction action;
  action.cluster = std::move(cluster);
  config.action = std::move(action);
  return routes_.emplace_back(domain, std::move(config)).second;
}

route::ForwardAction& Harness::Forward(std::string prefix, std::string cluster) {
  return std::get<route::ForwardAction>(Route(std::move(prefix), std::move(cluster)).action);
}

route::RouteConfig& Harness::DirectResponse(std::string prefix, uint32_t status, std::string body,
                                            const std::string& domain) {
  route::RouteConfig& config = Route(std::move(prefix), "", domain);
  config.action = route::DirectResponseAction{status, std::move(body)};
  return config;
}

void Harness::Filter(http::FilterFactory factory) { filters_.push_back(std::move(factory)); }

config::ListenerConfig& Harness::Listener(const std::string& name) {
  for (config::ListenerConfig& listener : listeners_) {
    if (listener.name == name) return listener;
  }
  config::ListenerConfig& listener = listeners_.emplace_back();
  listener.name = name;
  listener.stat_prefix = name;  // ports differ from run to run
  listener.address = *net::Address::Ip("127.0.0.1", 0);
  return listener;
}

tcp::Config& Harness::TcpProxy(const std::string& listener, const std::string& cluster) {
  auto proxy = std::make_shared<tcp::Config>();
  proxy->stat_prefix = listener;
  proxy->clusters.push_back({cluster, 1});
  config::FilterChain chain;
  chain.tcp = proxy;
  Listener(listener).default_filter_chain =
      std::make_shared<const config::FilterChain>(std::move(chain));
  return *proxy;
}

std::shared_ptr<const route::RouteTable> Harness::BuildRoutes() {
  route::RouteTableConfig table;
  table.name = "routes";
  for (const auto& [domain, route] : routes_) {
    route::VirtualHostConfig* host = nullptr;
    for (route::VirtualHostConfig& known : table.virtual_hosts) {
      if (known.domains[0] == domain) host = &known;
    }
    if (host == nullptr) {
      host = &table.virtual_hosts.emplace_back();
      host->name = domain;
      host->domains = {domain};
    }
    host->routes.push_back(route);
  }
  std::vector<route::RouteTableProblem> problems;
  auto built = route::RouteTable::Build(std::move(table), problems);
  if (!built.ok()) throw WireError(std::string(built.status().message()));
  return *std::move(built);
}

config::BootstrapConfig Harness::MakeBootstrap() {
  manager_->routes = BuildRoutes();
  manager_->filters.push_back(ExchangeLogFilter(&log_));
  const bool own_router = !filters_.empty() && filters_.back().terminal;
  for (http::FilterFactory& filter : filters_) manager_->filters.push_back(std::move(filter));
  if (!own_router) manager_->filters.push_back(RouterFactory());
  config::BootstrapConfig bootstrap;
  bootstrap.admin.address = *net::Address::Ip("127.0.0.1", 0);
  for (config::ListenerConfig& listener : listeners_) {
    if (listener.AllChains().empty()) listener.default_filter_chain = config::HttpChain(manager_);
    bootstrap.listeners.push_back(std::make_shared<const config::ListenerConfig>(listener));
  }
  for (const upstream::ClusterConfig& cluster : clusters_) bootstrap.clusters.push_back(cluster);
  return bootstrap;
}

void Harness::Start() {
  server::ServerOptions options;
  options.concurrency = workers_;
  options.drain = drain_;
  options.logs = logs_;
  options.version = "test";
  options.command_line_options = "{}";
  server_ = std::make_unique<server::Server>(MakeBootstrap(), std::move(options), clock_);
  const absl::Status status = server_->Initialize(true);
  if (!status.ok()) {
    server_.reset();
    throw WireError(std::string(status.message()));
  }
  thread_ = std::thread([this] { server_->Run(); });
  // Sockets listen once the server runs, and the admin interface answers on its thread.
  admin_ = std::make_unique<Client>(harness::Connect(server_->admin_address()));
  AwaitStat("server.live", 1);
}

const net::Address& Harness::Address(const std::string& listener) const {
  for (const admin::ListenerStatus& status : server_->listeners()) {
    if (status.name == listener) return status.addresses.at(0);
  }
  throw WireError("no listener " + listener);
}

Client Harness::Connect(const std::string& listener, std::string_view from) {
  return Client(harness::Connect(Address(listener), from));
}

Message Harness::Admin(std::string_view path) { return admin_->Get(path); }

bool Harness::HasStat(const std::string& name) {
  return FindValue(Admin("/stats").body, name).has_value();
}

uint64_t Harness::Stat(const std::string& name) {
  const std::optional<uint64_t> value = FindValue(Admin("/stats?filter=" + name).body, name);
  if (!value.has_value()) throw WireError("no statistic " + name);
  return *value;
}

void Harness::AwaitStat(const std::string& name, const std::function<bool(uint64_t)>& reached) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::optional<uint64_t> last;
  while (std::chrono::steady_clock::now() < deadline) {
    last = FindValue(Admin("/stats?filter=" + name).body, name);
    if (last.has_value() && reached(*last)) return;
  }
  throw WireError(name + " stays " + (last.has_value() ? std::to_string(*last) : "absent"));
}

void Harness::AwaitStat(const std::string& name, uint64_t value) {
  AwaitStat(name, [value](uint64_t now) { return now == value; });
}

void Harness::AwaitStatAbove(const std::string& name, uint64_t bound) {
  AwaitStat(name, [bound](uint64_t now) { return now > bound; });
}

Message Harness::AdminPost(std::string_view path) { return admin_->Post(path, ""); }

void Harness::Terminate() {
  server_->dispatcher().Post([this] { server_->Terminate(); });
}

void Harness::AwaitEnded() {
  if (thread_.joinable()) thread_.join();
}

void Harness::ReopenLogs() {
  server_->dispatcher().Post([this] { server_->ReopenLogs(); });
}

void Harness::Stop() {
  if (server_ == nullptr) return;
  admin_.reset();
  // It may have ended by itself.
  if (thread_.joinable()) {
    server_->dispatcher().Post([this] { server_->Quit(); });
    thread_.join();
  }
  server_.reset();
}

}  // namespace remora::harness
