#include "test/integration/discovery/dynamic_world.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <chrono>
#include <future>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/config/route/v3/scoped_route.pb.h"
#include "envoy/extensions/filters/http/dynamic_modules/v3/dynamic_modules.pb.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb.h"
#include "envoy/extensions/filters/http/on_demand/v3/on_demand.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/http/stateful_session/v3/stateful_session.pb.h"
#include "envoy/service/runtime/v3/rtds.pb.h"
#include "remora/extensions/filters/http/session_affinity/v1/session_affinity.pb.h"
#include "source/base/log.h"
#include "source/config/bootstrap_config.h"
#include "source/extensions/http_filters/dynamic_modules/dynamic_modules.h"
#include "source/extensions/http_filters/fault/fault.h"
#include "source/extensions/http_filters/header_mutation/header_mutation.h"
#include "source/extensions/http_filters/on_demand/on_demand.h"
#include "source/extensions/http_filters/router/router.h"
#include "source/extensions/http_filters/session_affinity/session_affinity.h"
#include "source/extensions/http_filters/stateful_session/stateful_session.h"

namespace remora::discovery {
namespace {

std::unique_ptr<google::protobuf::Message> MessageOf(ResourceType type) {
  switch (type) {
    case ResourceType::kCluster:
      return std::make_unique<envoy::config::cluster::v3::Cluster>();
    case ResourceType::kEndpoints:
      return std::make_unique<envoy::config::endpoint::v3::ClusterLoadAssignment>();
    case ResourceType::kListener:
      return std::make_unique<envoy::config::listener::v3::Listener>();
    case ResourceType::kExtension:
      return std::make_unique<envoy::config::core::v3::TypedExtensionConfig>();
    case ResourceType::kVirtualHosts:
      return std::make_unique<envoy::config::route::v3::VirtualHost>();
    case ResourceType::kScopedRoutes:
      return std::make_unique<envoy::config::route::v3::ScopedRouteConfiguration>();
    case ResourceType::kRuntime:
      return std::make_unique<envoy::service::runtime::v3::Runtime>();
    default:
      return std::make_unique<envoy::config::route::v3::RouteConfiguration>();
  }
}

constexpr char kRouter[] =
    "{name: router, typed_config: {\"@type\": "
    "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}";

// A connection manager whose HTTP filters are `filters`.
std::string HcmFilter(const std::string& routes, const std::string& filters) {
  return absl::StrCat(
      "{name: hcm, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.network."
      "http_connection_manager.v3.HttpConnectionManager, stat_prefix: in, ",
      routes, ", http_filters: [", filters, "]}}");
}

std::string ChainOf(const std::string& routes, const std::string& more,
                    const std::string& filters = kRouter) {
  return absl::StrCat("{filters: [", HcmFilter(routes, filters), "]", more.empty() ? "" : ", ",
                      more, "}");
}

constexpr auto kPatience = std::chrono::seconds(20);

}  // namespace

// Rules are not checked here: what breaks them is sent to see what becomes of it.
std::string BytesOf(ResourceType type, const std::string& yaml) {
  const auto message = MessageOf(type);
  config::LoadOptions options;
  options.yaml = yaml;
  config::LoadMessage(options, *message);
  return message->SerializeAsString();
}

std::string Host(const harness::ScriptedUpstream& upstream, const std::string& more) {
  return absl::StrCat("{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ",
                      upstream.address().port(), "}}}", more.empty() ? "" : ", ", more, "}");
}

std::string Assignment(const std::string& service, const std::vector<std::string>& hosts) {
  return absl::StrCat("{cluster_name: ", service, ", endpoints: [{lb_endpoints: [",
                      absl::StrJoin(hosts, ", "), "]}]}");
}

std::string StaticCluster(const std::string& name, const std::vector<std::string>& hosts,
                          const std::string& more) {
  return absl::StrCat("{name: ", name, ", load_assignment: ", Assignment(name, hosts),
                      more.empty() ? "" : ", ", more, "}");
}

std::string EdsCluster(const std::string& name, const std::string& more) {
  return absl::StrCat("{name: ", name, ", type: EDS, eds_cluster_config: {eds_config: ", kAds,
                      more.empty() ? "" : ", ", more, "}}");
}

std::string To(const std::string& cluster, const std::string& prefix) {
  return absl::StrCat("{match: {prefix: \"", prefix, "\"}, route: {cluster: ", cluster, "}}");
}

std::string Says(const std::string& text, const std::string& prefix) {
  return absl::StrCat("{match: {prefix: \"", prefix,
                      "\"}, direct_response: {status: 200, body: {inline_string: ", text, "}}}");
}

std::string Routes(const std::string& name, const std::vector<std::string>& routes) {
  return absl::StrCat("{name: ", name, ", virtual_hosts: [{name: all, domains: [\"*\"], routes: [",
                      absl::StrJoin(routes, ", "), "]}]}");
}

std::string Chain(const std::string& routes, const std::string& more, const std::string& filter) {
  return ChainOf(absl::StrCat("route_config: ", routes), more,
                 absl::StrCat(filter, filter.empty() ? "" : ", ", kRouter));
}

std::string ChainEndingWith(const std::string& routes, const std::string& filter) {
  return ChainOf(absl::StrCat("route_config: ", routes), "", filter);
}

std::string RdsChain(const std::string& table, const std::string& more, const std::string& filter) {
  return ChainOf(absl::StrCat("rds: {config_source: ", kAds, ", route_config_name: ", table, "}"),
                 more, absl::StrCat(filter, filter.empty() ? "" : ", ", kRouter));
}

std::string ScopedChain(const std::string& scopes) {
  return ChainOf(absl::StrCat("scoped_routes: {name: s, rds_config_source: ", kAds, ", ", scopes,
                              ", scope_key_builder: {fragments: [{header_value_extractor: {name: "
                              "X-Scope, index: 0}}]}}"),
                 "");
}

std::string Listener(const std::string& name, uint16_t port, const std::vector<std::string>& chains,
                     const std::string& more) {
  return absl::StrCat("{name: ", name,
                      ", address: {socket_address: {address: 127.0.0.1, port_value: ", port,
                      "}}, stat_prefix: ", name, ", filter_chains: [", absl::StrJoin(chains, ", "),
                      "]", more.empty() ? "" : ", ", more, "}");
}

DynamicWorld::DynamicWorld(const Setup& setup) {
  base::SetAllLogLevels(base::LogLevel::kOff);
  registry_.AddHttpFilter<extensions::DynamicModules>();
  registry_.AddHttpFilter<extensions::Fault>();
  registry_.AddHttpFilter<extensions::HeaderMutation>();
  registry_.AddHttpFilter<extensions::OnDemand>();
  registry_.AddHttpFilter<extensions::Router>();
  registry_.AddHttpFilter<extensions::SessionAffinity>();
  registry_.AddHttpFilter<extensions::StatefulSession>();
  config::LoadOptions load;
  load.yaml = absl::StrCat(
      "{admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}, "
      "dynamic_resources: {ads_config: {api_type: ",
      setup.ads_type,
      ", grpc_services: [{envoy_grpc: "
      "{cluster_name: plane}}]}, cds_config: {ads: {}}",
      setup.lds ? ", lds_config: {ads: {}}" : "", "}, layered_runtime: {layers: [",
      absl::StrJoin(setup.runtime, ", "), "]}, static_resources: {clusters: [",
      StaticCluster("plane", {}), setup.clusters.empty() ? "" : ", ",
      absl::StrJoin(setup.clusters, ", "), "], listeners: [", absl::StrJoin(setup.listeners, ", "),
      "]}}");
  config::LoadedBootstrap loaded =
      config::LoadBootstrap(std::move(load), {"id", "cluster", ""}, registry_, 0);
  if (!loaded.config.has_value()) throw harness::WireError(loaded.errors.ToString());
  server::ServerOptions options;
  options.concurrency = setup.workers;
  options.drain.time = setup.drain_time;
  options.version = "test";
  options.dumper = std::move(loaded.dumper);
  options.sources = &sources_;
  server_ = std::make_unique<server::Server>(*std::move(loaded.config), std::move(options), clock_);
  const absl::Status status = server_->Initialize(true);
  if (!status.ok()) throw harness::WireError(std::string(status.message()));
  thread_ = std::thread([this] { server_->Run(); });
  admin_ = std::make_unique<harness::Client>(harness::Connect(server_->admin_address()));
}

DynamicWorld::~DynamicWorld() {
  admin_.reset();
  server_->dispatcher().Post([this] { server_->Quit(); });
  thread_.join();
  server_.reset();
}

void DynamicWorld::Do(const std::function<void()>& work) {
  // What became warm by it is used at the end of that turn, and published at the end of the next.
  for (int turn = 0; turn < 4; ++turn) {
    std::promise<void> done;
    server_->dispatcher().Post([&] {
      if (turn == 0) work();
      done.set_value();
    });
    done.get_future().wait();
  }
}

std::vector<std::string> DynamicWorld::Send(ResourceType type, const Resources& changed,
                                            const std::vector<std::string>& removed,
                                            const std::string& version) {
  std::vector<fakes::Sources::Sent> sent;
  for (const auto& [name, yaml] : changed) sent.push_back({name, BytesOf(type, yaml)});
  std::vector<std::string> errors;
  Do([&] {
    for (const xds::ResourceError& error : sources_.Send(type, sent, removed, version)) {
      errors.push_back(error.name + ": " + error.message);
    }
  });
  return errors;
}

void DynamicWorld::TimeOut(ResourceType type) {
  Do([this, type] { sources_.TimeOut(type); });
}

std::vector<std::string> DynamicWorld::Wanted(ResourceType type) {
  std::vector<std::string> wanted;
  Do([&] { wanted = sources_.Wanted(type); });
  return wanted;
}

uint16_t DynamicWorld::FreePort() {
  const net::Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(socket.fd(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    throw harness::WireError("no port is free");
  }
  return net::LocalAddress(socket.fd()).port();
}

harness::Client DynamicWorld::Connect(uint16_t port) {
  return harness::Client(harness::Connect(*net::Address::Ip("127.0.0.1", port)));
}

int DynamicWorld::Status(uint16_t port, const std::string& path) {
  return Connect(port).Get(path).status;
}

std::string DynamicWorld::Body(uint16_t port, const std::string& path) {
  return Connect(port).Get(path).body;
}

std::string DynamicWorld::Admin(const std::string& path) { return admin_->Get(path).body; }

namespace {

std::optional<uint64_t> FindValue(const std::string& text, const std::string& name) {
  const std::string lines = "\n" + text;
  const std::string mark = "\n" + name + ": ";
  const size_t at = lines.find(mark);
  if (at == std::string::npos) return std::nullopt;
  return std::stoull(lines.substr(at + mark.size()));
}

}  // namespace

bool DynamicWorld::HasStat(const std::string& name) {
  return FindValue(Admin("/stats"), name).has_value();
}

uint64_t DynamicWorld::Stat(const std::string& name) {
  const std::optional<uint64_t> value = FindValue(Admin("/stats"), name);
  if (!value.has_value()) throw harness::WireError("no statistic " + name);
  return *value;
}

void DynamicWorld::AwaitStat(const std::string& name, uint64_t value) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::optional<uint64_t> last;
  while (std::chrono::steady_clock::now() < deadline) {
    last = FindValue(Admin("/stats"), name);
    if (last == value) return;
  }
  throw harness::WireError(name + " stays " +
                           (last.has_value() ? std::to_string(*last) : "absent"));
}

}  // namespace remora::discovery
