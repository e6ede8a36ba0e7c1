#include "source/http/http1/parser.h"

#include <cstring>

#include "source/http/ascii.h"
#include "source/http/byte_set.h"
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

// The first `n` bytes of 16 are 0x20 when read from kCaseBits + 16 - n.
alignas(16) constexpr uint8_t kCaseBits[32] = {
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
};

// Lower-cases the token at `name` in place; returns its size. Rewrites up to 15 bytes behind it
// with what they are.
inline size_t LowerToken(char* name) {
  for (char* at = name;; at += 16) {
    auto* block = reinterpret_cast<__m128i*>(at);
    const __m128i bytes = _mm_loadu_si128(block);
    const auto size =
        static_cast<size_t>(std::countr_zero(http::kTokenBytes.Strangers(bytes) | 0x10000u));
    // As signed bytes, 'A' to 'Z' are the 26 highest after this addition.
    const __m128i shifted = _mm_add_epi8(bytes, _mm_set1_epi8(0x7f - 'Z'));
    const __m128i upper = _mm_cmpgt_epi8(shifted, _mm_set1_epi8(0x7f - 26));
    const __m128i case_bits =
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(kCaseBits + 16 - size));
    _mm_storeu_si128(block, _mm_or_si128(bytes, _mm_and_si128(upper, case_bits)));
    if (__builtin_expect(size < 16, 1)) return static_cast<size_t>(at - name) + size;
  }
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
  const size_t name_size = LowerToken(line);
  // A folded line and an empty name have no token; white space before the colon is none either.
  if (name_size - 1 >= http::HeaderMap::kMaxNameSize || line[name_size] != ':') return false;
  const char* const value = line + name_size + 2;
  entry.name_data = line;
  entry.name_size = static_cast<uint16_t>(name_size);
  entry.id = http::LookUpHeaderId({line, name_size});
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
      if (section == Section::kRequest && ListHasToken(value, "trailers")) {
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
    if (section == Section::kTrailers) {
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
