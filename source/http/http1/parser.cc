#include "source/http/http1/parser.h"

#include <smmintrin.h>

#include <bit>
#include <cstring>
#include <iterator>

#include "source/http/ascii.h"
#include "source/http/byte_set.h"
#include "source/http/field_list.h"
#include "source/http/field_rules.h"
#include "source/http/http1/details.h"

namespace remora::http1 {
namespace {

using http::HeaderEntry;
using http::HeaderId;

constexpr uint64_t Bit(HeaderId id) { return uint64_t{1} << static_cast<unsigned>(id); }
constexpr bool In(uint64_t set, HeaderId id) {
  return static_cast<unsigned>(id) < 64 && ((set >> static_cast<unsigned>(id)) & 1) != 0;
}

// Fields that say something to this hop, all among the first 64 codes.
constexpr uint64_t kHopFields = Bit(HeaderId::kConnection) | Bit(HeaderId::kContentLength) |
                                Bit(HeaderId::kExpect) | Bit(HeaderId::kHost) |
                                Bit(HeaderId::kHttp2Settings) | Bit(HeaderId::kKeepAlive) |
                                Bit(HeaderId::kProxyConnection) | Bit(HeaderId::kTe) |
                                Bit(HeaderId::kTransferEncoding) | Bit(HeaderId::kUpgrade);
static_assert(static_cast<unsigned>(HeaderId::kUpgrade) < 64);

// The first `n` bytes of 16 are 0xff when read from kFirstBytes + 16 - n.
alignas(16) constexpr uint8_t kFirstBytes[32] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};
inline __m128i FirstBytes(size_t n) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(kFirstBytes + 16 - n));
}

// LookUpHeaderId for a name of less than 16 bytes that is in a register, with zeros behind it: the
// names of most fields, at a third of the cost.
class ShortNames {
 public:
  static HeaderId Find(__m128i name) {
    size_t at = Hash(static_cast<uint64_t>(_mm_cvtsi128_si64(name)),
                     static_cast<uint64_t>(_mm_extract_epi64(name, 1)));
    for (;; at = (at + 1) % kSlots) {
      const uint8_t slot = kTable.slots[at];
      if (slot == kEmpty) return HeaderId::kOther;
      const __m128i known = _mm_load_si128(reinterpret_cast<const __m128i*>(kTable.names[slot]));
      if (_mm_movemask_epi8(_mm_cmpeq_epi8(name, known)) == 0xffff) {
        return static_cast<HeaderId>(slot);
      }
    }
  }

 private:
  static constexpr unsigned kBits = 10;
  static constexpr size_t kSlots = size_t{1} << kBits;
  static constexpr uint8_t kEmpty = 0xff;

  static constexpr size_t Hash(uint64_t low, uint64_t high) {
    return static_cast<size_t>((low ^ high * 3) * 0x9e3779b97f4a7c15u >> (64 - kBits));
  }

  // Open addressing; an empty slot ends a probe. Rows of longer names stay empty.
  struct Table {
    alignas(16) char names[std::size(http::kHeaderNames)][16] = {};
    uint8_t slots[kSlots] = {};
  };
  static constexpr Table BuildTable() {
    Table table;
    for (uint8_t& slot : table.slots) slot = kEmpty;
    for (size_t i = 0; i < std::size(http::kHeaderNames); ++i) {
      const std::string_view name = http::kHeaderNames[i];
      if (name.size() >= 16) continue;
      uint64_t halves[2] = {0, 0};
      for (size_t k = 0; k < name.size(); ++k) {
        table.names[i][k] = name[k];
        halves[k / 8] |= uint64_t{static_cast<uint8_t>(name[k])} << (k % 8 * 8);
      }
      size_t at = Hash(halves[0], halves[1]);
      while (table.slots[at] != kEmpty) at = (at + 1) % kSlots;
      table.slots[at] = static_cast<uint8_t>(i);
    }
    return table;
  }
  static const Table kTable;
};
constinit const ShortNames::Table ShortNames::kTable = ShortNames::BuildTable();

// 0x20 for each capital letter, which is what makes it a small one.
inline __m128i CaseBits(__m128i bytes) {
  // As signed bytes, 'A' to 'Z' are the 26 highest after this addition.
  const __m128i shifted = _mm_add_epi8(bytes, _mm_set1_epi8(0x7f - 'Z'));
  return _mm_and_si128(_mm_cmpgt_epi8(shifted, _mm_set1_epi8(0x7f - 26)), _mm_set1_epi8(0x20));
}

// Lower-cases in place a token that begins with 16 token bytes; returns its size. Rewrites up to 15
// bytes behind it with what they are.
__attribute__((noinline)) size_t LowerLongToken(char* name) {
  for (char* at = name;; at += 16) {
    auto* block = reinterpret_cast<__m128i*>(at);
    const __m128i bytes = _mm_loadu_si128(block);
    const auto size =
        static_cast<size_t>(std::countr_zero(http::kTokenBytes.Strangers(bytes) | 0x10000u));
    _mm_storeu_si128(block, _mm_or_si128(bytes, _mm_and_si128(CaseBits(bytes), FirstBytes(size))));
    if (size < 16) return static_cast<size_t>(at - name) + size;
  }
}

// The name of a line, lower-cased in place and looked up. Size 0: it is none. A folded line and an
// empty name have no token; white space before the colon is none either.
struct Name {
  size_t size;
  HeaderId id;
};
inline Name TakeName(char* line) {
  auto* block = reinterpret_cast<__m128i*>(line);
  const __m128i bytes = _mm_loadu_si128(block);
  const unsigned strangers = http::kTokenBytes.Strangers(bytes);
  if (__builtin_expect(strangers == 0, 0)) {
    const size_t size = LowerLongToken(line);
    if (size > http::HeaderMap::kMaxNameSize || line[size] != ':') return {0, HeaderId::kOther};
    return {size, http::LookUpHeaderId({line, size})};
  }
  const auto size = static_cast<size_t>(std::countr_zero(strangers));
  if (size == 0 || line[size] != ':') return {0, HeaderId::kOther};
  const __m128i first = FirstBytes(size);
  const __m128i lower = _mm_or_si128(bytes, _mm_and_si128(CaseBits(bytes), first));
  _mm_storeu_si128(block, lower);
  return {size, ShortNames::Find(_mm_and_si128(lower, first))};
}

bool IsSpace(char c) { return c == ' ' || c == '\t'; }

// The value of a line that does not simply have one SP before it and none after it.
__attribute__((noinline)) void TrimValue(const char* value, const char* end, HeaderEntry& entry) {
  // `Name: ` CRLF is canonical, though there is a space before the CR.
  entry.canonical = value + 1 == end && *value == ' ';
  while (IsSpace(*value)) ++value;  // stops at the CR
  while (end > value && IsSpace(end[-1])) --end;
  entry.value_data = value;
  entry.value_size = static_cast<uint32_t>(end - value);
}

bool IsAboveSpace(char c) { return static_cast<uint8_t>(c) > ' '; }

// Takes one field line apart. `end` is its CR.
inline bool ParseLine(char* line, const char* end, HeaderEntry& entry) {
  const Name name = TakeName(line);
  if (__builtin_expect(name.size == 0, 0)) return false;
  const char* const value = line + name.size + 2;
  entry.name_data = line;
  entry.name_size = static_cast<uint16_t>(name.size);
  entry.id = name.id;
  entry.value_data = value;
  entry.value_size = static_cast<uint32_t>(end - value);
  entry.canonical = true;
  // Only SP, HTAB and CR are not above space here. An empty value goes the longer way, too.
  if (__builtin_expect(value[-1] == ' ' && IsAboveSpace(value[0]) && IsAboveSpace(end[-1]), 1)) {
    return true;
  }
  TrimValue(value - 1, end, entry);
  return true;
}

// One field of kHopFields, in `headers.Next()`.
bool TakeHopField(const HeaderEntry& entry, Section section, http::HeaderMap& headers,
                  FieldSet& fields) {
  const std::string_view value = entry.value();
  switch (entry.id) {
    case HeaderId::kHost:
      // Means nothing in a response; in a request it is the head's authority.
      ++fields.host_count;
      fields.host = value;
      return true;
    case HeaderId::kContentLength:
      ++fields.content_length_count;
      fields.content_length = value;
      headers.AddNext();
      return true;
    case HeaderId::kTransferEncoding:
      ++fields.transfer_encoding_count;
      fields.transfer_encoding = value;
      return true;
    case HeaderId::kConnection:
      return AddConnectionTokens(value, fields.connection);
    case HeaderId::kTe:
      if (section == Section::kRequest && http::ListHasToken(value, "trailers")) {
        headers.SetReference(HeaderId::kTe, "trailers");
      }
      return true;
    case HeaderId::kExpect:
      fields.expects_continue = http::EqualsWord(value, "100-continue");
      headers.AddNext();
      return true;
    case HeaderId::kUpgrade:
      ++fields.upgrade_count;
      fields.upgrade = value;
      return true;
    default:
      return true;  // keep-alive, proxy-connection, http2-settings: for us alone
  }
}

}  // namespace

HeadText TakeHead(buffer::Buffer& input, uint32_t size, base::Arena& arena) {
  char* text = arena.AllocateBytes(size + http::kReadSlack);
  const std::string_view front = input.Front();
  if (__builtin_expect(front.size() >= size, 1)) {
    std::memcpy(text, front.data(), size);
  } else {
    input.CopyOut(0, size, text);
  }
  input.Drain(size);
  std::memset(text + size, 0, http::kReadSlack);
  return {text, size};
}

bool ParseFields(const FieldLines& source, Section section, uint32_t max_fields,
                 http::HeaderMap& headers, FieldSet& fields, http::CodecError& error) {
  char* const text = source.head.text;
  const uint32_t end = source.head.size - 2;  // of the empty line
  uint32_t line = source.first_line;
  uint32_t left = max_fields;
  for (uint32_t at = source.begin; at < end; ++line) {
    const uint32_t feed = source.lines.Feed(line, text, at);
    HeaderEntry& entry = headers.Next();
    if (!ParseLine(text + at, text + feed - 1, entry)) {
      error = {400, detail::kCodecError};
      return false;
    }
    at = feed + 1;
    if (left-- == 0) {
      error = {431, detail::kTooManyHeaders};
      return false;
    }
    if (__builtin_expect(section == Section::kTrailers, 0)) {
      if (http::AllowedInTrailers(entry)) headers.AddNext();
    } else if (__builtin_expect(!In(kHopFields, entry.id), 1)) {
      headers.AddNext();
    } else if (!TakeHopField(entry, section, headers, fields)) {
      error = {400, detail::kConnectionHeaderRejected};
      return false;
    }
  }
  fields.lines = max_fields - left;
  if (fields.connection.nominated_count > 0 &&
      !RemoveNominated(fields.connection, section == Section::kRequest, headers)) {
    error = {400, detail::kConnectionHeaderRejected};
    return false;
  }
  return true;
}

http::HeaderMap* TakeTrailers(buffer::Buffer& input, uint32_t size, const HeadScanner::Lines& lines,
                              uint32_t max_fields, base::Arena& arena, http::CodecError& error) {
  const HeadText head = TakeHead(input, size, arena);
  auto* trailers = arena.New<http::HeaderMap>(arena);
  FieldSet fields;
  const FieldLines source{head, lines, 0, 0};
  if (!ParseFields(source, Section::kTrailers, max_fields, *trailers, fields, error)) {
    return nullptr;
  }
  return trailers;
}

}  // namespace remora::http1
