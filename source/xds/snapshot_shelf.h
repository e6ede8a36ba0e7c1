#pragma once

// SnapshotShelf: what one source has said before this process started, type by type, until it
// speaks of that type again.
//
//   snapshot --Put--> shelf --Give, while the source does not answer--> TypeState --> users
//                       '--Drop, when it has
//
// Owner: a Source. Thread: main. What is given goes the way of any response: what a user refuses
// now is logged, and not offered again. Nothing else fails.

#include <optional>
#include <string_view>
#include <utility>

#include "source/xds/snapshot.h"
#include "source/xds/type_state.h"

namespace remora::xds {

class SnapshotShelf {
 public:
  // Two sources of one type that differ in neither's clusters have one part each: one source has
  // both.
  void Put(SnapshotPart part);
  bool empty() const;
  // Gives `state` what somebody wants of it and has not got, and says so in the log (`who`: the
  // control plane that does not answer); false: there is no such thing.
  bool Give(TypeState& state, std::string_view who, event::TimePoint now);
  void Drop(ResourceType type) { items_[static_cast<size_t>(type)].reset(); }
  // Of that type, without what was given; null: the source has spoken of it.
  const SnapshotPart* Find(ResourceType type) const;

 private:
  struct Item {
    explicit Item(SnapshotPart of) : part(std::move(of)) {}
    SnapshotPart part;
    bool given = false;  // at least once: a wildcard has to hear also that there was nothing
  };
  std::optional<Item> items_[kResourceTypes];
};

// What is to be kept of one type: what `state` (null: nobody wants it) holds, and what is `left` on
// the shelf (null: the source has spoken of it). `at` is 0 where the source's own time counts, or
// there is nothing to keep.
SnapshotPart CollectPart(const TypeState* state, const SnapshotPart* left);

}  // namespace remora::xds
