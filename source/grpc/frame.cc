#include "source/grpc/frame.h"

#include <algorithm>
#include <string_view>

namespace remora::grpc {

void AppendPrefix(buffer::Buffer& out, uint32_t size) {
  const char prefix[kPrefixSize] = {0, static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                                    static_cast<char>(size >> 8), static_cast<char>(size)};
  out.Append({prefix, sizeof(prefix)});
}

FrameReader::Outcome FrameReader::Read(buffer::Buffer& input) {
  if (prefix_have_ < kPrefixSize) {
    if (prefix_have_ == 0) message_.Clear();
    const size_t take = std::min(kPrefixSize - prefix_have_, input.length());
    input.CopyOut(0, take, reinterpret_cast<char*>(prefix_) + prefix_have_);
    input.Drain(take);
    prefix_have_ += take;
    if (prefix_have_ < kPrefixSize) return Outcome::kMoreNeeded;
    const Outcome outcome = ReadPrefix();
    if (outcome != Outcome::kMessage) return outcome;
  }
  message_.MoveFrom(input, std::min<size_t>(size_ - message_.length(), input.length()));
  if (message_.length() < size_) return Outcome::kMoreNeeded;
  prefix_have_ = 0;
  return Outcome::kMessage;
}

FrameReader::Outcome FrameReader::ReadPrefix() {
  if (prefix_[0] > 1) return Outcome::kMalformed;
  if (prefix_[0] == 1) return Outcome::kCompressed;
  size_ = static_cast<uint32_t>(prefix_[1]) << 24 | static_cast<uint32_t>(prefix_[2]) << 16 |
          static_cast<uint32_t>(prefix_[3]) << 8 | prefix_[4];
  return size_ > max_message_ ? Outcome::kTooLarge : Outcome::kMessage;
}

}  // namespace remora::grpc
