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

// One piece of contiguous input on its way through the scanner.
struct HeadScanner::Piece {
  const char* begin;
  const char* end;
  const char* line;     // where the present line began; null: not in this piece
  uint32_t offset;      // of `begin`, from the head's start
  bool feed_seen;       // the next byte is a line feed that belongs to a CR already judged

  // Judges the unprintable bytes behind `at`. kIncomplete: all is well so far.
  Result Judge(const char* at, uint32_t mask, Lines& lines, uint32_t& size) {
    if (feed_seen) mask &= ~1u;
    feed_seen = false;
    while (mask != 0) {
      const auto index = static_cast<unsigned>(std::countr_zero(mask));
      const char* const byte = at + index;
      if (__builtin_expect(*byte != '\r', 0)) {
        if (*byte != '\t' && static_cast<uint8_t>(*byte) < 0x80) return Result::kInvalid;
        mask &= mask - 1;
        continue;
      }
      const char* const feed = byte + 1;
      if (feed == end) return Result::kIncomplete;
      if (*feed != '\n') return Result::kInvalid;
      lines.Add(offset + static_cast<uint32_t>(feed - begin));
      if (byte == line) {
        size = offset + static_cast<uint32_t>(feed - begin) + 1;
        return Result::kComplete;
      }
      line = feed + 1;
      feed_seen = index == kStep - 1;
      mask &= ~(3u << index);
    }
    return Result::kIncomplete;
  }
};

HeadScanner::Result HeadScanner::ScanPiece(std::string_view text, Lines& lines) {
  Piece piece{text.data(), text.data() + text.size(), nullptr, scanned_, false};
  const char* at = piece.begin;
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
  for (; static_cast<size_t>(piece.end - at) >= kStep; at += kStep) {
    const uint32_t mask = Unprintable(at);
    if (mask == 0) continue;
    const Result result = piece.Judge(at, mask, lines, scanned_);
    if (result != Result::kIncomplete) return result;
  }
  if (const auto rest = static_cast<size_t>(piece.end - at); rest > 0) {
    uint32_t mask;
    if (text.size() >= kStep) {
      // The last bytes are looked at together with those before them.
      mask = Unprintable(piece.end - kStep) >> (kStep - rest);
    } else {
      char copy[kStep];
      std::memset(copy, ' ', kStep);
      std::memcpy(copy, at, rest);
      mask = Unprintable(copy);
    }
    const Result result = piece.Judge(at, mask, lines, scanned_);
    if (result != Result::kIncomplete) return result;
  }
  scanned_ += static_cast<uint32_t>(text.size());
  if (text.back() == '\r') {
    state_ = piece.line == piece.end - 1 ? State::kCrOfEmptyLine : State::kCr;
  } else {
    state_ = piece.line == piece.end ? State::kLineStart : State::kText;
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
