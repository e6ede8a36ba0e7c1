#include "source/xds/snapshot_shelf.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "source/base/log.h"

namespace remora::xds {

void SnapshotShelf::Put(SnapshotPart part) {
  std::optional<Item>& item = items_[static_cast<size_t>(part.type)];
  if (!item.has_value()) {
    item.emplace(std::move(part));
    return;
  }
  std::vector<SnapshotResource>& all = item->part.resources;
  std::move(part.resources.begin(), part.resources.end(), std::back_inserter(all));
  const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
  std::stable_sort(all.begin(), all.end(), by_name);
  const auto same = [](const auto& a, const auto& b) { return a.name == b.name; };
  all.erase(std::unique(all.begin(), all.end(), same), all.end());
  item->part.at = std::min(item->part.at, part.at);
}

bool SnapshotShelf::empty() const {
  return std::none_of(std::begin(items_), std::end(items_),
                      [](const std::optional<Item>& item) { return item.has_value(); });
}

const SnapshotPart* SnapshotShelf::Find(ResourceType type) const {
  const std::optional<Item>& item = items_[static_cast<size_t>(type)];
  return item.has_value() ? &item->part : nullptr;
}

bool SnapshotShelf::Give(TypeState& state, std::string_view who, event::TimePoint now) {
  std::optional<Item>& item = items_[static_cast<size_t>(state.type())];
  if (!item.has_value()) return false;
  std::vector<SnapshotResource>& left = item->part.resources;
  const auto wanted = std::stable_partition(
      left.begin(), left.end(),
      [&state](const SnapshotResource& resource) { return !state.Misses(resource.name); });
  const bool all = state.wildcard() && !std::exchange(item->given, true);
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
  REMORA_LOG(kUpstream, kWarning, "no answer of the control plane in ", std::string(who),
             ": serving what the snapshot has of ", std::string(TypeName(state.type())),
             " resources");
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
