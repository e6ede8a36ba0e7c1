#pragma once

// Destinations: the hosts of an ORIGINAL_DST cluster that one worker has a use for.
//
// Owner: ClusterRuntime. Thread: its worker. An address that nobody has asked for during a
// cleanup_interval, and to which the worker has no connection, goes, with its pools. Whoever may
// look at a host longer than it has a connection to it holds it (Hold). Nothing fails.

#include <memory>

#include "absl/container/flat_hash_map.h"
#include "source/event/timer.h"
#include "source/stats/handles.h"
#include "source/upstream/cluster_stats.h"
#include "source/upstream/found_hosts.h"

namespace remora::upstream {

class ClusterRuntime;

class Destinations {
 public:
  explicit Destinations(ClusterRuntime& cluster);
  ~Destinations();
  Destinations(const Destinations&) = delete;
  Destinations& operator=(const Destinations&) = delete;

  // Made when it is new.
  const Host& Find(const net::Address& address);
  // Null when the worker has no such host any more.
  std::shared_ptr<const Host> Hold(const net::Address& address) const;

 private:
  struct Use {
    std::shared_ptr<const Host> host;
    bool wanted = true;  // since the last sweep
  };
  static void OnSweep(void* self);
  void ArmTimer();
  void Sweep();
  void GiveBack(const net::Address& address);

  ClusterRuntime& cluster_;
  ClusterMembership membership_;
  absl::flat_hash_map<net::Address, Use> uses_;
  event::Timer timer_;
};

}  // namespace remora::upstream
