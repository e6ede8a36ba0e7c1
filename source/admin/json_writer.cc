#include "source/admin/json_writer.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "source/admin/concat.h"
#include "source/base/check.h"

namespace remora::admin {
namespace {

struct CodePoint {
  uint32_t value = 0;
  size_t size = 0;  // in bytes; 0: no UTF-8
};

// The code point that `text` starts with (RFC 3629).
CodePoint ReadUtf8(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {first, 1};
  if (first < 0xC2 || first > 0xF4) return {};
  const size_t size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (text.size() < size) return {};
  uint32_t value = first & (0x7FU >> size);
  for (size_t i = 1; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0U) != 0x80U) return {};
    value = (value << 6U) | (byte & 0x3FU);
  }
  constexpr std::array<uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xD800 && value < 0xE000;
  if (value < kLeast[size] || value > 0x10FFFF || surrogate) return {};
  return {value, size};
}

struct Range {
  uint32_t first;
  uint32_t last;
};

// Control characters and what is invisible: protobuf escapes them although JSON need not.
constexpr std::array<Range, 15> kEscaped = {{
    {0x00, 0x1f},
    {'<', '<'},
    {'>', '>'},
    {0x7f, 0x9f},
    {0xad, 0xad},
    {0x600, 0x603},
    {0x6dd, 0x6dd},
    {0x70f, 0x70f},
    {0x17b4, 0x17b5},
    {0x200b, 0x200f},
    {0x2028, 0x202e},
    {0x2060, 0x2064},
    {0x206a, 0x206f},
    {0xfeff, 0xfeff},
    {0xfff9, 0xfffb},
}};

bool MustEscape(uint32_t code_point) {
  return std::any_of(kEscaped.begin(), kEscaped.end(), [code_point](const Range& range) {
    return code_point >= range.first && code_point <= range.last;
  });
}

std::string_view ShortEscape(uint32_t code_point) {
  switch (code_point) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return {};
  }
}

void AppendString(std::string_view text, std::string& out) {
  out += '"';
  while (!text.empty()) {
    const CodePoint c = ReadUtf8(text);
    if (c.size == 0) {
      out += "\xEF\xBF\xBD";  // U+FFFD
      text.remove_prefix(1);
      continue;
    }
    if (const std::string_view escape = ShortEscape(c.value); !escape.empty()) {
      out += escape;
    } else if (MustEscape(c.value)) {
      absl::StrAppend(&out, "\\u", absl::Hex(c.value, absl::kZeroPad4));
    } else {
      out += text.substr(0, c.size);
    }
    text.remove_prefix(c.size);
  }
  out += '"';
}

}  // namespace

std::string JsonString(std::string_view text) {
  std::string result;
  AppendString(text, result);
  return result;
}

void JsonWriter::NewLine() {
  text_ += '\n';
  text_.append(empty_.size(), ' ');
}

void JsonWriter::BeginValue() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (empty_.empty()) return;
  if (!empty_.back()) text_ += ',';
  empty_.back() = false;
  NewLine();
}

void JsonWriter::Key(std::string_view name) {
  DCHECK(!empty_.empty() && !after_key_);
  BeginValue();
  text_ += JsonString(name);
  text_ += ": ";
  after_key_ = true;
}

void JsonWriter::Open(char bracket) {
  BeginValue();
  text_ += bracket;
  empty_.push_back(true);
}

void JsonWriter::Close(char bracket) {
  DCHECK(!empty_.empty() && !after_key_);
  const bool empty = empty_.back();
  empty_.pop_back();
  if (!empty) NewLine();
  text_ += bracket;
}

void JsonWriter::String(std::string_view text) {
  BeginValue();
  AppendString(text, text_);
}

void JsonWriter::Number(uint64_t number) {
  BeginValue();
  AppendPiece(text_, number);
}

void JsonWriter::Bool(bool value) {
  BeginValue();
  text_ += value ? "true" : "false";
}

void JsonWriter::Embed(std::string_view json) {
  BeginValue();
  while (!json.empty() && json.back() == '\n') json.remove_suffix(1);
  // A line break is never inside a string, where it would be escaped.
  for (const char c : json) {
    text_ += c;
    if (c == '\n') text_.append(empty_.size(), ' ');
  }
}

}  // namespace remora::admin
