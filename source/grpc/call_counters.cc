#include "source/grpc/call_counters.h"

#include "source/http/grpc_status.h"

namespace remora::grpc {
namespace {

std::string Join(std::string_view a, std::string_view b) {
  std::string text(a);
  text += b;
  return text;
}

}  // namespace

std::optional<MethodName> ReadMethod(std::string_view path) {
  path = path.substr(0, path.find('?'));
  if (path.empty() || path.front() != '/') return std::nullopt;
  path.remove_prefix(1);
  const size_t slash = path.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const MethodName name{path.substr(0, slash), path.substr(slash + 1)};
  if (name.method.find('/') != std::string_view::npos) return std::nullopt;
  return name;
}

void CallCounters::FollowClusters(const upstream::ClusterSet& clusters) {
  if (clusters.generation() == generation_) return;
  generation_ = clusters.generation();
  counters_.clear();
}

bool CallCounters::Knows(const std::string& prefix) {
  if (prefixes_.contains(prefix)) return true;
  if (prefixes_.size() >= kMaxMethods) return false;
  prefixes_.insert(prefix);
  return true;
}

void CallCounters::Add(upstream::ClusterSet& clusters, std::string_view cluster,
                       std::string_view prefix, std::string_view name, uint64_t amount) {
  FollowClusters(clusters);
  const std::string full = Join(prefix, name);
  const std::string key = Join(Join(cluster, "."), full);
  auto found = counters_.find(key);
  if (found == counters_.end()) {
    upstream::ClusterRuntime* const runtime = clusters.Find(cluster);
    if (runtime == nullptr || !Knows(std::string(prefix))) return;
    found = counters_
                .emplace(key, runtime->cluster().scope().MakeCounter(clusters.worker().shard, full))
                .first;
  }
  found->second.Add(amount);
}

void CallCounters::AddStatus(upstream::ClusterSet& clusters, std::string_view cluster,
                             std::string_view prefix, const http::HeaderMap& fields) {
  const std::optional<int> status = http::FindGrpcStatus(fields);
  if (!status.has_value()) return;
  // What is no status would let an upstream make names of its own.
  if (*status >= 0 && *status <= static_cast<int>(http::GrpcCode::kLast)) {
    Add(clusters, cluster, prefix, std::to_string(*status));
  }
  Add(clusters, cluster, prefix, *status == 0 ? "success" : "failure");
  Add(clusters, cluster, prefix, "total");
}

void CallCounters::RecordTime(upstream::ClusterSet& clusters, std::string_view cluster,
                              std::string_view prefix, event::Duration time) {
  upstream::ClusterRuntime* const runtime = clusters.Find(cluster);
  if (runtime == nullptr || !Knows(std::string(prefix))) return;
  runtime->cluster()
      .scope()
      .MakeHistogram(clusters.worker().shard, Join(prefix, "upstream_rq_time"),
                     stats::Unit::kMilliseconds)
      .Record(static_cast<uint64_t>(time / event::kMillisecond));
}

}  // namespace remora::grpc
