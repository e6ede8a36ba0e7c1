#pragma once

// ByteSet: a set of ASCII bytes, tested 16 at a time (SSSE3 nibble look-up).
//
// A constant made at compile time; any thread. Span() says how many bytes from the start of a text
// belong to the set. It may read up to 15 bytes behind the text, so the text must lie in memory
// that has them (heads are copied with that slack).

#include <tmmintrin.h>

#include <bit>
#include <cstdint>
#include <string_view>

namespace remora::http {

class ByteSet {
 public:
  constexpr explicit ByteSet(std::string_view members) {
    for (const char c : members) {
      const auto byte = static_cast<uint8_t>(c);
      low_[byte & 15] |= static_cast<uint8_t>(1u << (byte >> 4));
    }
    for (unsigned i = 0; i < 8; ++i) high_[i] = static_cast<uint8_t>(1u << i);
  }

  // Bit i is set when byte i of the 16 is no member. Bytes from 0x80 never are.
  unsigned Strangers(__m128i bytes) const {
    const __m128i nibble = _mm_set1_epi8(15);
    const __m128i low = _mm_shuffle_epi8(_mm_load_si128(reinterpret_cast<const __m128i*>(low_)),
                                         _mm_and_si128(bytes, nibble));
    const __m128i high = _mm_shuffle_epi8(_mm_load_si128(reinterpret_cast<const __m128i*>(high_)),
                                          _mm_and_si128(_mm_srli_epi16(bytes, 4), nibble));
    return static_cast<unsigned>(
        _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_and_si128(low, high), _mm_setzero_si128())));
  }

  bool Has(char c) const {
    const auto byte = static_cast<uint8_t>(c);
    return (low_[byte & 15] & high_[byte >> 4]) != 0;
  }

  // The length of the longest prefix of members.
  size_t Span(const char* text, size_t size) const {
    for (size_t at = 0; at < size; at += 16) {
      const unsigned strangers =
          Strangers(_mm_loadu_si128(reinterpret_cast<const __m128i*>(text + at)));
      if (strangers != 0) {
        const size_t end = at + static_cast<size_t>(std::countr_zero(strangers));
        return end < size ? end : size;
      }
    }
    return size;
  }

 private:
  alignas(16) uint8_t low_[16] = {};
  alignas(16) uint8_t high_[16] = {};
};

#define REMORA_ALPHA "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define REMORA_DIGIT "0123456789"
// RFC 9110 section 5.6.2.
inline constexpr ByteSet kTokenBytes("!#$%&'*+-.^_`|~" REMORA_DIGIT REMORA_ALPHA);
// Printable ASCII without SP: what a request target may be made of at most.
inline constexpr ByteSet kTargetBytes(
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" REMORA_DIGIT REMORA_ALPHA);
// RFC 3986 section 3.2.2 reg-name, without the comma: "a,b" as a host is how joined Hosts look.
inline constexpr ByteSet kHostBytes("-._~%!$&'()*+;=" REMORA_DIGIT REMORA_ALPHA);
#undef REMORA_ALPHA
#undef REMORA_DIGIT

// Bytes behind a text that Span and the field parser may read.
inline constexpr size_t kReadSlack = 32;

}  // namespace remora::http
