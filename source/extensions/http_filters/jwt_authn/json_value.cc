#include "source/extensions/http_filters/jwt_authn/json_value.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "source/config/proto_values.h"

namespace remora::extensions {
namespace {

using http::MetadataValue;
using Kind = MetadataValue::Kind;

constexpr int kMaxDepth = 100;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

void AppendUtf8(uint32_t point, std::string& out) {
  if (point < 0x80) {
    out += static_cast<char>(point);
    return;
  }
  const auto continuation = [&](int shift) {
    out += static_cast<char>(0x80 | ((point >> shift) & 0x3f));
  };
  if (point < 0x800) {
    out += static_cast<char>(0xc0 | (point >> 6));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xe0 | (point >> 12));
    continuation(6);
  } else {
    out += static_cast<char>(0xf0 | (point >> 18));
    continuation(12);
    continuation(6);
  }
  continuation(0);
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool ReadWhole(MetadataValue& value) {
    SkipSpace();
    if (!ReadValue(value, 0) || value.kind != Kind::kStruct) return false;
    SkipSpace();
    return at_ == text_.size();
  }

 private:
  bool ReadValue(MetadataValue& value, int depth) {
    if (depth > kMaxDepth || at_ == text_.size()) return false;
    switch (text_[at_]) {
      case '{':
        return ReadObject(value, depth);
      case '[':
        return ReadList(value, depth);
      case '"':
        value.kind = Kind::kString;
        return ReadString(value.text);
      case 't':
        return ReadBoolean(value, "true", true);
      case 'f':
        return ReadBoolean(value, "false", false);
      case 'n':
        return TakeWord("null");
      default:
        return ReadNumber(value);
    }
  }

  bool ReadObject(MetadataValue& value, int depth) {
    value.kind = Kind::kStruct;
    ++at_;
    SkipSpace();
    if (Take('}')) return true;
    do {
      SkipSpace();
      std::string name;
      if (!ReadString(name)) return false;
      SkipSpace();
      if (!Take(':')) return false;
      const auto [place, is_new] = value.fields.try_emplace(std::move(name));
      SkipSpace();
      if (!is_new || !ReadValue(place->second, depth + 1)) return false;
      SkipSpace();
    } while (Take(','));
    return Take('}');
  }

  bool ReadList(MetadataValue& value, int depth) {
    value.kind = Kind::kList;
    ++at_;
    SkipSpace();
    if (Take(']')) return true;
    do {
      SkipSpace();
      if (!ReadValue(value.items.emplace_back(), depth + 1)) return false;
      SkipSpace();
    } while (Take(','));
    return Take(']');
  }

  bool ReadBoolean(MetadataValue& value, std::string_view word, bool meaning) {
    value.kind = Kind::kBoolean;
    value.boolean = meaning;
    return TakeWord(word);
  }

  // RFC 8259 section 6.
  bool ReadNumber(MetadataValue& value) {
    const size_t begin = at_;
    Take('-');
    if (!Take('0') && !TakeDigits()) return false;
    if (Take('.') && !TakeDigits()) return false;
    if (Take('e') || Take('E')) {
      if (!Take('+')) Take('-');
      if (!TakeDigits()) return false;
    }
    value.kind = Kind::kNumber;
    const std::string_view number = text_.substr(begin, at_ - begin);
    return absl::SimpleAtod(absl::string_view(number.data(), number.size()), &value.number) &&
           std::isfinite(value.number);
  }

  bool ReadString(std::string& out) {
    if (!Take('"')) return false;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        out += c;
      } else if (!ReadEscape(out)) {
        return false;
      }
    }
    return false;
  }

  bool ReadEscape(std::string& out) {
    if (at_ == text_.size()) return false;
    const char c = text_[at_++];
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const size_t known = kNames.find(c);
    if (known != std::string_view::npos) {
      out += kMeanings[known];
      return true;
    }
    uint32_t point = 0;
    if (c != 'u' || !ReadHex(point)) return false;
    if (point >= 0xdc00 && point < 0xe000) return false;
    if (point >= 0xd800 && point < 0xdc00) {
      uint32_t low = 0;
      if (!Take('\\') || !Take('u') || !ReadHex(low) || low < 0xdc00 || low >= 0xe000) return false;
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    }
    AppendUtf8(point, out);
    return true;
  }

  bool ReadHex(uint32_t& point) {
    for (int i = 0; i < 4; ++i) {
      if (at_ == text_.size()) return false;
      const char c = text_[at_++];
      const char lower = static_cast<char>(c | 0x20);
      if (IsDigit(c)) {
        point = point * 16 + static_cast<uint32_t>(c - '0');
      } else if (lower >= 'a' && lower <= 'f') {
        point = point * 16 + static_cast<uint32_t>(lower - 'a' + 10);
      } else {
        return false;
      }
    }
    return true;
  }

  bool Take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool TakeWord(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  bool TakeDigits() {
    const size_t begin = at_;
    while (at_ < text_.size() && IsDigit(text_[at_])) ++at_;
    return at_ > begin;
  }

  void SkipSpace() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) < 4) ++at_;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::optional<MetadataValue> ReadJsonObject(std::string_view text) {
  if (config::ToUtf8(text) != text) return std::nullopt;
  MetadataValue value;
  if (!Reader(text).ReadWhole(value)) return std::nullopt;
  return value;
}

}  // namespace remora::extensions
