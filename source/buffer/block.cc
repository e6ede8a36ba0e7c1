#include "source/buffer/block.h"

#include <new>

namespace remora::buffer {

BlockPool::~BlockPool() {
  DCHECK(live_ == 0);
  for (Block* block : idle_) ::operator delete(block);
}

Block* BlockPool::Take() {
  ++live_;
  void* memory;
  if (!idle_.empty()) {
    memory = idle_.back();
    idle_.pop_back();
  } else {
    memory = ::operator new(Block::kTotalSize);
  }
  return new (memory) Block(*this);
}

void BlockPool::Give(Block* block) {
  --live_;
  if (idle_.size() >= max_idle_) {
    ::operator delete(block);
    return;
  }
  idle_.push_back(block);
}

}  // namespace remora::buffer
