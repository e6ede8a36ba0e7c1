#include "source/http/field_list.h"

#include <string>

#include "source/http/ascii.h"

namespace remora::http {

std::string_view TrimField(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view NextElement(std::string_view& list) {
  const size_t comma = list.find(',');
  const std::string_view element = list.substr(0, comma);
  list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  return TrimField(element);
}

bool ListHasToken(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    if (EqualsWord(NextElement(list), token)) return true;
  }
  return false;
}

std::string_view JoinedField(const HeaderMap& headers, HeaderId id) {
  if (headers.Count(id) < 2) return headers.Get(id);
  std::string joined;
  headers.ForEach([&](const HeaderEntry& entry) {
    if (entry.id != id) return;
    if (!joined.empty()) joined += ',';
    joined += entry.value();
  });
  return headers.arena().Copy(joined);
}

}  // namespace remora::http
