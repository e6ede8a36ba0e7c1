#pragma once

// SecretContexts: what TLS contexts of the process are followed with: the provider of secrets, and
// who warms until they are there.
//
// Owner: Server. Thread: main. Follow for each context of a listener or cluster, then Start:
// secrets of files are read at once, so that with good files nothing warms by the time Start
// returns; what is followed later is read at once. Follow fails when a secret that stands in the
// configuration itself is wrong.

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "source/config/config_dump.h"
#include "source/config/listener.h"
#include "source/event/file_watch.h"
#include "source/server/secret_context.h"
#include "source/server/warmer.h"
#include "source/xds/secret_provider.h"

namespace remora::server {

// Who warms, as /init_dump shows it. Envoy does not show clusters.
inline constexpr char kClusterTarget[] = "init manager Cluster ";
inline constexpr char kListenerTarget[] = "init manager Listener-local-init-manager ";
// The process itself, which waits for the first answers of its sources: of clusters, then of
// listeners.
inline constexpr char kClusterSourceTarget[] = "init manager ClusterManager";
inline constexpr char kListenerSourceTarget[] = "init manager Server";
inline constexpr char kFirstClusters[] = "target CDS";
inline constexpr char kFirstListeners[] = "target LDS";
std::string ListenerTarget(const config::ListenerConfig& listener);
std::string ClusterTarget(const std::string& name);

class SecretContexts {
 public:
  // All outlive it.
  SecretContexts(const xds::SubscriptionServices& services, Warmer& warmer)
      : files_(services.files), warmer_(warmer), provider_(services) {}
  SecretContexts(const SecretContexts&) = delete;
  SecretContexts& operator=(const SecretContexts&) = delete;

  // Of secrets that may change (SecretContext::Changes), as long as the result lives. `who` warms
  // until all secrets of the context have come or are given up. `on_settled` of the setup is set
  // here.
  absl::StatusOr<std::unique_ptr<SecretContext>> Follow(SecretContext::Setup setup,
                                                        const std::string& who);
  // Reads the sources.
  void Start() { provider_.Start(); }

  // For /config_dump.
  std::vector<config::ShownSecret> Shown() const;

 private:
  event::FileWatcher& files_;
  Warmer& warmer_;
  xds::SecretProvider provider_;
};

}  // namespace remora::server
