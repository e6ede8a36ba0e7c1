#pragma once

// CallCounters: statistics of calls that pass by, for each cluster and method, under Envoy's names:
// `cluster.<name>.<prefix><name>`.
//
// Names come in requests, so they are made when they are first counted and their number is bounded;
// handles are forgotten when clusters change, because they belong to those. Owner: a filter's state
// on a worker. Thread: that worker. Nothing fails: what cannot be counted is not.
// Source: Envoy source/common/grpc/context_impl.cc.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "source/stats/handles.h"
#include "source/upstream/cluster_set.h"

namespace remora::grpc {

struct MethodName {
  std::string_view service;
  std::string_view method;
};

// Of "/package.Service/Method", with or without a query; nothing: it is none.
std::optional<MethodName> ReadMethod(std::string_view path);

class CallCounters {
 public:
  // Methods that a worker tells apart; calls of further ones are not counted.
  static constexpr size_t kMaxMethods = 1000;

  // `prefix` is "grpc." or "grpc.<service>.<method>.".
  void Add(upstream::ClusterSet& clusters, std::string_view cluster, std::string_view prefix,
           std::string_view name, uint64_t amount = 1);
  // How a call ended: the status, success or failure, and the total. Without a status: nothing.
  void AddStatus(upstream::ClusterSet& clusters, std::string_view cluster, std::string_view prefix,
                 const http::HeaderMap& fields);
  void RecordTime(upstream::ClusterSet& clusters, std::string_view cluster, std::string_view prefix,
                  event::Duration time);

 private:
  bool Knows(const std::string& prefix);
  void FollowClusters(const upstream::ClusterSet& clusters);

  uint64_t generation_ = 0;
  absl::flat_hash_set<std::string> prefixes_;
  absl::flat_hash_map<std::string, stats::Counter> counters_;  // by "<cluster>.<prefix><name>"
};

}  // namespace remora::grpc
