#include "source/upstream/cluster_set.h"

#include <utility>

namespace remora::upstream {

void ClusterSet::Apply(std::shared_ptr<const ClusterTable> table) {
  table_ = std::move(table);
  for (auto it = runtimes_.begin(); it != runtimes_.end();) {
    const auto found = table_->find(it->first);
    if (found != table_->end() && found->second.get() == &it->second->cluster()) {
      ++it;
    } else {
      runtimes_.erase(it++);
    }
  }
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
