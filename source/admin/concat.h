#pragma once

// Append and Concat: text from std::string_views and numbers (absl::StrCat of this version does not
// know std::string_view). Values; any thread; nothing fails.
// Pure, any thread; allocates the result and cannot fail. Arguments may be anything that
// absl::StrCat takes, and std::string_view, which Debian's absl::string_view does not convert from.

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace remora::admin {

inline void AppendPiece(std::string& out, std::string_view text) { out += text; }
inline void AppendPiece(std::string& out, uint64_t number) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof(digits), number).ptr);
}

template <class... Pieces>
void Append(std::string& out, const Pieces&... pieces) {
  (AppendPiece(out, pieces), ...);
}

template <class... Pieces>
std::string Concat(const Pieces&... pieces) {
  std::string out;
  Append(out, pieces...);
  return out;
}

}  // namespace remora::admin
