#include "source/http/http1/head_scanner.h"

#include <emmintrin.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace remora::http1 {
namespace {

constexpr size_t kStep = 32;

// Bit i is set unless byte i is printable ASCII: for control bytes, DEL and bytes from 0x80. Of
// signed bytes, the printable ones are just those above 0x20 after adding 1.
inline uint32_t Unprintable(const char* from) {
  const auto test = [](const char* at) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i next = _mm_add_epi8(bytes, _mm_set1_epi8(1));
    return static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpgt_epi8(next, _mm_set1_epi8(0x20))));
  };
  return ~(test(from) | test(from + 16) << 16);
}

// The same of the last `rest` bytes of a piece of `size`, fewer than a step.
uint32_t UnprintableRest(const char* end, size_t rest, size_t size) {
  // They are looked at together with those before them.
  if (size >= kStep) return Unprintable(end - kStep) >> (kStep - rest);
  char copy[kStep];
  std::memset(copy, ' ', kStep);
  std::memcpy(copy, end - rest, rest);
  return Unprintable(copy);
}

}  // namespace

// A piece of contiguous input, without a CR at its end: every CR seen here has a byte behind it.
struct HeadScanner::Piece {
  explicit Piece(std::string_view text)
      : begin(text.data()), end(begin + text.size() - (text.back() == '\r' ? 1 : 0)) {}

  // Unprintable of the step at `at`; of less where less is left.
  uint32_t MaskAt(const char* at) const {
    const auto left = static_cast<size_t>(end - at);
    if (left >= kStep) return Unprintable(at);
    return UnprintableRest(end, left, static_cast<size_t>(end - begin));
  }

  const char* const begin;
  const char* const end;
};

HeadScanner::Result HeadScanner::ScanPiece(std::string_view text, Lines& lines) {
  const Piece piece(text);
  const char* const begin = piece.begin;
  const char* const end = piece.end;
  const char* at = begin;
  const char* line = nullptr;  // where the present line began; null: not in this piece
  if (state_ == State::kLineStart) line = at;
  if (state_ == State::kCr || state_ == State::kCrOfEmptyLine) {
    if (*at != '\n') return Result::kInvalid;
    lines.Add(scanned_);
    line = ++at;
    if (state_ == State::kCrOfEmptyLine) {
      ++scanned_;
      return Result::kComplete;
    }
  }
  const uint32_t offset = scanned_;  // of the piece, from the head's start
  uint32_t count = lines.count;
  while (at < end) {
    uint32_t mask = piece.MaskAt(at);
    const char* const step = at;
    at += kStep;
    while (mask != 0) {
      const char* const byte = step + std::countr_zero(mask);
      mask &= mask - 1;
      if (__builtin_expect(*byte != '\r', 0)) {
        if (*byte != '\t' && static_cast<uint8_t>(*byte) < 0x80) return Result::kInvalid;
        continue;
      }
      if (byte[1] != '\n') return Result::kInvalid;
      mask &= mask - 1;  // the line feed, unless it is in the next step
      const auto feed = offset + static_cast<uint32_t>(byte + 1 - begin);
      if (count < Lines::kCapacity) lines.feeds[count++] = feed;
      if (byte == line) {
        lines.count = count;
        scanned_ = feed + 1;
        return Result::kComplete;
      }
      line = byte + 2;
    }
    at = std::max(at, line);  // the next step may begin with a line feed that was seen
  }
  lines.count = count;
  scanned_ += static_cast<uint32_t>(text.size());
  if (text.back() == '\r') {
    state_ = line == end ? State::kCrOfEmptyLine : State::kCr;
  } else {
    state_ = line == end ? State::kLineStart : State::kText;
  }
  return Result::kIncomplete;
}

HeadScanner::Result HeadScanner::Scan(const buffer::Buffer& input, uint32_t limit, Lines& lines) {
  lines.count = 0;
  const bool resumed = scanned_ > 0;
  size_t begin = 0;  // of the piece, in the input
  for (size_t i = 0; i < input.slice_count(); ++i) {
    std::string_view text = input.Piece(i);
    const size_t end = begin + text.size();
    if (end > scanned_) {
      text.remove_prefix(scanned_ - begin);
      const Result result = ScanPiece(text, lines);
      if (result == Result::kInvalid) return result;
      if (scanned_ > limit) return Result::kTooLarge;
      if (result == Result::kComplete) {
        // The table lacks the lines of earlier calls: an empty one makes Feed() search.
        if (resumed) lines.count = 0;
        return result;
      }
    }
    begin = end;
  }
  return Result::kIncomplete;
}

}  // namespace remora::http1
