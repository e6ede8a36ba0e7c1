#pragma once

// FoundHosts: the hosts of an ORIGINAL_DST cluster: made when a connection wants to go there, gone
// when no worker has had a use for them for a while.
//
//   worker: Destinations --first use of an address--> Take    the same Host for all workers
//                        --unused, no connections---> Give    the last one ends it
//
// Owner: Cluster. Threads: any; the list is under a mutex that a worker takes when it begins or
// ends to use an address, and main to show the hosts, never for a request to a known one. A host
// outlives the list while somebody holds it. Nothing fails.
// Source: Envoy source/extensions/clusters/original_dst/original_dst_cluster.cc.

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/net/address.h"
#include "source/upstream/host.h"

namespace remora::upstream {

class FoundHosts {
 public:
  FoundHosts(std::string cluster, size_t workers)
      : cluster_(std::move(cluster)), workers_(workers) {}

  // A worker has a use for the address. `made`: nobody had before.
  std::shared_ptr<const Host> Take(const net::Address& address, bool& made);
  // It has no use any more. True: nobody has.
  bool Give(const net::Address& address);

  std::vector<std::shared_ptr<const Host>> All() const;

 private:
  struct Entry {
    std::shared_ptr<const Host> host;
    size_t users = 0;
  };

  const std::string cluster_;
  const size_t workers_;
  mutable std::mutex mutex_;
  absl::flat_hash_map<net::Address, Entry> hosts_;
};

}  // namespace remora::upstream
