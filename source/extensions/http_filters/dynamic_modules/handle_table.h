#pragma once

// HandleTable: what the numbers mean that modules hold.
//
// A number says which place of a thread's table it is, and how often that place had been given away
// before: one of something that has gone, of another thread, or made up, finds nothing.
//
// One a thread, made at its first use; the one thing here that is found without an owner, because a
// module gives nothing but the number. Nothing fails.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace remora::extensions {

class HandleTable {
 public:
  enum class Kind : uint8_t { kFree, kStream, kConfig };

  static HandleTable& OfThread();

  HandleTable();
  HandleTable(const HandleTable&) = delete;
  HandleTable& operator=(const HandleTable&) = delete;

  // Never 0.
  uint64_t Add(Kind kind, void* object);
  void Remove(uint64_t handle);
  // Null when it is of nothing, or of another kind.
  void* Find(uint64_t handle, Kind kind) const {
    const uint32_t place = static_cast<uint32_t>(handle) & kPlaceMask;
    if (place >= entries_.size()) return nullptr;
    const Entry& entry = entries_[place];
    return entry.handle == handle && entry.kind == kind ? entry.object : nullptr;
  }
  size_t live() const { return entries_.size() - free_.size(); }

 private:
  // Bits of a handle: the place, the thread, the generation.
  static constexpr uint32_t kPlaceBits = 24;
  static constexpr uint32_t kPlaceMask = (1u << kPlaceBits) - 1;
  static constexpr uint32_t kThreadShift = kPlaceBits;
  static constexpr uint32_t kGenerationShift = 32;

  struct Entry {
    uint64_t handle = 0;
    void* object = nullptr;
    Kind kind = Kind::kFree;
  };

  const uint64_t thread_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_;
};

}  // namespace remora::extensions
