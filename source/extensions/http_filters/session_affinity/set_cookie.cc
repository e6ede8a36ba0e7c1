#include "source/extensions/http_filters/session_affinity/set_cookie.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "source/http/ascii.h"
#include "source/http/field_list.h"

namespace remora::extensions {
namespace {

// The next part of a list that `;` divides, as name and value.
std::pair<std::string_view, std::string_view> TakePart(std::string_view& rest) {
  const std::string_view part = rest.substr(0, rest.find(';'));
  rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  const size_t equals = part.find('=');
  if (equals == std::string_view::npos) return {http::TrimField(part), {}};
  return {http::TrimField(part.substr(0, equals)), http::TrimField(part.substr(equals + 1))};
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
    if (http::EqualsWord(attribute, "expires")) {
      expires = text;
    } else if (http::EqualsWord(attribute, "max-age")) {
      deletes = IsZeroOrLess(text);
    } else if (http::EqualsWord(attribute, "samesite")) {
      same_site = text;
    } else if (http::EqualsWord(attribute, "secure")) {
      secure = true;
    } else if (http::EqualsWord(attribute, "partitioned")) {
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
