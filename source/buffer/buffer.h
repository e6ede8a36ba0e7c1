#pragma once

// Buffer: a queue of bytes as slices of shared blocks.
//
// Owner: whoever holds it by value (a connection, a stream, a filter). Thread: its worker.
// Moving bytes between buffers is pointer work: a whole slice changes owner, a part of one becomes
// a view of the same block. Pieces under kCopyThreshold are copied instead, so that tiny frames
// cannot pin whole blocks. No virtuals, no callbacks.
//
// An empty Buffer owns no memory; up to kInlineSlices slices need no heap. Operations do not fail.
// Pointers from Front()/Slices() are valid until the next non-const call.

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "source/buffer/block.h"

namespace remora::buffer {

class Buffer {
 public:
  // Below this a moved piece is copied (design: 512 bytes or 1/8 of a block; measured equal).
  static constexpr size_t kCopyThreshold = 512;
  static constexpr size_t kMaxReserve = 16;  // blocks of one Reserve: 256 KiB

  explicit Buffer(BlockPool& pool) : pool_(&pool) {}
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  size_t length() const { return length_; }
  bool empty() const { return length_ == 0; }
  BlockPool& pool() const { return *pool_; }

  // Copies bytes to the end.
  void Append(std::string_view bytes);
  // Room for exactly `size` contiguous bytes (size <= Block::capacity()) at the end; the caller
  // writes up to that and says how many with CommitContiguous.
  char* ReserveContiguous(size_t size);
  void CommitContiguous(size_t size);

  // Moves everything, or the first `size` bytes, of `from` to our end.
  void MoveFrom(Buffer& from);
  void MoveFrom(Buffer& from, size_t size);

  // Appends what `other` holds without taking it: both see the same blocks (small pieces are
  // copied). Neither appends into a block that the other sees.
  void AppendShared(const Buffer& other);
  // The same with `size` bytes from `offset` of the first contiguous piece of `other`.
  void AppendFront(const Buffer& other, size_t offset, size_t size);

  // Room for a read: blocks handed out by Reserve, given back or kept by Commit.
  struct Reservation {
    struct iovec vectors[kMaxReserve];
    Block* blocks[kMaxReserve];  // [0] is null when vectors[0] is the free tail of our last block
    size_t count = 0;
  };
  // Fills `reservation` with `pieces` (1 to kMaxReserve) block-sized pieces. Every Reserve must be
  // followed by one Commit, which appends the first `size` bytes and recycles the rest.
  void Reserve(size_t pieces, Reservation& reservation);
  void Commit(Reservation& reservation, size_t size);

  // The first contiguous piece.
  std::string_view Front() const;
  // Fills `vectors` with up to `max` pieces from the front, for writev; returns how many.
  size_t Slices(struct iovec* vectors, size_t max) const;
  size_t slice_count() const { return count_; }
  std::string_view Piece(size_t index) const;

  // Removes `size` bytes from the front (size <= length()).
  void Drain(size_t size) {
    DCHECK(size <= length_);
    if (count_ > 0 && size < At(0).length) {
      length_ -= size;
      At(0).offset += static_cast<uint32_t>(size);
      At(0).length -= static_cast<uint32_t>(size);
    } else {
      DrainSlices(size);
    }
  }
  void Clear() { Drain(length_); }

  // Copies `size` bytes from `offset` to `to`.
  void CopyOut(size_t offset, size_t size, char* to) const;
  std::string ToString() const;

 private:
  struct Slice {
    Block* block;
    uint32_t offset;
    uint32_t length;
  };
  static constexpr size_t kInlineSlices = 2;

  Slice& At(size_t index) { return slices_[(head_ + index) & (capacity_ - 1)]; }
  const Slice& At(size_t index) const { return slices_[(head_ + index) & (capacity_ - 1)]; }
  Slice& Back() { return At(count_ - 1); }
  void PushSlice(Slice slice) {
    if (__builtin_expect(count_ == capacity_, 0)) Grow();
    ++count_;
    Back() = slice;
  }
  void Grow();
  void DrainSlices(size_t size);
  void PopFront() {
    At(0).block->Unref();
    head_ = (head_ + 1) & (capacity_ - 1);
    --count_;
  }
  // Free bytes behind the last slice that only we can see, else 0.
  size_t TailRoom() const {
    if (count_ == 0) return 0;
    const Slice& last = At(count_ - 1);
    if (!last.block->unique()) return 0;
    return Block::capacity() - last.offset - last.length;
  }
  void TakeOver(Buffer& other);
  void ReleaseAll();

  BlockPool* pool_;
  Slice* slices_ = inline_;
  uint32_t head_ = 0;
  uint32_t count_ = 0;
  uint32_t capacity_ = kInlineSlices;
  size_t length_ = 0;
  Slice inline_[kInlineSlices];
};

}  // namespace remora::buffer
