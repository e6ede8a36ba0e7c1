#pragma once

// HostIndex: the hosts of a cluster by what a filter calls them (http/override_host.h).
//
// Owner: ClusterRuntime, which makes one for the first request that names a host, and another when
// the hosts have changed: clusters whose hosts nobody names have none. Thread: its worker. A
// look-up is O(1); the first one by an address or an identity reads all hosts. Nothing fails.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/http/override_host.h"
#include "source/upstream/host.h"

namespace remora::upstream {

class HostIndex {
 public:
  // `hosts` outlive it.
  explicit HostIndex(const std::vector<std::shared_ptr<const Host>>& hosts) : hosts_(hosts) {}

  // Null when no host is called so; of several the first.
  const Host* Find(const http::OverrideHost& wanted);

 private:
  using Names = absl::flat_hash_map<std::string, const Host*>;
  struct Named {
    std::shared_ptr<const http::HostIdentity> identity;  // null: addresses
    Names hosts;
  };
  const Names& NamesBy(const std::shared_ptr<const http::HostIdentity>* identity);

  const std::vector<std::shared_ptr<const Host>>& hosts_;
  std::vector<Named> named_;
};

}  // namespace remora::upstream
