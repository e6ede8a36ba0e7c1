#include "source/base/arena.h"

#include <cstring>

namespace remora::base {

ArenaPool::~ArenaPool() {
  for (char* block : idle_) ::operator delete(block);
}

char* ArenaPool::Take() {
  if (!idle_.empty()) {
    char* block = idle_.back();
    idle_.pop_back();
    return block;
  }
  return static_cast<char*>(::operator new(kBlockSize));
}

void ArenaPool::Give(char* block) {
  if (idle_.size() >= max_idle_) {
    ::operator delete(block);
    return;
  }
  idle_.push_back(block);
}

void* Arena::AllocateSlow(size_t size, size_t alignment) {
  // A large object gets its own memory and leaves the current block's rest usable.
  if (size + alignment > ArenaPool::kBlockSize / 2 && first_ != nullptr) {
    char* memory = static_cast<char*>(::operator new(size));
    overflow_.push_back({memory, false});
    used_in_older_ += size;
    return memory;
  }
  if (size + alignment > ArenaPool::kBlockSize) {
    char* memory = static_cast<char*>(::operator new(size));
    overflow_.push_back({memory, false});
    used_in_older_ += size;
    return memory;
  }
  used_in_older_ += next_ - begin_;
  char* block = pool_.Take();
  if (first_ == nullptr) {
    first_ = block;
  } else {
    overflow_.push_back({block, true});
  }
  begin_ = next_ = reinterpret_cast<uintptr_t>(block);
  end_ = begin_ + ArenaPool::kBlockSize;
  const uintptr_t at = (next_ + alignment - 1) & ~(alignment - 1);
  next_ = at + size;
  return reinterpret_cast<void*>(at);
}

std::string_view Arena::Copy(std::string_view text) {
  if (text.empty()) return {};
  char* to = AllocateBytes(text.size());
  std::memcpy(to, text.data(), text.size());
  return {to, text.size()};
}

void Arena::Reset() {
  for (const Chunk& chunk : overflow_) {
    if (chunk.pooled) {
      pool_.Give(chunk.memory);
    } else {
      ::operator delete(chunk.memory);
    }
  }
  overflow_.clear();
  if (first_ != nullptr) pool_.Give(first_);
  first_ = nullptr;
  next_ = end_ = begin_ = 0;
  used_in_older_ = 0;
}

size_t Arena::used() const { return used_in_older_ + (next_ - begin_); }

}  // namespace remora::base
