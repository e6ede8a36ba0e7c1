#pragma once

// Running: a whole server in this process, from a bootstrap as YAML, whose configuration comes from
// a control plane of the harness.
//
//   Running server(AllFrom(plane.address(), "GRPC"));
//   server.Await("/ready", "LIVE");
//
// Owner and thread: the test's. A wait that takes too long fails the test.

#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "source/config/bootstrap_config.h"
#include "source/extensions/registry.h"
#include "source/server/server.h"
#include "test/harness/client.h"

namespace remora::harness {

// Clusters and listeners from the control plane, by ADS; nothing else.
inline std::string AllFrom(const net::Address& plane, const std::string& api_type) {
  return R"(
node: {id: me, cluster: c}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
dynamic_resources:
  ads_config: {api_type: )" +
         api_type + R"(, grpc_services: [{envoy_grpc: {cluster_name: xds}}]}
  cds_config: {ads: {}}
  lds_config: {ads: {}}
static_resources:
  clusters:
  - name: xds
    http2_protocol_options: {}
    load_assignment:
      cluster_name: xds
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1,
                  port_value: )" +
         std::to_string(plane.port()) + "}}}}]}]\n";
}

class Running {
 public:
  explicit Running(const std::string& yaml, const server::SnapshotOptions& snapshot = {}) {
    extensions::RegisterAll(registry_);
    config::LoadOptions options;
    options.yaml = yaml;
    config::LoadedBootstrap loaded = config::LoadBootstrap(std::move(options), {}, registry_, 0);
    INFO(loaded.errors.ToString());
    REQUIRE(loaded.config.has_value());
    server::ServerOptions server_options;
    server_options.snapshot = snapshot;
    server_options.dumper = std::move(loaded.dumper);
    server_ = std::make_unique<server::Server>(*std::move(loaded.config), std::move(server_options),
                                               clock_);
    REQUIRE(server_->Initialize(true).ok());
    thread_ = std::thread([this] { server_->Run(); });
    admin_ = std::make_unique<Client>(harness::Connect(server_->admin_address()));
  }
  ~Running() {
    admin_.reset();
    server_->dispatcher().Post([this] { server_->Quit(); });
    thread_.join();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  std::string Admin(std::string_view path) { return admin_->Get(path).body; }
  // Waits until a page has (or no longer has) that text.
  void Await(std::string_view path, std::string_view text, bool there = true) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    std::string body;
    while (std::chrono::steady_clock::now() < deadline) {
      body = Admin(path);
      if ((body.find(text) != std::string::npos) == there) return;
    }
    FAIL(path << " has not become so: " << text << "\n" << body);
  }
  // What a listener says, which may not be listening just yet.
  std::string Says(size_t listener) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (true) {
      try {
        return harness::Connect(server_->listeners()[listener].addresses[0]).ReceiveAll();
      } catch (const std::exception&) {
        if (std::chrono::steady_clock::now() > deadline) throw;
      }
    }
  }

 private:
  event::RealClock clock_;
  config::Registry registry_;
  std::unique_ptr<server::Server> server_;
  std::thread thread_;
  std::unique_ptr<Client> admin_;
};

}  // namespace remora::harness
