#include "source/http/request_parts.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "source/http/byte_set.h"
#include "source/http/field_rules.h"

namespace remora::http {
namespace {

bool IsValidHost(std::string_view text) {
  std::string padded(text);
  padded.append(kReadSlack, '\0');
  return IsValidAuthority(std::string_view(padded).substr(0, text.size()));
}

bool IsGraphic(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
}

bool IsValidMethod(std::string_view text) {
  std::string lower(text);
  absl::AsciiStrToLower(&lower);
  return IsValidHeaderName(lower);
}

}  // namespace

bool IsRequestPart(std::string_view name) {
  return name == ":path" || name == ":method" || name == ":authority" || name == ":scheme" ||
         name == "host";
}

bool SetRequestPart(std::string_view name, std::string_view value, RequestHead& head) {
  if (name == ":path") {
    const bool valid =
        IsGraphic(value) && value.front() == '/' && value.find('#') == std::string_view::npos;
    if (valid) head.path = head.arena().Copy(value);
    return valid;
  }
  if (name == ":method") {
    if (!IsValidMethod(value)) return false;
    head.method = head.arena().Copy(value);
    head.method_id = ParseMethod(head.method);
    return true;
  }
  if (name == ":scheme") {
    if (value != "http" && value != "https") return false;
    head.scheme = head.arena().Copy(value);
    return true;
  }
  if (!IsRequestPart(name) || !IsValidHost(value)) return false;
  head.authority = head.arena().Copy(value);
  return true;
}

}  // namespace remora::http
