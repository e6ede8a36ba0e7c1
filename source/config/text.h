#pragma once

// Small text pieces that the configuration code builds its messages from.
//
// Debian's abseil has a string_view of its own, which StrCat and the hash tables want; ToAbsl()
// gives it to them, Concat() is StrCat for std::string_view. Pure; any thread.
// Pure functions, any thread; they cannot fail.

#include <concepts>
#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

namespace remora::config {

inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

namespace text_internal {

inline void AppendPart(std::string& out, std::string_view text) { out.append(text); }

template <std::integral T>
  requires(!std::same_as<T, char> && !std::same_as<T, bool>)
void AppendPart(std::string& out, T number) {
  out.append(std::to_string(number));
}

}  // namespace text_internal

// Texts and whole numbers, one after the other.
template <typename... Parts>
std::string Concat(const Parts&... parts) {
  std::string out;
  (text_internal::AppendPart(out, parts), ...);
  return out;
}

}  // namespace remora::config
