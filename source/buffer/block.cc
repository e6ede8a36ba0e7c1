#include "source/buffer/block.h"

#include <new>

namespace remora::buffer {

BlockPool::~BlockPool() {
  DCHECK(live_ == 0);
  for (Block* block : idle_) ::operator delete(block);
}

Block* BlockPool::New() { return new (::operator new(Block::kTotalSize)) Block(*this); }

void BlockPool::GiveSlow(Block* block) {
  if (idle_.size() >= max_idle_) {
    ::operator delete(block);
    return;
  }
  idle_.push_back(block);
}

}  // namespace remora::buffer
