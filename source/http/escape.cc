#include "source/http/escape.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace remora::http {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kHighs = 0x8080808080808080;

// The high bit of each byte that equals `value`; exact for the lowest one that does, which is all
// that a yes or no needs.
uint64_t BytesEqual(uint64_t word, uint8_t value) {
  const uint64_t x = word ^ (kOnes * value);
  return (x - kOnes) & ~x & kHighs;
}
uint64_t BytesBelow(uint64_t word, uint8_t limit) {
  return (word - kOnes * limit) & ~word & kHighs;
}

// Whether any byte of `text` is one that `suspect` says of eight at a time.
template <class Suspect>
bool AnyByte(std::string_view text, const Suspect& suspect) {
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, sizeof(word));
    if (suspect(word) != 0) return true;
  }
  if (at == text.size()) return false;
  uint64_t word = kOnes * 'a';
  std::memcpy(&word, text.data() + at, text.size() - at);
  return suspect(word) != 0;
}

// Bytes of the valid UTF-8 sequence at `at` (RFC 3629 section 4); 0 when there is none.
size_t Utf8Size(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return at + i < text.size() ? static_cast<uint8_t>(text[at + i]) : uint8_t{0};
  };
  const auto is_tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return is_tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    if (!is_tail(1) || !is_tail(2)) return 0;
    if (lead == 0xe0 && byte(1) < 0xa0) return 0;
    if (lead == 0xed && byte(1) > 0x9f) return 0;
    return 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (!is_tail(1) || !is_tail(2) || !is_tail(3)) return 0;
    if (lead == 0xf0 && byte(1) < 0x90) return 0;
    if (lead == 0xf4 && byte(1) > 0x8f) return 0;
    return 4;
  }
  return 0;
}

bool IsUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t size = Utf8Size(text, at);
    if (size == 0) return false;
    at += size;
  }
  return true;
}

// The letter of a short escape, or 0.
char ShortEscape(char c) {
  switch (c) {
    case '"':
    case '\\':
      return c;
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

// Replaces every byte of text[begin..] by `width(byte)` bytes that `write(byte, to)` writes, from
// the back, so that it needs no second buffer.
template <class Width, class Write>
void Widen(std::string& text, size_t begin, const Width& width, const Write& write) {
  const size_t old_size = text.size();
  size_t size = begin;
  for (size_t i = begin; i < old_size; ++i) size += width(i);
  text.resize(size);
  size_t to = size;
  for (size_t i = old_size; i-- > begin;) {
    const size_t bytes = width(i);
    const char c = text[i];
    to -= bytes;
    if (bytes == 1) {
      text[to] = c;
    } else {
      write(c, bytes, &text[to]);
    }
  }
}

}  // namespace

void EscapeJson(std::string& text, size_t begin) {
  const std::string_view added = std::string_view(text).substr(begin);
  const bool suspicious = AnyByte(added, [](uint64_t word) {
    return BytesBelow(word, 0x20) | BytesEqual(word, '"') | BytesEqual(word, '\\') |
           BytesEqual(word, 0x7f) | (word & kHighs);
  });
  if (!suspicious) return;
  const bool utf8 = IsUtf8(added);
  const auto width = [&text, utf8](size_t i) -> size_t {
    const char c = text[i];
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x80) return utf8 ? 1 : 6;
    if (byte >= 0x20 && byte != 0x7f && c != '"' && c != '\\') return 1;
    return utf8 && ShortEscape(c) != 0 ? 2 : 6;
  };
  Widen(text, begin, width, [](char c, size_t bytes, char* to) {
    to[0] = '\\';
    if (bytes == 2) {
      to[1] = ShortEscape(c);
      return;
    }
    const auto byte = static_cast<uint8_t>(c);
    std::memcpy(to + 1, "u00", 3);
    to[4] = kHex[byte >> 4];
    to[5] = kHex[byte & 15];
  });
}

void EscapeControls(std::string& text, size_t begin) {
  const bool suspicious = AnyByte(std::string_view(text).substr(begin), [](uint64_t word) {
    return BytesBelow(word, 0x20) | BytesEqual(word, 0x7f) | BytesEqual(word, 0xc2);
  });
  if (!suspicious) return;
  const auto is_c1_lead = [&text](size_t i, size_t size) {
    return static_cast<uint8_t>(text[i]) == 0xc2 && i + 1 < size &&
           (static_cast<uint8_t>(text[i + 1]) & 0xe0) == 0x80;
  };
  // Which bytes become an escape is decided before anything moves.
  const size_t size = text.size();
  std::string marks;
  marks.resize(size - begin);
  for (size_t i = begin; i < size; ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if (byte < 0x20 || byte == 0x7f) marks[i - begin] = 1;
    if (is_c1_lead(i, size)) marks[i - begin] = marks[i - begin + 1] = 1;
  }
  const auto width = [&marks, begin](size_t i) -> size_t { return marks[i - begin] != 0 ? 4 : 1; };
  Widen(text, begin, width, [](char c, size_t, char* to) {
    const auto byte = static_cast<uint8_t>(c);
    to[0] = '\\';
    to[1] = 'x';
    to[2] = kHex[byte >> 4];
    to[3] = kHex[byte & 15];
  });
}

void AppendUrlEncodedPem(std::string_view pem, std::string& out) {
  for (const char c : pem) {
    switch (c) {
      case '\n':
        out += "%0A";
        break;
      case ' ':
        out += "%20";
        break;
      case '+':
        out += "%2B";
        break;
      case '/':
        out += "%2F";
        break;
      case '=':
        out += "%3D";
        break;
      default:
        out += c;
    }
  }
}

void AppendJsonString(std::string_view text, std::string& out) {
  out += '"';
  const size_t begin = out.size();
  out += text;
  EscapeJson(out, begin);
  out += '"';
}

void AppendJsonNumber(double number, std::string& out) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  char text[32];
  // 2^53: what a double holds exactly.
  const bool whole = number == std::trunc(number) && std::fabs(number) <= 9007199254740992.0;
  const auto end = whole ? std::to_chars(text, text + sizeof(text), static_cast<int64_t>(number))
                         : std::to_chars(text, text + sizeof(text), number);
  out.append(text, static_cast<size_t>(end.ptr - text));
}

}  // namespace remora::http
