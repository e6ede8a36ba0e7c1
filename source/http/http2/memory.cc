#include "source/http/http2/memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace remora::http2 {

Memory::~Memory() {
  for (void* piece : lists_) {
    while (piece != nullptr) {
      void* next = nullptr;
      std::memcpy(&next, piece, sizeof(next));
      std::free(&HeadOf(piece));
      piece = next;
    }
  }
}

void* Memory::Allocate(Memory* memory, size_t size) {
  uint32_t size_class = 0;
  size_t rounded = kSmallest;
  while (rounded < size && size_class + 1 < kClasses) {
    rounded <<= 1;
    ++size_class;
  }
#ifdef __SANITIZE_ADDRESS__
  memory = nullptr;  // what is kept would hide what is used too late
#endif
  if (memory == nullptr || size > kLargest) {
    memory = nullptr;
    rounded = size;
  } else if (void* piece = memory->lists_[size_class]) {
    std::memcpy(&memory->lists_[size_class], piece, sizeof(piece));
    memory->kept_ -= rounded;
    return piece;
  }
  void* block = size <= UINT32_MAX ? std::malloc(sizeof(Head) + rounded) : nullptr;
  if (block == nullptr) return nullptr;
  return new (block) Head{memory, size_class, static_cast<uint32_t>(rounded)} + 1;
}

void* Memory::Reallocate(Memory* memory, void* piece, size_t size) {
  if (piece == nullptr) return Allocate(memory, size);
  const size_t had = HeadOf(piece).size;
  if (size <= had && size > 0) return piece;
  void* larger = Allocate(memory, size);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, piece, std::min(had, size));
  Free(piece);
  return larger;
}

void Memory::Free(void* piece) {
  if (piece == nullptr) return;
  Head& head = HeadOf(piece);
  Memory* const owner = head.owner;
  if (owner == nullptr || owner->kept_ + head.size > kMostKept) {
    std::free(&head);
    return;
  }
  std::memcpy(piece, &owner->lists_[head.size_class], sizeof(void*));
  owner->lists_[head.size_class] = piece;
  owner->kept_ += head.size;
}

}  // namespace remora::http2
