#include "source/upstream/cluster_set.h"

#include <utility>

namespace remora::upstream {

ClusterSet::ClusterSet(const WorkerResources& worker) : worker_(worker), sweep_(&OnTurnEnd, this) {
  worker_.connection_ids = &connection_ids_;
  if (worker_.arenas == nullptr) worker_.arenas = &arenas_;
}

void ClusterSet::Apply(std::shared_ptr<const ClusterTable> table) {
  ++generation_;
  table_ = std::move(table);
  for (auto it = runtimes_.begin(); it != runtimes_.end();) {
    const auto found = table_->find(it->first);
    if (found != table_->end() && found->second.get() == &it->second->cluster()) {
      ++it;
      continue;
    }
    Retire(std::move(it->second));
    runtimes_.erase(it++);
  }
}

// Requests that use it end in peace; nothing new begins on it.
void ClusterSet::Retire(std::unique_ptr<ClusterRuntime> runtime) {
  runtime->CloseIdle();
  if (!runtime->in_use()) return Delete(std::move(runtime));
  runtime->NotifyWhenUnused(sweep_);
  retired_.push_back(std::move(runtime));
}

void ClusterSet::OnTurnEnd(void* self) {
  auto* set = static_cast<ClusterSet*>(self);
  auto& retired = set->retired_;
  for (size_t i = 0; i < retired.size();) {
    if (retired[i]->in_use()) {
      ++i;
      continue;
    }
    std::swap(retired[i], retired.back());
    set->Delete(std::move(retired.back()));
    retired.pop_back();
  }
}

void ClusterSet::Clear() {
  ++generation_;
  for (auto& [name, runtime] : std::exchange(runtimes_, {})) Delete(std::move(runtime));
  for (auto& runtime : std::exchange(retired_, {})) Delete(std::move(runtime));
}

// Its connections are queued first: they refer to it until they are gone.
void ClusterSet::Delete(std::unique_ptr<ClusterRuntime> runtime) {
  runtime->Close();
  worker_.dispatcher.DeferDelete(std::move(runtime));
}

ClusterRuntime* ClusterSet::Find(std::string_view name) {
  const absl::string_view key(name.data(), name.size());
  const auto known = runtimes_.find(key);
  if (known != runtimes_.end()) return known->second.get();
  if (table_ == nullptr) return nullptr;
  const auto found = table_->find(key);
  if (found == table_->end()) return nullptr;
  auto& runtime = runtimes_[found->first];
  runtime = std::make_unique<ClusterRuntime>(found->second, worker_);
  return runtime.get();
}

}  // namespace remora::upstream
