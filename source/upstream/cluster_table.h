#pragma once

// ClusterTable: all clusters of a World by name, as a value whose copies share what they have in
// common.
//
//   table = *old; table.Put(...)      copies kShards pointers and one shard
//   table.ForEachChange(old, ...)     compares kShards pointers and the shards that differ
//
// Owner: the World, by shared_ptr<const ClusterTable>. Threads: main makes and changes one before
// it is shared, then it is read-only for all. Nothing fails. With 10,000 clusters a change of one
// costs about forty entries here and as many look-ups on each worker.

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "source/upstream/cluster.h"

namespace remora::upstream {

class ClusterTable {
 public:
  // Null when there is none of that name.
  std::shared_ptr<const Cluster> Find(std::string_view name) const;
  bool Contains(std::string_view name) const { return Get(name) != nullptr; }
  size_t size() const { return size_; }

  // Under its name, in the place of the one there.
  void Put(std::shared_ptr<const Cluster> cluster);
  void Remove(std::string_view name);

  // In no order.
  template <class Visit>
  void ForEach(const Visit& visit) const {
    for (const auto& shard : shards_) {
      if (shard == nullptr) continue;
      for (const auto& [name, cluster] : *shard) visit(*cluster);
    }
  }
  // With each cluster of `before` that is another one here, or gone.
  template <class Visit>
  void ForEachChange(const ClusterTable& before, const Visit& visit) const {
    for (size_t i = 0; i < kShards; ++i) {
      if (shards_[i] == before.shards_[i] || before.shards_[i] == nullptr) continue;
      for (const auto& [name, cluster] : *before.shards_[i]) {
        const std::shared_ptr<const Cluster>* now = GetIn(i, name);
        if (now == nullptr || *now != cluster) visit(*cluster, now);
      }
    }
  }

 private:
  static constexpr size_t kShards = 256;
  using Shard = absl::flat_hash_map<std::string, std::shared_ptr<const Cluster>>;

  static size_t ShardOf(std::string_view name);
  const std::shared_ptr<const Cluster>* Get(std::string_view name) const {
    return GetIn(ShardOf(name), name);
  }
  const std::shared_ptr<const Cluster>* GetIn(size_t shard, std::string_view name) const;

  size_t size_ = 0;
  std::array<std::shared_ptr<const Shard>, kShards> shards_;  // null: empty
};

}  // namespace remora::upstream
