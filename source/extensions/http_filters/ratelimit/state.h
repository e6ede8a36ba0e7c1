#pragma once

// RateLimitState: what one worker keeps for the global rate limit filter: the statistics of
// clusters, and the calls that are made when requests have ended, and that nobody waits for.
//
// Owner: the worker's filter state; what is still under way when it goes is cancelled. Thread: the
// worker's. What a service answers to such a call says nothing, as in Envoy. How many there are is
// bounded by the circuit breakers of the service's cluster.

#include <list>
#include <string>
#include <string_view>

#include "source/grpc/unary_call.h"
#include "source/http/filter/filter.h"
#include "source/upstream/cluster_counters.h"

namespace remora::extensions {

class RateLimitState final : public http::FilterWorkerState {
 public:
  explicit RateLimitState(std::string_view stat_prefix);

  // `cluster.<name>.ratelimit.[<stat_prefix>.]`: ok, over_limit, error, failure_mode_allowed.
  upstream::ClusterCounters& of_clusters() { return of_clusters_; }
  // Takes the bytes of `message`.
  void Report(upstream::ClusterSet& clusters, const grpc::Service& service, std::string_view method,
              buffer::Buffer& message);

 private:
  struct Call final : grpc::UnaryUser {
    explicit Call(std::list<Call>& all) : calls(all) {}
    void OnAnswer(const grpc::Status& status, buffer::Buffer& message) override;

    std::list<Call>& calls;
    std::list<Call>::iterator self;
    grpc::UnaryCallPtr call;
  };

  upstream::ClusterCounters of_clusters_;
  std::list<Call> calls_;
};

}  // namespace remora::extensions
