#pragma once

// VirtualClusters: requests of a virtual host that statistics are kept of by themselves.
//
// Compiled by RouteTable::Build, owned by the table; immutable, any thread. Nothing fails.
// Source: envoy.config.route.v3.VirtualCluster.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/http/route/conditions.h"

namespace remora::route {

class VirtualClusters {
 public:
  struct Entry {
    std::vector<HeaderMatcher> headers;  // all of them
    std::string name;                    // for logs; empty: requests that no other entry takes
    std::string stat_prefix;             // "vhost.<virtual host>.vcluster.<name>."
  };
  // The last entry takes everything.
  explicit VirtualClusters(std::vector<Entry> entries) : entries_(std::move(entries)) {}

  const Entry& Find(const http::RequestHead& head) const;

 private:
  std::vector<Entry> entries_;
};

}  // namespace remora::route
