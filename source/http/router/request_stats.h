#pragma once

// RequestStats: the statistics of a virtual cluster (`vhost.<name>.vcluster.<name>.`) or of a route
// (`vhost.<name>.route.<stat_prefix>.`) on one worker, under Envoy's names.
//
// Owner: RouterState, which makes them at their first request; a name that leaves the configuration
// stays until its connection manager goes. Thread: that worker. Counting cannot fail.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "source/stats/code_counters.h"
#include "source/stats/scope.h"

namespace remora::router {

struct RequestStats {
  // `stem` is the part of the names before "upstream_rq_".
  RequestStats(stats::Scope& root, stats::Shard& shard, std::string_view stem);

  void CountResponse(uint16_t status) {
    completed.Inc();
    codes.Record(status);
  }

  stats::CodeCounters codes;
  stats::Counter completed;  // Answered, by us too.
  stats::Counter total;      // Requests on a connection, every try.
  stats::Counter timeout;    // The route's timeout passed.
  stats::Counter retry;      // Tried again.
  stats::Counter retry_success;
  stats::Counter retry_overflow;
  stats::Counter retry_limit_exceeded;
  stats::Histogram time;  // From the request's end to the response's.
};

// Those that one request is counted in; null where it is not.
class CountedIn {
 public:
  void Add(RequestStats& stats) { all_[all_[0] == nullptr ? 0 : 1] = &stats; }
  template <class F>
  void ForEach(F&& f) const {
    for (RequestStats* stats : all_) {
      if (stats != nullptr) f(*stats);
    }
  }
  void Inc(stats::Counter RequestStats::* counter) const {
    ForEach([counter](RequestStats& stats) { (stats.*counter).Inc(); });
  }

 private:
  std::array<RequestStats*, 2> all_ = {};
};

class RequestStatsTable {
 public:
  RequestStatsTable(stats::Scope& root, stats::Shard& shard) : root_(root), shard_(shard) {}
  RequestStats& Find(std::string_view stem);

 private:
  stats::Scope& root_;
  stats::Shard& shard_;
  absl::flat_hash_map<std::string, std::unique_ptr<RequestStats>> by_stem_;
};

}  // namespace remora::router
