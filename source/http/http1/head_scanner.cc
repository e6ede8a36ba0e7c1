#include "source/http/http1/head_scanner.h"

#include <emmintrin.h>

#include <bit>

namespace remora::http1 {
namespace {

constexpr size_t kStep = 32;

// Bit i is set unless byte i is printable ASCII: for control bytes, DEL and bytes from 0x80, which
// are just those that have their top bit after adding 1 or after subtracting 0x20.
uint32_t Unprintable(const char* from) {
  const auto test = [](const char* at) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    return _mm_or_si128(_mm_add_epi8(bytes, _mm_set1_epi8(1)),
                        _mm_sub_epi8(bytes, _mm_set1_epi8(0x20)));
  };
  const auto low = static_cast<uint32_t>(_mm_movemask_epi8(test(from)));
  const auto high = static_cast<uint32_t>(_mm_movemask_epi8(test(from + 16)));
  return low | (high << 16);
}

}  // namespace

// One piece of contiguous input on its way through the scanner. A CR at its end is left out: every
// CR seen here has a byte behind it.
struct HeadScanner::Piece {
  const char* begin;
  const char* line;   // where the present line began; null: not in this piece
  uint32_t offset;    // of `begin`, from the head's start
  uint32_t size = 0;  // of the head, once it is complete

  // Judges the unprintable bytes of the step at `at`. kIncomplete: all is well so far; `at` is then
  // moved over a line feed that is the first byte of the next step.
  Result Judge(const char*& at, uint32_t mask, Lines& lines) {
    const char* const step = at;
    while (mask != 0) {
      const auto index = static_cast<unsigned>(std::countr_zero(mask));
      const char* const byte = step + index;
      mask &= mask - 1;
      if (__builtin_expect(*byte != '\r', 0)) {
        if (*byte != '\t' && static_cast<uint8_t>(*byte) < 0x80) return Result::kInvalid;
        continue;
      }
      if (byte[1] != '\n') return Result::kInvalid;
      mask &= mask - 1;  // the line feed, unless it is in the next step
      const auto feed = static_cast<uint32_t>(byte + 1 - begin);
      lines.Add(offset + feed);
      if (byte == line) {
        size = offset + feed + 1;
        return Result::kComplete;
      }
      line = byte + 2;
      if (index == kStep - 1) ++at;
    }
    return Result::kIncomplete;
  }
};

HeadScanner::Result HeadScanner::ScanPiece(std::string_view text, Lines& lines) {
  Piece piece{text.data(), nullptr, scanned_};
  const char* at = piece.begin;
  const char* const end = at + text.size() - (text.back() == '\r' ? 1 : 0);
  if (state_ == State::kLineStart) piece.line = at;
  if (state_ == State::kCr || state_ == State::kCrOfEmptyLine) {
    if (*at != '\n') return Result::kInvalid;
    lines.Add(scanned_);
    piece.line = ++at;
    if (state_ == State::kCrOfEmptyLine) {
      ++scanned_;
      return Result::kComplete;
    }
  }
  Result result = Result::kIncomplete;
  for (; end - at >= static_cast<ptrdiff_t>(kStep); at += kStep) {
    const uint32_t mask = Unprintable(at);
    if (mask == 0) continue;
    result = piece.Judge(at, mask, lines);
    if (result != Result::kIncomplete) break;
  }
  if (result == Result::kIncomplete && at < end) {
    const auto rest = static_cast<size_t>(end - at);
    char copy[kStep];
    uint32_t mask;
    if (static_cast<size_t>(end - piece.begin) >= kStep) {
      // The last bytes are looked at together with those before them.
      mask = Unprintable(end - kStep) >> (kStep - rest);
    } else {
      std::memset(copy, ' ', kStep);
      std::memcpy(copy, at, rest);
      mask = Unprintable(copy);
    }
    result = piece.Judge(at, mask, lines);
  }
  if (result == Result::kComplete) scanned_ = piece.size;
  if (result != Result::kIncomplete) return result;
  scanned_ += static_cast<uint32_t>(text.size());
  if (text.back() == '\r') {
    state_ = piece.line == end ? State::kCrOfEmptyLine : State::kCr;
  } else {
    state_ = piece.line == end ? State::kLineStart : State::kText;
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
