#pragma once

// ByteReader: takes numbers and length-prefixed blocks off the front of bytes that a peer sent.
//
// A plain value over bytes that outlive it; any thread. Reading past the end gives zeros and empty
// views and is remembered, so a parser may read on and ask once (failed, AtEnd). It copies
// nothing: the views are as long valid as the bytes.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace remora::net {

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  // A whole number of `size` bytes, at most 8, the most significant first.
  uint64_t Number(size_t size) {
    uint64_t value = 0;
    for (const char c : Bytes(size)) value = value << 8 | static_cast<uint8_t>(c);
    return value;
  }
  std::string_view Bytes(size_t count) {
    if (failed_ || count > bytes_.size()) {
      failed_ = true;
      return {};
    }
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  // A block with its length in front, in `length_size` bytes.
  std::string_view Block(size_t length_size) {
    const uint64_t length = Number(length_size);
    return Bytes(length);
  }

  bool failed() const { return failed_; }
  bool empty() const { return bytes_.empty(); }
  std::string_view rest() const { return bytes_; }
  // Everything was there, and nothing is left.
  bool AtEnd() const { return !failed_ && bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool failed_ = false;
};

}  // namespace remora::net
