#include "source/buffer/buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace remora::buffer {

Buffer::~Buffer() { ReleaseAll(); }

void Buffer::ReleaseAll() {
  while (count_ > 0) PopFront();
  if (slices_ != inline_) delete[] slices_;
  slices_ = inline_;
  capacity_ = kInlineSlices;
  head_ = 0;
  length_ = 0;
}

void Buffer::TakeOver(Buffer& other) {
  pool_ = other.pool_;
  if (other.slices_ == other.inline_) {
    std::memcpy(inline_, other.inline_, sizeof(inline_));
    slices_ = inline_;
  } else {
    slices_ = other.slices_;
  }
  head_ = other.head_;
  count_ = other.count_;
  capacity_ = other.capacity_;
  length_ = other.length_;
  other.slices_ = other.inline_;
  other.capacity_ = kInlineSlices;
  other.head_ = other.count_ = 0;
  other.length_ = 0;
}

Buffer::Buffer(Buffer&& other) noexcept { TakeOver(other); }

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    ReleaseAll();
    TakeOver(other);
  }
  return *this;
}

void Buffer::Grow() {
  auto* larger = new Slice[capacity_ * 2];
  for (size_t i = 0; i < count_; ++i) larger[i] = At(i);
  if (slices_ != inline_) delete[] slices_;
  slices_ = larger;
  head_ = 0;
  capacity_ *= 2;
}

void Buffer::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t room = TailRoom();
    if (room == 0) {
      PushSlice({pool_->Take(), 0, 0});
      room = Block::capacity();
    }
    const size_t n = std::min(room, bytes.size());
    Slice& last = Back();
    std::memcpy(last.block->data() + last.offset + last.length, bytes.data(), n);
    last.length += static_cast<uint32_t>(n);
    length_ += n;
    bytes.remove_prefix(n);
  }
}

char* Buffer::ReserveContiguous(size_t size) {
  DCHECK(size <= Block::capacity());
  if (TailRoom() < size) PushSlice({pool_->Take(), 0, 0});
  Slice& last = Back();
  return last.block->data() + last.offset + last.length;
}

void Buffer::CommitContiguous(size_t size) {
  DCHECK(size <= TailRoom());
  Back().length += static_cast<uint32_t>(size);
  length_ += size;
  if (Back().length == 0) {
    // Nothing was written into a fresh slice: empty slices are not kept.
    Back().block->Unref();
    --count_;
  }
}

void Buffer::MoveFrom(Buffer& from) {
  DCHECK(pool_ == from.pool_);
  if (count_ == 0 && slices_ == inline_ && from.length_ >= kCopyThreshold) {
    TakeOver(from);
    return;
  }
  const size_t size = from.length_;
  if (from.count_ == 1 && size < kCopyThreshold && TailRoom() >= size) [[likely]] {
    // A short message behind its head.
    Slice& last = Back();
    const std::string_view bytes = from.Piece(0);
    std::memcpy(last.block->data() + last.offset + last.length, bytes.data(), size);
    last.length += static_cast<uint32_t>(size);
    length_ += size;
    from.DrainSlices(size);
    return;
  }
  MoveFrom(from, size);
}

void Buffer::MoveFrom(Buffer& from, size_t size) {
  DCHECK(size <= from.length_);
  while (size > 0) {
    Slice& first = from.At(0);
    if (first.length > size) {
      // A part of a slice: a view of the same block, or a copy when it is small.
      if (size < kCopyThreshold) {
        Append({first.block->data() + first.offset, size});
      } else {
        first.block->Ref();
        PushSlice({first.block, first.offset, static_cast<uint32_t>(size)});
        length_ += size;
      }
      first.offset += static_cast<uint32_t>(size);
      first.length -= static_cast<uint32_t>(size);
      from.length_ -= size;
      return;
    }
    const Slice whole = first;
    if (whole.length < kCopyThreshold && TailRoom() >= whole.length) {
      Append({whole.block->data() + whole.offset, whole.length});
      from.PopFront();
    } else {
      PushSlice(whole);
      length_ += whole.length;
      from.head_ = (from.head_ + 1) & (from.capacity_ - 1);
      --from.count_;
    }
    from.length_ -= whole.length;
    size -= whole.length;
  }
}

void Buffer::AppendShared(const Buffer& other) {
  DCHECK(pool_ == other.pool_);
  for (size_t i = 0; i < other.count_; ++i) {
    const Slice& slice = other.At(i);
    if (slice.length < kCopyThreshold) {
      Append({slice.block->data() + slice.offset, slice.length});
    } else {
      slice.block->Ref();
      PushSlice(slice);
      length_ += slice.length;
    }
  }
}

void Buffer::AppendFront(const Buffer& other, size_t offset, size_t size) {
  DCHECK(pool_ == other.pool_);
  const Slice& first = other.At(0);
  DCHECK(offset + size <= first.length);
  if (size < kCopyThreshold) {
    Append({first.block->data() + first.offset + offset, size});
    return;
  }
  first.block->Ref();
  PushSlice(
      {first.block, first.offset + static_cast<uint32_t>(offset), static_cast<uint32_t>(size)});
  length_ += size;
}

void Buffer::Reserve(size_t pieces, Reservation& reservation) {
  DCHECK(pieces >= 1 && pieces <= kMaxReserve);
  size_t i = 0;
  // A tail worth reading into; a smaller one would only make an extra slice of the next read.
  if (TailRoom() >= Block::capacity() / 4) {
    Slice& last = Back();
    reservation.vectors[0] = {last.block->data() + last.offset + last.length, TailRoom()};
    reservation.blocks[0] = nullptr;
    i = 1;
  }
  for (; i < pieces; ++i) {
    Block* block = pool_->Take();
    reservation.blocks[i] = block;
    reservation.vectors[i] = {block->data(), Block::capacity()};
  }
  reservation.count = pieces;
}

void Buffer::Commit(Reservation& reservation, size_t size) {
  if (reservation.count == 1 && size > 0) [[likely]] {
    reservation.count = 0;
    length_ += size;
    if (reservation.blocks[0] == nullptr) {
      Back().length += static_cast<uint32_t>(size);
    } else {
      PushSlice({reservation.blocks[0], 0, static_cast<uint32_t>(size)});
    }
    return;
  }
  for (size_t i = 0; i < reservation.count; ++i) {
    const size_t n = std::min(size, reservation.vectors[i].iov_len);
    size -= n;
    if (reservation.blocks[i] == nullptr) {
      Back().length += static_cast<uint32_t>(n);
    } else if (n > 0) {
      PushSlice({reservation.blocks[i], 0, static_cast<uint32_t>(n)});
    } else {
      reservation.blocks[i]->Unref();
    }
    length_ += n;
  }
  reservation.count = 0;
}

std::string_view Buffer::Front() const { return count_ == 0 ? std::string_view() : Piece(0); }

std::string_view Buffer::Piece(size_t index) const {
  const Slice& slice = At(index);
  return {slice.block->data() + slice.offset, slice.length};
}

size_t Buffer::Slices(struct iovec* vectors, size_t max) const {
  const size_t n = std::min<size_t>(max, count_);
  for (size_t i = 0; i < n; ++i) {
    const Slice& slice = At(i);
    vectors[i] = {slice.block->data() + slice.offset, slice.length};
  }
  return n;
}

void Buffer::DrainSlices(size_t size) {
  length_ -= size;
  if (count_ <= 1 && slices_ == inline_) [[likely]] {
    // The usual message, as a whole, or nothing.
    if (count_ == 1) inline_[head_].block->Unref();
    head_ = count_ = 0;
    return;
  }
  while (size > 0) {
    Slice& first = At(0);
    if (first.length > size) {
      first.offset += static_cast<uint32_t>(size);
      first.length -= static_cast<uint32_t>(size);
      return;
    }
    size -= first.length;
    PopFront();
  }
  // A burst's large slice array is not kept by an empty buffer: idle connections own nothing.
  if (count_ == 0 && slices_ != inline_) ReleaseAll();
}

void Buffer::CopyOut(size_t offset, size_t size, char* to) const {
  DCHECK(offset + size <= length_);
  for (size_t i = 0; size > 0; ++i) {
    const std::string_view piece = Piece(i);
    if (offset >= piece.size()) {
      offset -= piece.size();
      continue;
    }
    const size_t n = std::min(size, piece.size() - offset);
    std::memcpy(to, piece.data() + offset, n);
    to += n;
    size -= n;
    offset = 0;
  }
}

std::string Buffer::ToString() const {
  std::string text(length_, '\0');
  CopyOut(0, length_, text.data());
  return text;
}

}  // namespace remora::buffer
