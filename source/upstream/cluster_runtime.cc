#include "source/upstream/cluster_runtime.h"

#include "source/upstream/lb/round_robin.h"

namespace remora::upstream {
namespace {

std::atomic<uint32_t> UsageSlot::* Cell(ClusterRuntime::Resource resource) {
  switch (resource) {
    case ClusterRuntime::Resource::kConnection:
      return &UsageSlot::connections;
    case ClusterRuntime::Resource::kPending:
      return &UsageSlot::pending;
    case ClusterRuntime::Resource::kRequest:
      return &UsageSlot::requests;
  }
  return nullptr;
}

uint32_t Limit(const CircuitBreakerLimits& limits, ClusterRuntime::Resource resource) {
  switch (resource) {
    case ClusterRuntime::Resource::kConnection:
      return limits.max_connections;
    case ClusterRuntime::Resource::kPending:
      return limits.max_pending_requests;
    case ClusterRuntime::Resource::kRequest:
      return limits.max_requests;
  }
  return 0;
}

}  // namespace

ClusterRuntime::ClusterRuntime(const std::shared_ptr<const Cluster>& cluster,
                               const WorkerResources& worker)
    : cluster_(cluster),
      worker_(worker),
      stats_(cluster->scope().Make<ClusterStats>(worker.shard)),
      codes_(cluster->scope(), worker.shard, "upstream_rq_"),
      origins_{{{cluster->scope(), worker.shard, "external.upstream_rq_"}, {}, false},
               {{cluster->scope(), worker.shard, "internal.upstream_rq_"}, {}, false}},
      balancer_(std::make_unique<RoundRobin>(cluster->hosts(), worker.random)) {
  http1_options_.max_headers = config().max_response_headers;
  http1_options_.max_header_bytes = config().max_response_header_bytes;
  http1_options_.name_case = config().name_case;
  http1_options_.enable_trailers = config().enable_trailers;
}

ClusterRuntime::~ClusterRuntime() = default;

Pool* ClusterRuntime::PickPool() {
  const Host* host = balancer_->Pick();
  if (host == nullptr) {
    stats_.upstream_cx_none_healthy.Inc();
    return nullptr;
  }
  if (balancer_->in_panic()) stats_.lb_healthy_panic.Inc();
  if (host == last_host_) return last_pool_;
  auto& pool = pools_[host];
  if (pool == nullptr) pool = std::make_unique<Pool>(*this, *host);
  last_host_ = host;
  last_pool_ = pool.get();
  return last_pool_;
}

void ClusterRuntime::CountResponse(uint16_t status, bool internal) {
  stats_.upstream_rq_completed.Inc();
  codes_.Record(status);
  Origin& origin = origins_[internal ? 1 : 0];
  if (!origin.used) {
    origin.used = true;
    origin.completed =
        cluster_->scope().MakeCounter(worker_.shard, internal ? "internal.upstream_rq_completed"
                                                              : "external.upstream_rq_completed");
  }
  origin.completed.Inc();
  origin.codes.Record(status);
}

bool ClusterRuntime::Allows(Resource resource, Priority priority) const {
  const uint32_t limit = Limit(config().limits[static_cast<size_t>(priority)], resource);
  return cluster_->Sum(priority, Cell(resource)) < limit;
}

void ClusterRuntime::Take(Resource resource, Priority priority) {
  AddOwn<uint32_t>(cluster_->usage(priority, worker_.index).*Cell(resource), 1);
}

void ClusterRuntime::Give(Resource resource, Priority priority) {
  AddOwn<uint32_t>(cluster_->usage(priority, worker_.index).*Cell(resource), UINT32_MAX);
}

}  // namespace remora::upstream
