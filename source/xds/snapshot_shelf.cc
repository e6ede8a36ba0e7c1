#include "source/xds/snapshot_shelf.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "source/base/log.h"

namespace remora::xds {

void SnapshotShelf::Put(SnapshotPart part) {
  items_[static_cast<size_t>(part.type)].emplace(std::move(part));
}

bool SnapshotShelf::empty() const {
  return std::none_of(std::begin(items_), std::end(items_),
                      [](const std::optional<Item>& item) { return item.has_value(); });
}

const SnapshotPart* SnapshotShelf::Find(ResourceType type) const {
  const std::optional<Item>& item = items_[static_cast<size_t>(type)];
  return item.has_value() ? &item->part : nullptr;
}

bool SnapshotShelf::Give(TypeState& state, event::TimePoint now) {
  std::optional<Item>& item = items_[static_cast<size_t>(state.type())];
  if (!item.has_value()) return false;
  std::vector<SnapshotResource>& left = item->part.resources;
  const auto wanted = std::stable_partition(
      left.begin(), left.end(),
      [&state](const SnapshotResource& resource) { return !state.Misses(resource.name); });
  const bool all = state.wildcard() && !std::exchange(item->given, item->given || state.wildcard());
  if (wanted == left.end() && !all) return false;
  Response response;
  response.from_snapshot = true;
  response.type_url = TypeUrl(state.type());
  response.version = item->part.version;
  for (auto resource = wanted; resource != left.end(); ++resource) {
    response.offers.push_back(
        {.name = resource->name, .version = resource->version, .bytes = *resource->bytes});
  }
  left.erase(wanted, left.end());
  state.OnResponse(std::move(response), now);
  const std::optional<std::string> refusal = state.TakeRefusal();
  if (refusal.has_value()) {
    REMORA_LOG(kConfig, kWarning, "of the snapshot, not taken: ", *refusal);
  }
  return true;
}

SnapshotPart CollectPart(const TypeState* state, const SnapshotPart* left) {
  SnapshotPart part;
  if (state != nullptr) {
    part.resources = state->Collect();
    part.version = state->version();
  }
  if (left == nullptr) return part;
  part.version = left->version;
  part.at = left->at;
  const size_t held = part.resources.size();
  part.resources.insert(part.resources.end(), left->resources.begin(), left->resources.end());
  std::inplace_merge(part.resources.begin(), part.resources.begin() + static_cast<ptrdiff_t>(held),
                     part.resources.end(),
                     [](const auto& a, const auto& b) { return a.name < b.name; });
  return part;
}

}  // namespace remora::xds
