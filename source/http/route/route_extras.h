#pragma once

// RouteExtras: what few routes have besides their cluster: statistics of their own, virtual
// clusters, a hash policy, CONNECT that ends here.
//
// Built by RouteTable::Build, owned by the table; immutable, any thread. A plain route has none,
// which is the one thing that the router asks for a plain request.

#include <memory>
#include <string>

#include "source/http/route/hash_policy.h"
#include "source/http/route/virtual_clusters.h"

namespace remora::route {

struct RouteExtras {
  std::string stat_prefix = {};  // "vhost.<virtual host>.route.<name>."; empty: none
  const VirtualClusters* virtual_clusters = nullptr;  // of the virtual host; null: none
  std::unique_ptr<const HashPolicy> hash = {};        // null: none
  bool ends_connect = false;

  bool empty() const {
    return stat_prefix.empty() && virtual_clusters == nullptr && hash == nullptr && !ends_connect;
  }
};

}  // namespace remora::route
