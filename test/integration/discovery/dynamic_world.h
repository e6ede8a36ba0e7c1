#pragma once

// DynamicWorld: a whole server on real sockets whose clusters, endpoints, listeners and route
// tables come from a source that the test plays.
//
//   DynamicWorld w;                                  // cds and lds; nothing else
//   w.Send(kCluster, {{"up", StaticCluster("up", upstream)}});
//
// Owner and thread: the test's; what is sent is taken in the server's main thread, and Send returns
// when it was. Throws when the server does not start.

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "source/config/registry.h"
#include "source/event/clock.h"
#include "source/server/server.h"
#include "test/fakes/sources.h"
#include "test/harness/client.h"
#include "test/harness/scripted_upstream.h"

namespace remora::discovery {

using xds::ResourceType;

// A source in configurations.
inline constexpr char kAds[] = "{ads: {}, initial_fetch_timeout: 5s}";

// A resource's YAML as the message that a control plane sends. Rules are not checked.
std::string BytesOf(ResourceType type, const std::string& yaml);

// Resources as YAML.
std::string Host(const harness::ScriptedUpstream& upstream, const std::string& more = "");
std::string StaticCluster(const std::string& name, const std::vector<std::string>& hosts,
                          const std::string& more = "");
std::string EdsCluster(const std::string& name, const std::string& more = "");
std::string Assignment(const std::string& service, const std::vector<std::string>& hosts);
// One virtual host; each route is the rest of a Route.
std::string Routes(const std::string& name, const std::vector<std::string>& routes);
std::string To(const std::string& cluster, const std::string& prefix = "/");
std::string Says(const std::string& text, const std::string& prefix = "/");
// An HTTP filter chain whose table is `routes` (route_config), or comes from the source; `filter`
// stands before the router.
std::string Chain(const std::string& routes, const std::string& more = "",
                  const std::string& filter = "");
// One of `filter` alone: it stands in the router's place.
std::string ChainEndingWith(const std::string& routes, const std::string& filter);
std::string RdsChain(const std::string& table, const std::string& more = "",
                     const std::string& filter = "");
// One whose tables are by x-scope; `scopes` is the rest of ScopedRoutes.
std::string ScopedChain(const std::string& scopes);
std::string Listener(const std::string& name, uint16_t port, const std::vector<std::string>& chains,
                     const std::string& more = "");

class DynamicWorld {
 public:
  struct Setup {
    // Of the bootstrap, as YAML. Beside the clusters there is `plane`, which nobody asks.
    std::vector<std::string> clusters = {};
    std::vector<std::string> listeners = {};
    size_t workers = 2;
    event::Duration drain_time = 600 * event::kSecond;
    bool lds = true;
    std::vector<std::string> runtime = {};  // layers
    std::string ads_type = "GRPC";          // as the configuration has it
  };
  DynamicWorld() : DynamicWorld(Setup()) {}
  explicit DynamicWorld(const Setup& setup);
  ~DynamicWorld();
  DynamicWorld(const DynamicWorld&) = delete;
  DynamicWorld& operator=(const DynamicWorld&) = delete;

  using Resources = std::vector<std::pair<std::string, std::string>>;  // name and YAML
  // What the server says is wrong, each "name: message".
  std::vector<std::string> Send(ResourceType type, const Resources& changed,
                                const std::vector<std::string>& removed = {},
                                const std::string& version = "1");
  void TimeOut(ResourceType type);
  std::vector<std::string> Wanted(ResourceType type);

  // A port that nobody has; the next listener may take it.
  static uint16_t FreePort();
  harness::Client Connect(uint16_t port);
  // The status of a request on a connection of its own.
  int Status(uint16_t port, const std::string& path = "/");
  // The body.
  std::string Body(uint16_t port, const std::string& path = "/");

  std::string Admin(const std::string& path);
  uint64_t Stat(const std::string& name);
  bool HasStat(const std::string& name);
  void AwaitStat(const std::string& name, uint64_t value);

 private:
  // In the server's main thread; returns when it has run.
  void Do(const std::function<void()>& work);

  event::RealClock clock_;
  config::Registry registry_;
  fakes::Sources sources_;
  std::unique_ptr<server::Server> server_;
  std::thread thread_;
  std::unique_ptr<harness::Client> admin_;
};

}  // namespace remora::discovery
