#pragma once

// Harness: a whole server in this process, on real sockets and threads, described in sentences:
//
//   Harness h;
//   auto up = h.Upstream("up").Respond(200, "hi");
//   h.Route("/", "up");
//   h.Start();
//   REQUIRE(h.Connect().Get("/").body == "hi");
//
// Everything before Start() describes the configuration; everything is given as configuration
// values, the loader is not involved. Owner and thread: the test's. Start throws when the server
// refuses.

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "source/config/bootstrap.h"
#include "source/http/connection_manager/config.h"
#include "source/server/server.h"
#include "source/tcp/config.h"
#include "test/harness/client.h"
#include "test/harness/exchange_log.h"
#include "test/harness/scripted_upstream.h"

namespace remora::harness {

inline constexpr event::Duration Ms(int64_t n) { return n * event::kMillisecond; }

class Harness {
 public:
  Harness();
  ~Harness();
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;

  // --- before Start ---

  // A new origin server, and the cluster `name` with it; of the same name again: one more host.
  ScriptedUpstream Upstream(const std::string& name, uint32_t weight = 1);
  // The cluster, made when it is new (without hosts).
  upstream::ClusterConfig& Cluster(const std::string& name);
  // Requests whose path starts with `prefix`. Routes are tried in their order.
  route::RouteConfig& Route(std::string prefix, std::string cluster,
                            const std::string& domain = "*");
  // The action of such a route.
  route::ForwardAction& Forward(std::string prefix, std::string cluster);
  route::RouteConfig& DirectResponse(std::string prefix, uint32_t status, std::string body,
                                     const std::string& domain = "*");
  // The connection manager of all listeners (stat prefix "ingress").
  connection_manager::Config& Manager() { return *manager_; }
  // A filter between the log and the router.
  void Filter(http::FilterFactory factory);
  // A listener, made when it is new: 127.0.0.1 and a free port. "main" is always there.
  config::ListenerConfig& Listener(const std::string& name = "main");
  // A listener of its own whose connections go to the cluster as bytes (stat prefix: its name).
  tcp::Config& TcpProxy(const std::string& listener, const std::string& cluster);
  void Workers(size_t count) { workers_ = count; }
  // --drain-time-s and its like.
  server::DrainOptions& Drain() { return drain_; }
  access_log::LogOptions& Logs() { return logs_; }

  void Start();

  // --- while it serves ---

  const net::Address& Address(const std::string& listener = "main") const;
  Client Connect(const std::string& listener = "main", std::string_view from = {});
  // The value of a counter or gauge; throws when there is none of that name.
  uint64_t Stat(const std::string& name);
  bool HasStat(const std::string& name);
  // Waits until it has that value; throws when it does not get it.
  void AwaitStat(const std::string& name, uint64_t value);
  void AwaitStatAbove(const std::string& name, uint64_t bound);
  // A page of the admin interface.
  Message Admin(std::string_view path);
  Message AdminPost(std::string_view path);
  // What the proxy says about the next exchange that has ended.
  Exchange NextExchange() { return log_.Take(); }

  // What SIGTERM does.
  void Terminate();
  // Waits until the server has ended by itself.
  void AwaitEnded();
  // As SIGUSR1 does.
  void ReopenLogs();

  // Ends the server: all its connections are closed when it returns.
  void Stop();

 private:
  std::shared_ptr<const route::RouteTable> BuildRoutes();
  config::BootstrapConfig MakeBootstrap();
  void AwaitStat(const std::string& name, const std::function<bool(uint64_t)>& reached);

  ExchangeLog log_;
  event::RealClock clock_;
  size_t workers_ = 1;
  server::DrainOptions drain_;
  access_log::LogOptions logs_;
  std::shared_ptr<connection_manager::Config> manager_;
  std::deque<upstream::ClusterConfig> clusters_;
  std::deque<config::ListenerConfig> listeners_;
  std::deque<std::pair<std::string, route::RouteConfig>> routes_;  // by domain
  std::vector<http::FilterFactory> filters_;
  std::deque<ScriptedUpstream> upstreams_;
  std::unique_ptr<server::Server> server_;
  std::thread thread_;
  std::unique_ptr<Client> admin_;
};

}  // namespace remora::harness
