#include "source/http/http2/frame_watch.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>

namespace remora::http2 {

size_t FrameWatch::Read(std::string_view bytes) {
  size_t at = 0;
  while (at < bytes.size()) {
    const size_t skipped = std::min(skip_, bytes.size() - at);
    skip_ -= skipped;
    at += skipped;
    if (skip_ > 0) break;
    const size_t taken = std::min(want_ - have_, bytes.size() - at);
    std::copy_n(bytes.data() + at, taken, head_.begin() + have_);
    have_ += taken;
    at += taken;
    if (have_ < want_) break;
    if (want_ == kHeadSize) {
      Look();
    } else {
      LookAtDependency();
    }
    if (found_ != Finding::kNone) return at;
  }
  return at;
}

void FrameWatch::Look() {
  const size_t length = Word(0) >> 8;
  const uint8_t type = head_[3];
  const auto id = static_cast<int32_t>(Word(5) & 0x7fffffff);
  if (type == NGHTTP2_PRIORITY && id == 0) {
    found_ = Finding::kPriority;
  } else if (type == NGHTTP2_PRIORITY && length > kDependencySize) {
    want_ = kHeadSize + kDependencySize;
    return;
  } else if ((type == NGHTTP2_HEADERS || type == NGHTTP2_DATA) && HasEnded(id)) {
    found_ = Finding::kStreamClosed;
  } else if (type == NGHTTP2_RST_STREAM && id != 0 && !HasEnded(id)) {
    AddEnded(id);
  }
  have_ = 0;
  skip_ = length;
}

void FrameWatch::LookAtDependency() {
  // The highest bits are reserved, and "exclusive".
  if (((Word(5) ^ Word(kHeadSize)) & 0x7fffffff) == 0) found_ = Finding::kPriority;
  have_ = 0;
  want_ = kHeadSize;
  skip_ = (Word(0) >> 8) - kDependencySize;
}

bool FrameWatch::HasEnded(int32_t id) const {
  return id != 0 && std::find(ended_.begin(), ended_.end(), id) != ended_.end();
}

uint32_t FrameWatch::Word(size_t at) const {
  uint32_t word = 0;
  for (size_t i = 0; i < 4; ++i) word = word << 8 | head_[at + i];
  return word;
}

}  // namespace remora::http2
