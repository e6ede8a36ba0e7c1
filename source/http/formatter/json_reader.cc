#include "source/http/formatter/json_reader.h"

#include <string>
#include <utility>

#include "absl/strings/numbers.h"

namespace remora::formatter {
namespace {

using http::MetadataValue;
using Kind = MetadataValue::Kind;

void AppendUtf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool Value(MetadataValue& value, size_t depth) {
    SkipBlanks();
    if (rest_.empty() || depth > kMaxJsonDepth) return false;
    switch (rest_.front()) {
      case '{':
        value.kind = Kind::kStruct;
        return Members(value, depth);
      case '[':
        value.kind = Kind::kList;
        return Items(value, depth);
      case '"':
        value.kind = Kind::kString;
        return Text(value.text);
      default:
        return Word(value);
    }
  }
  bool AtEnd() {
    SkipBlanks();
    return rest_.empty();
  }

 private:
  void SkipBlanks() {
    while (!rest_.empty() && std::string_view(" \t\r\n").find(rest_.front()) != rest_.npos) {
      rest_.remove_prefix(1);
    }
  }
  bool Take(char c) {
    SkipBlanks();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool Members(MetadataValue& value, size_t depth) {
    rest_.remove_prefix(1);
    if (Take('}')) return true;
    do {
      std::string name;
      SkipBlanks();
      if (!Text(name) || !Take(':') || !Value(value.fields[name], depth + 1)) return false;
    } while (Take(','));
    return Take('}');
  }
  bool Items(MetadataValue& value, size_t depth) {
    rest_.remove_prefix(1);
    if (Take(']')) return true;
    do {
      if (!Value(value.items.emplace_back(), depth + 1)) return false;
    } while (Take(','));
    return Take(']');
  }
  bool Text(std::string& text) {
    if (rest_.empty() || rest_.front() != '"') return false;
    rest_.remove_prefix(1);
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        text += c;
      } else if (!Escape(text)) {
        return false;
      }
    }
    return false;
  }
  bool Escape(std::string& text) {
    if (rest_.empty()) return false;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    const size_t at = kNames.find(c);
    if (at != kNames.npos) {
      text += kMeant[at];
      return true;
    }
    uint32_t code = 0;
    if (c != 'u' || rest_.size() < 4 ||
        !absl::SimpleHexAtoi(absl::string_view(rest_.data(), 4), &code) ||
        (code >= 0xd800 && code < 0xe000)) {
      return false;
    }
    rest_.remove_prefix(4);
    AppendUtf8(code, text);
    return true;
  }
  // null, true, false or a number.
  bool Word(MetadataValue& value) {
    const std::string_view word = rest_.substr(0, rest_.find_first_of(",]} \t\r\n"));
    rest_.remove_prefix(word.size());
    if (word == "null") return true;
    if (word == "true" || word == "false") {
      value.kind = Kind::kBoolean;
      value.boolean = word == "true";
      return true;
    }
    value.kind = Kind::kNumber;
    const bool begins =
        !word.empty() && (word.front() == '-' || (word.front() >= '0' && word.front() <= '9'));
    return begins && absl::SimpleAtod(absl::string_view(word.data(), word.size()), &value.number);
  }

  std::string_view rest_;
};

}  // namespace

std::optional<MetadataValue> ReadJson(std::string_view text) {
  Reader reader(text);
  MetadataValue value;
  if (!reader.Value(value, 0) || !reader.AtEnd()) return std::nullopt;
  return value;
}

}  // namespace remora::formatter
