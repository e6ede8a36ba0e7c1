#pragma once

// How the three libraries read a buffer piece by piece and write into another one's blocks.

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "source/buffer/buffer.h"

namespace remora::compression {

// What is asked for as room at once: small outputs share a block.
inline constexpr size_t kRoom = 4096;

// Room for what may come out and a byte that may not, which would show.
constexpr size_t RoomBeyond(uint64_t most) {
  return static_cast<size_t>(std::min<uint64_t>(most, kRoom - 1)) + 1;
}

// Hands the pieces of `in` to `take`, which returns how many bytes of one it used, until nothing is
// left or it used none.
template <class Take>
void ForEachPiece(buffer::Buffer& in, const Take& take) {
  while (!in.empty()) {
    const size_t used = take(in.Front());
    if (used == 0) return;
    in.Drain(used);
  }
}

// Room in `out` for one call of a library, of at most kRoom bytes.
class Room {
 public:
  Room(buffer::Buffer& out, size_t size)
      : out_(out), size_(size), data_(out.ReserveContiguous(size)) {}
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  char* data() const { return data_; }
  size_t size() const { return size_; }
  // How many of them were written. Once.
  size_t Keep(size_t written) {
    out_.CommitContiguous(written);
    return written;
  }

 private:
  buffer::Buffer& out_;
  const size_t size_;
  char* const data_;
};

}  // namespace remora::compression
