#include "source/upstream/cluster_set.h"

#include <utility>

namespace remora::upstream {

ClusterSet::ClusterSet(const WorkerResources& worker) : worker_(worker), sweep_(&OnTurnEnd, this) {
  worker_.connection_ids = &connection_ids_;
  if (worker_.arenas == nullptr) worker_.arenas = &arenas_;
}

void ClusterSet::Apply(std::shared_ptr<const ClusterTable> table) {
  if (table == table_) return;
  ++generation_;
  const std::shared_ptr<const ClusterTable> before = std::exchange(table_, std::move(table));
  if (before != nullptr && !runtimes_.empty()) {
    table_->ForEachChange(*before,
                          [this](const Cluster& old, const std::shared_ptr<const Cluster>* now) {
                            const auto runtime = runtimes_.find(old.name());
                            if (runtime == runtimes_.end()) return;
                            if (now != nullptr && (*now)->IsVersionOf(old)) {
                              runtime->second->Adopt(*now);
                              return;
                            }
                            Retire(std::move(runtime->second));
                            runtimes_.erase(runtime);
                          });
  }
  // Last: whom this wakes may look clusters up.
  missing_.OnTable(*table_);
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
  std::shared_ptr<const Cluster> found = table_->Find(name);
  if (found == nullptr) return nullptr;
  auto& runtime = runtimes_[found->name()];
  runtime = std::make_unique<ClusterRuntime>(std::move(found), worker_);
  return runtime.get();
}

}  // namespace remora::upstream
