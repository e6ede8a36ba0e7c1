#pragma once

// Collects a long text as pieces of about 64 KiB, and writes numbers as Envoy does. Used by the
// renderers alone; a value; any thread; nothing fails.
// Owner: one renderer for one call. Thread: main. Cannot fail. Pieces are about 64 KiB, so that a
// large answer can be sent as the client takes it.

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace remora::stats {

class ChunkWriter {
 public:
  ChunkWriter& operator<<(std::string_view text) {
    if (chunks_.empty() || chunks_.back().size() + text.size() > kChunk) {
      chunks_.emplace_back();
      chunks_.back().reserve(kFirst);
    }
    chunks_.back().append(text);
    return *this;
  }
  ChunkWriter& operator<<(uint64_t number) {
    char digits[24];
    return *this << std::string_view(digits,
                                     std::to_chars(digits, digits + sizeof(digits), number).ptr);
  }
  // The shortest text that reads back as the same number: 1.05, 3e+05, nan.
  ChunkWriter& Shortest(double number) {
    char digits[32];
    return *this << std::string_view(digits,
                                     std::to_chars(digits, digits + sizeof(digits), number).ptr);
  }
  // At most `precision` digits: %g.
  ChunkWriter& General(double number, int precision = 6) {
    char digits[64];
    const int size = std::snprintf(digits, sizeof(digits), "%.*g", precision, number);
    return *this << std::string_view(digits, static_cast<size_t>(size));
  }

  std::vector<std::string> Take() { return std::move(chunks_); }

 private:
  static constexpr size_t kChunk = 64 * 1024;
  static constexpr size_t kFirst = 4 * 1024;

  std::vector<std::string> chunks_;
};

}  // namespace remora::stats
