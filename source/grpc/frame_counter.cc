#include "source/grpc/frame_counter.h"

#include <algorithm>
#include <string_view>

namespace remora::grpc {

uint64_t FrameCounter::Count(const buffer::Buffer& data) {
  uint64_t begun = 0;
  for (size_t i = 0; i < data.slice_count(); ++i) {
    std::string_view piece = data.Piece(i);
    while (!piece.empty()) {
      if (prefix_have_ < kPrefixSize) {
        if (prefix_have_ == 0) {
          ++begun;
          size_ = 0;
        } else {
          size_ = size_ << 8 | static_cast<uint8_t>(piece.front());
        }
        ++prefix_have_;
        piece.remove_prefix(1);
      } else {
        const size_t skip = std::min<size_t>(size_, piece.size());
        size_ -= static_cast<uint32_t>(skip);
        piece.remove_prefix(skip);
      }
      if (prefix_have_ == kPrefixSize && size_ == 0) prefix_have_ = 0;
    }
  }
  return begun;
}

}  // namespace remora::grpc
