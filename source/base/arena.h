#pragma once

// Arena: a bump allocator for everything that lives as long as one request.
//
// Owner: a stream (or a codec while no stream exists yet). Thread: the owner's worker.
// Memory comes in blocks of kBlockSize from an ArenaPool (one a worker, LIFO, so that a warm
// request touches warm memory and allocates nothing); a larger object gets a block of its own from
// the heap. Nothing is freed before Reset(). Destructors are not run: objects with a destructor
// that matters are held through ArenaPtr, whose deleter runs the destructor and leaves the memory.
//
// Allocation does not fail (bad_alloc terminates); what a peer can make us put here is bounded by
// the codecs' limits.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

namespace remora::base {

// Recycles arena blocks of one worker. Keeps at most `max_idle` blocks.
class ArenaPool {
 public:
  static constexpr size_t kBlockSize = 8192;

  explicit ArenaPool(size_t max_idle = 1024) : max_idle_(max_idle) {}
  ~ArenaPool();
  ArenaPool(const ArenaPool&) = delete;
  ArenaPool& operator=(const ArenaPool&) = delete;

  // One block of kBlockSize bytes, aligned for any object.
  char* Take();
  void Give(char* block);
  size_t idle_blocks() const { return idle_.size(); }

 private:
  size_t max_idle_;
  std::vector<char*> idle_;
};

// Runs the destructor only: the memory belongs to an arena.
struct DestroyOnly {
  template <class T>
  void operator()(T* object) const {
    object->~T();
  }
};
template <class T>
using ArenaPtr = std::unique_ptr<T, DestroyOnly>;

class Arena {
 public:
  explicit Arena(ArenaPool& pool) : pool_(pool) {}
  ~Arena() { Reset(); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Uninitialised memory, aligned to `alignment` (a power of two, at most 16).
  void* Allocate(size_t size, size_t alignment = 8) {
    const uintptr_t at = (next_ + alignment - 1) & ~(alignment - 1);
    if (__builtin_expect(at + size <= end_, 1)) {
      next_ = at + size;
      return reinterpret_cast<void*>(at);
    }
    return AllocateSlow(size, alignment);
  }

  char* AllocateBytes(size_t size) { return static_cast<char*>(Allocate(size, 1)); }

  // A copy of `text` that lives as long as the arena.
  std::string_view Copy(std::string_view text);

  // Grows the last allocation in place when it ends at the bump pointer and the block has room.
  bool TryExtend(const void* memory, size_t old_size, size_t new_size) {
    const uintptr_t at = reinterpret_cast<uintptr_t>(memory);
    if (at + old_size != next_ || at + new_size > end_) return false;
    next_ = at + new_size;
    return true;
  }

  // An object whose destructor is never run.
  template <class T, class... Args>
  T* New(Args&&... args) {
    return new (Allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
  }

  // An object whose destructor runs when the pointer goes.
  template <class T, class... Args>
  ArenaPtr<T> Make(Args&&... args) {
    return ArenaPtr<T>(New<T>(std::forward<Args>(args)...));
  }

  // Gives all memory back. No object of this arena may be used afterwards.
  void Reset();

  // Bytes handed out since the last Reset (for memory accounting).
  size_t used() const;
  ArenaPool& pool() { return pool_; }

 private:
  struct Chunk {
    char* memory;
    bool pooled;
  };
  void* AllocateSlow(size_t size, size_t alignment);

  ArenaPool& pool_;
  uintptr_t next_ = 0;
  uintptr_t end_ = 0;
  size_t used_in_older_ = 0;
  uintptr_t begin_ = 0;
  char* first_ = nullptr;        // the pooled block most requests never outgrow
  std::vector<Chunk> overflow_;  // empty for them, so no allocation
};

}  // namespace remora::base
