#include "source/http/http1/head_scanner.h"

#include <emmintrin.h>

#include <bit>
#include <cstring>

#include "source/base/check.h"

namespace remora::http1 {
namespace {

constexpr unsigned kStep = 32;

// Bit i of each mask speaks of byte i.
struct Masks {
  uint64_t control;  // below 0x20, or DEL: may be a HTAB, CR or LF
  __m128i low, high;

  explicit Masks(const char* bytes)
      : low(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes))),
        high(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + 16))) {
    const __m128i top = _mm_set1_epi8(0x1f);
    const __m128i del = _mm_set1_epi8(0x7f);
    const __m128i a = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(low, top), low),
                                   _mm_cmpeq_epi8(low, del));
    const __m128i b = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(high, top), high),
                                   _mm_cmpeq_epi8(high, del));
    control = Join(a, b);
  }
  uint64_t Equal(char c) const {
    const __m128i wanted = _mm_set1_epi8(c);
    return Join(_mm_cmpeq_epi8(low, wanted), _mm_cmpeq_epi8(high, wanted));
  }
  static uint64_t Join(__m128i a, __m128i b) {
    return static_cast<uint32_t>(_mm_movemask_epi8(a)) |
           (static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(b))) << 16);
  }
};

}  // namespace

uint32_t HeadScanner::Lines::Feed(uint32_t index, const char* text, uint32_t from) const {
  if (__builtin_expect(index < count, 1)) return feeds[index];
  const char* found = static_cast<const char*>(rawmemchr(text + from, '\n'));
  return static_cast<uint32_t>(found - text);
}

inline bool HeadScanner::Judge(uint64_t control, uint64_t cr, uint64_t lf, Lines& lines,
                               unsigned width) {
  const uint64_t feeds = (lf << 2) | feed_carry_;
  const uint64_t returns = (cr << 1) | cr_carry_;
  const uint64_t ends = lf & feeds;
  uint64_t judged = (uint64_t{1} << width) - 1;
  if (ends != 0) judged = ends ^ (ends - 1);  // up to the lowest end; later bytes are not ours
  if ((control & ~(cr | lf) & judged) != 0 || ((lf ^ returns) & judged) != 0) {
    result_ = Result::kInvalid;
    return true;
  }
  for (uint64_t rest = lf & judged; rest != 0; rest &= rest - 1) {
    if (lines.count == Lines::kCapacity) break;
    lines.feeds[lines.count++] = scanned_ + static_cast<uint32_t>(std::countr_zero(rest));
  }
  if (ends != 0) {
    scanned_ += static_cast<uint32_t>(std::countr_zero(ends)) + 1;
    result_ = Result::kComplete;
    return true;
  }
  scanned_ += width;
  feed_carry_ = static_cast<uint8_t>((feeds >> width) & 3);
  cr_carry_ = static_cast<uint8_t>((returns >> width) & 1);
  return false;
}

HeadScanner::Result HeadScanner::ScanPiece(std::string_view piece, Lines& lines) {
  const char* at = piece.data();
  const char* const end = at + piece.size();
  while (static_cast<size_t>(end - at) >= kStep) {
    const Masks masks(at);
    at += kStep;
    if (masks.control == 0 && cr_carry_ == 0) {
      scanned_ += kStep;
      feed_carry_ = 0;
      continue;
    }
    const uint64_t control = masks.control & ~masks.Equal('\t');
    if (Judge(control, masks.Equal('\r'), masks.Equal('\n'), lines, kStep)) return result_;
  }
  const auto rest = static_cast<unsigned>(end - at);
  if (rest == 0) return Result::kIncomplete;
  // The last bytes: looked at with those before them when there are any, else in a copy.
  char copy[kStep] = {};
  const char* window = end - kStep;
  unsigned skipped = kStep - rest;
  if (piece.size() < kStep) {
    std::memcpy(copy, at, rest);
    window = copy;
    skipped = 0;
  }
  const Masks masks(window);
  const uint64_t mine = (uint64_t{1} << rest) - 1;
  const auto cut = [&](uint64_t mask) { return (mask >> skipped) & mine; };
  Judge(cut(masks.control & ~masks.Equal('\t')), cut(masks.Equal('\r')), cut(masks.Equal('\n')),
        lines, rest);
  return result_;
}

HeadScanner::Result HeadScanner::Scan(const buffer::Buffer& input, uint32_t limit, Lines& lines) {
  DCHECK(result_ == Result::kIncomplete);
  lines.count = 0;
  const bool resumed = scanned_ > 0;
  size_t begin = 0;  // of the piece, in the input
  for (size_t i = 0; i < input.slice_count(); ++i) {
    std::string_view piece = input.Piece(i);
    const size_t piece_end = begin + piece.size();
    if (piece_end > scanned_) {
      piece.remove_prefix(scanned_ - begin);
      const Result result = ScanPiece(piece, lines);
      if (result == Result::kInvalid) return result;
      if (scanned_ > limit) return Result::kTooLarge;
      if (result == Result::kComplete) {
        // The table lacks the lines of earlier calls: an empty one makes Feed() search.
        if (resumed) lines.count = 0;
        return result;
      }
    }
    begin = piece_end;
  }
  return Result::kIncomplete;
}

}  // namespace remora::http1
