#pragma once

// Publication: how configuration gets from main to the workers: one World at the end of each turn
// in which something of it changed, route tables and filters into their slots, runtime values.
//
//   change --Changed--> end of turn --Publish--> World --post--> each worker, main's too
//
// Owner: Server. Thread: main. Until the workers run, it is handed over directly. What is posted
// arrives in the order in which it was posted: whoever hands over something that refers to clusters
// calls Publish before. Nothing fails.

#include <functional>
#include <memory>
#include <vector>

#include "source/config/world.h"
#include "source/event/dispatcher.h"
#include "source/http/filter/filter_slot.h"
#include "source/http/route/route_slot.h"
#include "source/runtime/runtime.h"
#include "source/server/worker.h"

namespace remora::server {

class Publication {
 public:
  // `clusters`: those of the next World. All outlive it.
  Publication(Worker& main, const std::vector<std::unique_ptr<Worker>>& workers,
              std::function<std::shared_ptr<const upstream::ClusterTable>()> clusters);
  Publication(const Publication&) = delete;
  Publication& operator=(const Publication&) = delete;

  const std::shared_ptr<const config::World>& world() const { return world_; }
  void SetListeners(std::vector<std::shared_ptr<const config::ListenerConfig>> listeners);
  // The next World differs from this one.
  void Changed() { main_.dispatcher().AtTurnEnd(task_); }
  // Now, if it does.
  void Publish();
  void PutRoutes(const std::shared_ptr<const route::RouteSlot>& slot,
                 const std::shared_ptr<const route::RouteTable>& table);
  void PutScopes(const std::shared_ptr<const route::ScopeSlot>& slot,
                 const std::shared_ptr<const route::ScopeTable>& table);
  void PutFilter(const std::shared_ptr<const http::FilterSlot>& slot,
                 const http::FilterSlot::Version& version);
  // Requests that wait for that virtual host of the table look again.
  void AnswerHost(const std::shared_ptr<const route::RouteSlot>& slot, const std::string& host);
  void PutRuntime(const std::shared_ptr<const runtime::Snapshot>& snapshot);
  // Requests that wait for that cluster look again: it is there now, or there is none.
  void AnswerCluster(const std::string& name);
  // From now on the workers' threads are theirs.
  void OnWorkersStarted() { workers_run_ = true; }

 private:
  void ForEachWorker(const std::function<void(Worker&)>& work);

  Worker& main_;
  const std::vector<std::unique_ptr<Worker>>& workers_;
  std::function<std::shared_ptr<const upstream::ClusterTable>()> clusters_;
  std::shared_ptr<const config::World> world_;
  bool workers_run_ = false;
  event::TurnTask task_;
};

}  // namespace remora::server
