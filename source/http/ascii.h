#pragma once

// Comparison of protocol words without regard to case.
//
// Protocol words are tokens, so ASCII (RFC 9110 section 5.6.2): no locale, no table, and bytes that
// are no letters compare as they are. Constant expressions; any thread. They do not fail. Field
// names are not compared this way: the parser has lower-cased them.

#include <string_view>

namespace remora::http {

constexpr char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

// `word` is lower-case.
constexpr bool EqualsWord(std::string_view text, std::string_view word) {
  if (text.size() != word.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (ToLower(text[i]) != word[i]) return false;
  }
  return true;
}

}  // namespace remora::http
