#pragma once

// Calls: requests that a module makes to clusters, and where they go.
//
// CallTransport is a door: the worker's clusters, or the answers of a case of `remora filter-test`.
// Owner of a running call: the filter; letting go of it cancels. Thread: the stream's worker. Every
// failure reaches the user as a result, once and never from within Start.

#include <memory>

#include "source/upstream/cluster_set.h"
#include "source/upstream/whole_call.h"

namespace remora::extensions {

using upstream::CallFields;
using upstream::CallRequest;
using upstream::CallResult;
using upstream::CallUser;

class RunningCall {
 public:
  virtual ~RunningCall() = default;
};

class CallTransport {
 public:
  virtual ~CallTransport() = default;
  // Null: there is no such cluster.
  virtual std::unique_ptr<RunningCall> Start(const CallRequest& request, CallUser& user) = 0;
};

// To the worker's clusters. The set outlives it.
class ClusterCalls final : public CallTransport {
 public:
  explicit ClusterCalls(upstream::ClusterSet& clusters) : clusters_(clusters) {}
  std::unique_ptr<RunningCall> Start(const CallRequest& request, CallUser& user) override;

 private:
  upstream::ClusterSet& clusters_;
};

}  // namespace remora::extensions
