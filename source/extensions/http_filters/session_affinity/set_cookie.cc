#include "source/extensions/http_filters/session_affinity/set_cookie.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace remora::extensions {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && absl::ascii_isspace(static_cast<unsigned char>(text.front()))) {
    text.remove_prefix(1);
  }
  while (!text.empty() && absl::ascii_isspace(static_cast<unsigned char>(text.back()))) {
    text.remove_suffix(1);
  }
  return text;
}

// The next part of a list that `;` divides, as name and value.
std::pair<std::string_view, std::string_view> TakePart(std::string_view& rest) {
  const std::string_view part = rest.substr(0, rest.find(';'));
  rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  const size_t equals = part.find('=');
  if (equals == std::string_view::npos) return {Trimmed(part), {}};
  return {Trimmed(part.substr(0, equals)), Trimmed(part.substr(equals + 1))};
}

bool IsZeroOrLess(std::string_view number) {
  if (number.starts_with('-')) return number.size() > 1;
  return !number.empty() && number.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

SetCookie::SetCookie(std::string_view field) {
  std::tie(name, value) = TakePart(field);
  while (!field.empty()) {
    const auto [attribute, text] = TakePart(field);
    const auto is = [attribute = attribute](std::string_view wanted) {
      return absl::EqualsIgnoreCase(absl::string_view(attribute.data(), attribute.size()),
                                    absl::string_view(wanted.data(), wanted.size()));
    };
    if (is("expires")) {
      expires = text;
    } else if (is("max-age")) {
      deletes = IsZeroOrLess(text);
    } else if (is("samesite")) {
      same_site = text;
    } else if (is("secure")) {
      secure = true;
    } else if (is("partitioned")) {
      partitioned = true;
    }
  }
}

bool IsCookieValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
  });
}

}  // namespace remora::extensions
