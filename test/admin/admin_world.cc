#include "test/admin/admin_world.h"

#include <utility>

namespace remora::admin {

AdminWorld::AdminWorld()
    : tags(stats::TagExtractor::Create({}).value()),
      world(std::make_shared<const config::World>()),
      environment{
          store,
          tags,
          clock,
          ServerFacts{"abc/1.2.3/Clean/RELEASE/none", clock.Now(), "{\n \"concurrency\": 2\n}",
                      "{\n \"id\": \"n\",\n \"locality\": {}\n}\n"},
          [this] { return state; },
          [this] { return world; },
          [this] { return listeners; },
          [this](const Parameters& parameters) {
            config_dump_asked = parameters;
            return config_dump;
          },
          [this] { ++quits; },
          [this] { ++refreshes; },
          [this](bool fail) { health_check_failures.push_back(fail); },
          [this](const DrainRequest& request) { drains.push_back(request); },
          [this] { return runtime; },
          [this](const Parameters& overrides) {
            runtime_changes.push_back(overrides);
            return runtime_status;
          },
          [this] { ++reopened; },
      },
      table(environment) {}

Answer AdminWorld::Ask(std::string_view method, std::string_view target, std::string_view form) {
  Response response = table.Handle(MakeRequest(method, target, form));
  return {response.status, std::string(response.content_type), WholeBody(response)};
}

const upstream::Cluster& AdminWorld::AddCluster(upstream::ClusterConfig config) {
  const std::string name = config.name;
  auto clusters = world->clusters == nullptr
                      ? std::make_shared<upstream::ClusterTable>()
                      : std::make_shared<upstream::ClusterTable>(*world->clusters);
  auto cluster = std::make_shared<const upstream::Cluster>(std::move(config), 2,
                                                           store.AddScope("cluster." + name));
  clusters->Put(cluster);
  auto next = std::make_shared<config::World>(*world);
  next->clusters = clusters;
  world = next;
  return *cluster;
}

void AdminWorld::AddListener(std::string name, std::vector<net::Address> addresses) {
  listeners.push_back({std::move(name), std::move(addresses)});
}

net::Address Ip(std::string_view ip, uint16_t port) { return net::Address::Ip(ip, port).value(); }

net::Address UnixPath(std::string_view path) { return net::Address::Unix(path).value(); }

upstream::HostConfig HostAt(net::Address address) {
  upstream::HostConfig host;
  host.address = std::move(address);
  return host;
}

std::string WholeBody(Response& response, int* pieces) {
  std::string body = response.body;
  std::string piece;
  while (response.more && response.more(piece)) {
    body += piece;
    if (pieces != nullptr) ++*pieces;
  }
  return body;
}

}  // namespace remora::admin
