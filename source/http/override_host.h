#pragma once

// OverrideHost: the upstream host that a filter wants a request to go to, instead of the one whose
// turn it is.
//
// A filter leaves one in StreamInfo::override_host before the request reaches the router. It counts
// for the first try, while the cluster has the host and its health is one of the cluster's
// override_host_status; else the request is balanced, or fails where the wish is strict. Values;
// their owner is the stream's arena or a configuration. Thread: the stream's worker; HostIdentity
// is immutable, any thread. Nothing fails.
// Source: envoy.config.cluster.v3.Cluster.CommonLbConfig.override_host_status.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/http/metadata.h"

namespace remora::http {

// What hosts are called where their address is not to be told.
struct HostIdentity {
  std::vector<std::string> metadata;  // name space and path of a text in the endpoint's metadata
  // Of the address of an endpoint without it; null: such a host is called nothing.
  std::function<std::string(std::string_view address)> hash;

  // Empty: nothing. `made` may become the memory of it.
  std::string_view Of(const Metadata* endpoint, std::string_view address, std::string& made) const;
};

struct OverrideHost {
  std::string_view name;  // its address as StreamInfo::upstream_host has it, or by `identity`
  // Null: `name` is an address. It lives in the configuration of the filter.
  const std::shared_ptr<const HostIdentity>* identity = nullptr;
  bool strict = false;     // to no other host
  bool every_try = false;  // not the first alone
  uint16_t status = 0;  // of the answer when it is strict and the cluster has no such host; 0: 503
};

}  // namespace remora::http
