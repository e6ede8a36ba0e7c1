#pragma once

// Calls: requests that a module makes to clusters, and where they go.
//
// CallTransport is a door: the worker's clusters, or the answers of a case of `remora filter-test`.
// Owner of a running call: the filter; letting go of it cancels. Thread: the stream's worker. Every
// failure reaches the user as a result, once and never from within Start.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/event/clock.h"
#include "source/upstream/cluster_set.h"

namespace remora::extensions {

using CallFields = std::vector<std::pair<std::string, std::string>>;

// All of it can be sent: names and values are valid.
struct CallRequest {
  std::string cluster;
  std::string method;
  std::string authority;
  std::string path;
  CallFields fields;
  std::string body;
  event::Duration timeout = event::kSecond;
  uint64_t max_body = 0;  // of the answer
};

struct CallResult {
  enum class Outcome : uint8_t { kAnswered, kFailed, kTimedOut, kTooLarge };
  Outcome outcome = Outcome::kFailed;
  uint16_t status = 0;
  CallFields fields;
  std::string body;
};

class CallUser {
 public:
  // The last thing that a call does; it may be let go of meanwhile.
  virtual void OnCallResult(const CallResult& result) = 0;

 protected:
  ~CallUser() = default;
};

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
