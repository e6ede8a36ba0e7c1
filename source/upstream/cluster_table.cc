#include "source/upstream/cluster_table.h"

#include <utility>

#include "absl/hash/hash.h"

namespace remora::upstream {

// The high bits: those of a shard's own map are the low ones.
size_t ClusterTable::ShardOf(std::string_view name) {
  constexpr unsigned kShift = 8 * (sizeof(size_t) - 1);
  static_assert(kShards == 1U << 8);
  return absl::Hash<absl::string_view>()({name.data(), name.size()}) >> kShift;
}

const std::shared_ptr<const Cluster>* ClusterTable::GetIn(size_t shard,
                                                          std::string_view name) const {
  if (shards_[shard] == nullptr) return nullptr;
  const auto found = shards_[shard]->find(absl::string_view(name.data(), name.size()));
  return found == shards_[shard]->end() ? nullptr : &found->second;
}

std::shared_ptr<const Cluster> ClusterTable::Find(std::string_view name) const {
  const std::shared_ptr<const Cluster>* found = Get(name);
  return found == nullptr ? nullptr : *found;
}

void ClusterTable::Put(std::shared_ptr<const Cluster> cluster) {
  std::shared_ptr<const Shard>& shard = shards_[ShardOf(cluster->name())];
  auto next = shard == nullptr ? std::make_shared<Shard>() : std::make_shared<Shard>(*shard);
  const std::string& name = cluster->name();
  size_ += next->insert_or_assign(name, std::move(cluster)).second ? 1 : 0;
  shard = std::move(next);
}

void ClusterTable::Remove(std::string_view name) {
  if (Get(name) == nullptr) return;
  std::shared_ptr<const Shard>& shard = shards_[ShardOf(name)];
  auto next = std::make_shared<Shard>(*shard);
  next->erase(absl::string_view(name.data(), name.size()));
  shard = next->empty() ? nullptr : std::move(next);
  --size_;
}

}  // namespace remora::upstream
