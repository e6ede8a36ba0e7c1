#pragma once

// Block: 16 KiB of payload memory with a non-atomic reference count, recycled per worker.
//
// Owner: the slices that point into it (and a read in progress). Thread: one worker; a block never
// changes worker, so the count needs no atomics. BlockPool keeps released blocks LIFO, which keeps
// the next read in warm cache; it trims to `max_idle` blocks so that a burst is given back.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "source/base/check.h"

namespace remora::buffer {

class BlockPool;

class Block {
 public:
  static constexpr size_t kTotalSize = 16384;

  void Ref() { ++references_; }
  void Unref();  // gives the block back to its pool at zero
  bool unique() const { return references_ == 1; }
  char* data() { return reinterpret_cast<char*>(this + 1); }
  static constexpr size_t capacity() { return kTotalSize - sizeof(Block); }

 private:
  friend class BlockPool;
  explicit Block(BlockPool& pool) : pool_(&pool) {}
  BlockPool* pool_;
  uint32_t references_ = 1;
};

class BlockPool {
 public:
  // 4 MiB idle at most: enough for a few bulk streams, small beside the resident budget.
  explicit BlockPool(size_t max_idle = 256) : max_idle_(max_idle) {}
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // A block with one reference.
  Block* Take() {
    ++live_;
    if (__builtin_expect(idle_.empty(), 0)) return New();
    Block* block = idle_.back();
    idle_.pop_back();
    block->references_ = 1;
    return block;
  }
  size_t idle() const { return idle_.size(); }
  size_t live() const { return live_; }

 private:
  friend class Block;
  Block* New();
  void Give(Block* block) {
    --live_;
    if (__builtin_expect(idle_.size() < idle_.capacity(), 1)) {
      idle_.push_back(block);
    } else {
      GiveSlow(block);
    }
  }
  void GiveSlow(Block* block);

  size_t max_idle_;
  size_t live_ = 0;
  std::vector<Block*> idle_;
};

inline void Block::Unref() {
  DCHECK(references_ > 0);
  if (--references_ == 0) pool_->Give(this);
}

}  // namespace remora::buffer
