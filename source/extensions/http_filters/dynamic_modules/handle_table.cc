#include "source/extensions/http_filters/dynamic_modules/handle_table.h"

#include <atomic>

#include "source/base/check.h"

namespace remora::extensions {

HandleTable& HandleTable::OfThread() {
  thread_local HandleTable table;
  return table;
}

HandleTable::HandleTable()
    : thread_([] {
        static std::atomic<uint8_t> threads{0};
        return uint64_t{threads.fetch_add(1, std::memory_order_relaxed)};
      }()) {}

uint64_t HandleTable::Add(Kind kind, void* object) {
  if (free_.empty()) {
    CHECK(entries_.size() <= kPlaceMask);
    free_.push_back(static_cast<uint32_t>(entries_.size()));
    entries_.emplace_back();
  }
  const uint32_t place = free_.back();
  free_.pop_back();
  Entry& entry = entries_[place];
  const uint64_t generation = (entry.handle >> kGenerationShift) + 1;
  entry.handle = generation << kGenerationShift | thread_ << kThreadShift | place;
  entry.object = object;
  entry.kind = kind;
  return entry.handle;
}

void HandleTable::Remove(uint64_t handle) {
  const uint32_t place = static_cast<uint32_t>(handle) & kPlaceMask;
  CHECK(place < entries_.size() && entries_[place].handle == handle);
  entries_[place].object = nullptr;
  entries_[place].kind = Kind::kFree;
  free_.push_back(place);
}

}  // namespace remora::extensions
