#pragma once

// AdminWorld: an Environment with a small server behind it, empty at first.
// Strings in, values out: Get("/clusters") is what a client would see.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/admin/endpoint_table.h"
#include "test/fakes/simulated_clock.h"

namespace remora::admin {

struct Answer {
  int status;
  std::string type;
  std::string body;
};

class AdminWorld final {
 public:
  AdminWorld();

  Answer Get(std::string_view target) { return Ask("GET", target); }
  Answer Post(std::string_view target, std::string_view form = {}) {
    return Ask("POST", target, form);
  }
  Answer Ask(std::string_view method, std::string_view target, std::string_view form = {});
  std::string Body(std::string_view target) { return Get(target).body; }

  // What the functions of the environment give.
  ServerState state = ServerState::kLive;
  std::vector<ListenerStatus> listeners;
  absl::StatusOr<std::string> config_dump = std::string("{}\n");
  Parameters config_dump_asked;
  int quits = 0;
  int refreshes = 0;
  std::vector<bool> health_check_failures;
  std::vector<DrainRequest> drains;
  int reopened = 0;
  std::shared_ptr<const runtime::Snapshot> runtime = std::make_shared<const runtime::Snapshot>();
  std::vector<Parameters> runtime_changes;
  absl::Status runtime_status;

  // Puts a cluster into the World.
  const upstream::Cluster& AddCluster(upstream::ClusterConfig config);
  void AddListener(std::string name, std::vector<net::Address> addresses);

  fakes::SimulatedClock clock;
  stats::Store store{2};
  stats::TagExtractor tags;
  std::shared_ptr<const config::World> world;
  Environment environment;
  EndpointTable table;
};

net::Address Ip(std::string_view ip, uint16_t port);
net::Address UnixPath(std::string_view path);
upstream::HostConfig HostAt(net::Address address);

// All of a response's body; how many pieces it came in.
std::string WholeBody(Response& response, int* pieces = nullptr);

}  // namespace remora::admin
