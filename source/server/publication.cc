#include "source/server/publication.h"

#include <utility>

namespace remora::server {

Publication::Publication(Worker& main, const std::vector<std::unique_ptr<Worker>>& workers,
                         std::function<std::shared_ptr<const upstream::ClusterTable>()> clusters)
    : main_(main),
      workers_(workers),
      clusters_(std::move(clusters)),
      world_(std::make_shared<config::World>()),
      task_([](void* self) { static_cast<Publication*>(self)->Publish(); }, this) {}

void Publication::SetListeners(
    std::vector<std::shared_ptr<const config::ListenerConfig>> listeners) {
  auto next = std::make_shared<config::World>(*world_);
  next->listeners = std::make_shared<const config::ListenerTable>(std::move(listeners));
  world_ = std::move(next);
}

void Publication::ForEachWorker(const std::function<void(Worker&)>& work) {
  for (const auto& worker : workers_) {
    if (workers_run_) {
      worker->dispatcher().Post([work, worker = worker.get()] { work(*worker); });
    } else {
      work(*worker);
    }
  }
}

void Publication::Publish() {
  std::shared_ptr<const upstream::ClusterTable> clusters = clusters_();
  if (clusters == world_->clusters) return;
  auto next = std::make_shared<config::World>(*world_);
  ++next->version;
  next->clusters = std::move(clusters);
  world_ = std::move(next);
  main_.Apply(world_);
  ForEachWorker([world = world_](Worker& worker) { worker.Apply(world); });
}

void Publication::PutRoutes(const std::shared_ptr<const route::RouteSlot>& slot,
                            const std::shared_ptr<const route::RouteTable>& table) {
  Publish();
  ForEachWorker([slot, table](Worker& worker) { worker.PutRoutes(*slot, table); });
}

void Publication::PutScopes(const std::shared_ptr<const route::ScopeSlot>& slot,
                            const std::shared_ptr<const route::ScopeTable>& table) {
  Publish();
  ForEachWorker([slot, table](Worker& worker) { worker.PutScopes(*slot, table); });
}

void Publication::PutFilter(const std::shared_ptr<const http::FilterSlot>& slot,
                            const http::FilterSlot::Version& version) {
  Publish();
  ForEachWorker([slot, version](const Worker& worker) { slot->Put(worker.index(), version); });
}

void Publication::AnswerCluster(const std::string& name) {
  Publish();
  ForEachWorker([name](Worker& worker) { worker.clusters().missing().OnAnswer(name); });
}

void Publication::AnswerHost(const std::shared_ptr<const route::RouteSlot>& slot,
                             const std::string& host) {
  ForEachWorker([slot, host](const Worker& worker) { slot->OnAnswer(worker.index(), host); });
}

void Publication::PutRuntime(const std::shared_ptr<const runtime::Snapshot>& snapshot) {
  main_.Apply(snapshot);
  ForEachWorker([snapshot](Worker& worker) { worker.Apply(snapshot); });
}

}  // namespace remora::server
