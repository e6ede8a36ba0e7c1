#include "source/upstream/missing_clusters.h"

#include <utility>
#include <vector>

#include "source/upstream/cluster_table.h"

namespace remora::upstream {
namespace {

absl::string_view Key(std::string_view name) { return {name.data(), name.size()}; }

}  // namespace

void ClusterWaiter::Leave() {
  if (at_ == nullptr) return;
  Unlink();
  MissingClusters& missing = *std::exchange(at_, nullptr);
  const auto found = missing.waiting_.find(Key(name_));
  if (found != missing.waiting_.end() && found->second->empty()) missing.waiting_.erase(found);
}

bool MissingClusters::Wait(const std::shared_ptr<const config::ConfigSource>& source,
                           std::string_view name, ClusterWaiter& waiter) {
  if (finder_ == nullptr) return false;
  const auto [at, is_new] = waiting_.try_emplace(Key(name));
  if (is_new) {
    at->second = std::make_unique<List>();
    finder_->FindCluster(source, std::string(name));
  }
  waiter.at_ = this;
  waiter.name_ = name;
  at->second->PushBack(waiter);
  return true;
}

void MissingClusters::Wake(List& list) {
  while (!list.empty()) {
    ClusterWaiter& waiter = list.PopFront();
    waiter.at_ = nullptr;
    waiter.wake_(waiter.argument_);
  }
}

void MissingClusters::OnTable(const ClusterTable& table) {
  if (waiting_.empty()) return;
  std::vector<std::unique_ptr<List>> found;
  absl::erase_if(waiting_, [&](auto& entry) {
    if (!table.Contains(entry.first)) return false;
    found.push_back(std::move(entry.second));
    return true;
  });
  for (const auto& list : found) Wake(*list);
}

void MissingClusters::OnAnswer(std::string_view name) {
  const auto found = waiting_.find(Key(name));
  if (found == waiting_.end()) return;
  const std::unique_ptr<List> list = std::move(found->second);
  waiting_.erase(found);
  Wake(*list);
}

}  // namespace remora::upstream
