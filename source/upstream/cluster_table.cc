#include "source/upstream/cluster_table.h"

#include <atomic>
#include <utility>

#include "absl/hash/hash.h"

namespace remora::upstream {
namespace {

// To write to: a copy, unless no other table has it. A first answer of thousands of clusters would
// otherwise copy each shard as often as it has entries.
template <class Shard>
Shard& Own(std::shared_ptr<const Shard>& shard) {
  if (shard != nullptr && shard.use_count() == 1) {
    // What a worker's thread read before it let go of its table comes before what is written now.
    std::atomic_thread_fence(std::memory_order_acquire);
    return const_cast<Shard&>(*shard);  // made below, as one that may change
  }
  auto next = shard == nullptr ? std::make_shared<Shard>() : std::make_shared<Shard>(*shard);
  Shard& own = *next;
  shard = std::move(next);
  return own;
}

}  // namespace

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
  const std::string& name = cluster->name();
  size_ += Own(shard).insert_or_assign(name, std::move(cluster)).second ? 1 : 0;
}

void ClusterTable::Remove(std::string_view name) {
  if (Get(name) == nullptr) return;
  std::shared_ptr<const Shard>& shard = shards_[ShardOf(name)];
  Shard& own = Own(shard);
  own.erase(absl::string_view(name.data(), name.size()));
  if (own.empty()) shard = nullptr;
  --size_;
}

}  // namespace remora::upstream
