#pragma once

// Memory: small pieces for one worker's connections of HTTP/2, kept when they are given back.
//
// nghttp2 allocates some ten pieces a request (its stream, its queue's entries, fields), and we one
// for ours. They go round in lists by size here, so that a connection at work asks the heap for
// nothing. What is kept is bounded by kMostKept; what an idle connection does not use lies with the
// worker, for all of them.
//
// Owner: whoever owns the CodecOptions that point at it; it outlives what was allocated. Thread:
// its worker. Failures: null, as malloc. Each piece knows where it belongs, so Free needs no size.

#include <cstddef>
#include <cstdint>

namespace remora::http2 {

class Memory {
 public:
  // Of all sizes together.
  static constexpr size_t kMostKept = 256 * 1024;

  Memory() = default;
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // `memory` null: from the heap, and back to it.
  static void* Allocate(Memory* memory, size_t size);
  static void* Reallocate(Memory* memory, void* piece, size_t size);
  static void Free(void* piece);

  size_t kept() const { return kept_; }

 private:
  // In front of each piece, which stays aligned for everything.
  struct alignas(std::max_align_t) Head {
    Memory* owner;  // null: the heap
    uint32_t size_class;
    uint32_t size;  // of the piece
  };
  static constexpr size_t kClasses = 8;
  static constexpr size_t kSmallest = 32;
  static constexpr size_t kLargest = kSmallest << (kClasses - 1);

  static Head& HeadOf(void* piece) { return static_cast<Head*>(piece)[-1]; }

  void* lists_[kClasses] = {};  // each piece begins with the next one's address
  size_t kept_ = 0;
};

}  // namespace remora::http2
