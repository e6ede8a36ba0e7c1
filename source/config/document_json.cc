// JSON (RFC 8259) into a Document. Own parser: yaml-cpp gets surrogate pairs, tabs and keys longer
// than 1024 characters wrong.

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "source/config/document.h"
#include "source/config/document_builder.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

void AppendUtf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xc0 | code >> 6));
    out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | code >> 12));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else {
    out.push_back(static_cast<char>(0xf0 | code >> 18));
    out.push_back(static_cast<char>(0x80 | (code >> 12 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  }
}

// Recursive; the builder bounds the depth.
class JsonParser final {
 public:
  JsonParser(std::string_view text, DocumentBuilder& builder) : text_(text), builder_(builder) {}

  void Parse() {
    SkipSpace();
    if (at_ == text_.size()) return;
    Value();
    SkipSpace();
    if (at_ < text_.size()) Fail("something follows the end of the JSON value");
  }

 private:
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  Mark Here() const { return Mark{line_, static_cast<int>(at_ - line_start_) + 1}; }

  void Fail(std::string_view what) {
    builder_.Fail(Here(), Concat("bad JSON syntax: ", what,
                                 at_ == text_.size() ? " (the text ends here)" : ""));
  }

  void SkipSpace() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') {
        ++line_;
        line_start_ = at_ + 1;
      } else if (c != ' ' && c != '\t' && c != '\r') {
        return;
      }
    }
  }

  bool TakeWord(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  void Value() {
    const Mark mark = Here();
    switch (Peek()) {
      case '{':
        return Object(mark);
      case '[':
        return Array(mark);
      case '"': {
        std::string value;
        if (String(value)) builder_.String(std::move(value), true, mark);
        return;
      }
      default:
        break;
    }
    if (TakeWord("true")) {
      builder_.Bool(true, "true", mark);
    } else if (TakeWord("false")) {
      builder_.Bool(false, "false", mark);
    } else if (TakeWord("null")) {
      builder_.Null(mark);
    } else if (Peek() == '-' || absl::ascii_isdigit(static_cast<unsigned char>(Peek()))) {
      Number(mark);
    } else {
      Fail("a value is expected");
    }
  }

  void Object(Mark mark) {
    builder_.BeginMap(mark);
    ++at_;
    SkipSpace();
    if (Peek() == '}') {
      ++at_;
      return builder_.End();
    }
    while (!builder_.failed()) {
      SkipSpace();
      const Mark key_mark = Here();
      if (Peek() != '"') return Fail("a key in double quotes is expected");
      std::string key;
      if (!String(key)) return;
      builder_.String(std::move(key), true, key_mark);
      SkipSpace();
      if (Peek() != ':') return Fail("':' is expected");
      ++at_;
      SkipSpace();
      Value();
      if (!Continues('}')) return;
    }
  }

  void Array(Mark mark) {
    builder_.BeginSequence(mark);
    ++at_;
    SkipSpace();
    if (Peek() == ']') {
      ++at_;
      return builder_.End();
    }
    while (!builder_.failed()) {
      SkipSpace();
      Value();
      if (!Continues(']')) return;
    }
  }

  // After a member or an item: is there another one? Ends the list or map if not.
  bool Continues(char closing) {
    if (builder_.failed()) return false;
    SkipSpace();
    if (Peek() == ',') {
      ++at_;
      return true;
    }
    if (Peek() == closing && at_ < text_.size()) {
      ++at_;
      builder_.End();
    } else {
      Fail(closing == '}' ? "',' or '}' is expected" : "',' or ']' is expected");
    }
    return false;
  }

  size_t Digits() {
    const size_t start = at_;
    while (absl::ascii_isdigit(static_cast<unsigned char>(Peek()))) ++at_;
    return at_ - start;
  }

  void Number(Mark mark) {
    const size_t start = at_;
    if (Peek() == '-') ++at_;
    const bool zero = Peek() == '0';
    const size_t digits = Digits();
    if (digits == 0) return Fail("a digit is expected");
    if (zero && digits > 1) return Fail("a number cannot start with 0");
    if (Peek() == '.') {
      ++at_;
      if (Digits() == 0) return Fail("a digit is expected");
    }
    if (Peek() == 'e' || Peek() == 'E') {
      ++at_;
      if (Peek() == '+' || Peek() == '-') ++at_;
      if (Digits() == 0) return Fail("a digit is expected");
    }
    builder_.Number(std::string(text_.substr(start, at_ - start)), mark);
  }

  bool String(std::string& out) {
    ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c == '\\') {
        if (!Escape(out)) return false;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        Fail("a control character in a string has to be escaped");
        return false;
      } else {
        out.push_back(c);
        ++at_;
      }
    }
    Fail("'\"' is expected");
    return false;
  }

  bool Escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
    ++at_;
    if (Peek() == 'u') return UnicodeEscape(out);
    const size_t index = at_ < text_.size() ? kNames.find(text_[at_]) : std::string_view::npos;
    if (index == std::string_view::npos) {
      Fail("unknown escape in a string");
      return false;
    }
    out.push_back(kValues[index]);
    ++at_;
    return true;
  }

  // At the 'u' of \uXXXX.
  bool FourHexDigits(uint32_t& code) {
    code = 0;
    for (int i = 1; i <= 4; ++i) {
      const char c = at_ + i < text_.size() ? text_[at_ + i] : '\0';
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) {
        Fail("four hexadecimal digits are expected after \\u");
        return false;
      }
      const int digit = c <= '9' ? c - '0' : absl::ascii_tolower(c) - 'a' + 10;
      code = code << 4 | static_cast<uint32_t>(digit);
    }
    at_ += 5;
    return true;
  }

  bool UnicodeEscape(std::string& out) {
    uint32_t code = 0;
    if (!FourHexDigits(code)) return false;
    if (code >= 0xd800 && code < 0xe000) {
      uint32_t low = 0;
      const bool pair = code < 0xdc00 && text_.substr(at_, 2) == "\\u";
      if (pair) {
        ++at_;
        if (!FourHexDigits(low)) return false;
      }
      if (low < 0xdc00 || low >= 0xe000) {
        Fail("half of a surrogate pair");
        return false;
      }
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    AppendUtf8(code, out);
    return true;
  }

  std::string_view text_;
  DocumentBuilder& builder_;
  size_t at_ = 0;
  int line_ = 1;
  size_t line_start_ = 0;
};

}  // namespace

std::shared_ptr<const Document> Document::ParseJson(std::string_view text, std::string_view file,
                                                    ErrorList& errors) {
  DocumentBuilder builder(file, errors);
  const Mark bad = FindBadText(text);
  if (bad.line != 0) {
    builder.Fail(bad, kBadTextMessage);
    return nullptr;
  }
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
  JsonParser(text, builder).Parse();
  if (builder.failed()) return nullptr;
  return builder.Finish();
}

}  // namespace remora::config
