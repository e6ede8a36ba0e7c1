#include "source/http/request_part.h"

#include <algorithm>

namespace remora::http {
namespace {

std::string_view& PlaceOf(RequestHead& head, RequestPart part) {
  switch (part) {
    case RequestPart::kMethod:
      return head.method;
    case RequestPart::kScheme:
      return head.scheme;
    case RequestPart::kAuthority:
      return head.authority;
    case RequestPart::kPath:
      break;
  }
  return head.path;
}

}  // namespace

std::string_view GetPart(const RequestHead& head, RequestPart part) {
  return PlaceOf(const_cast<RequestHead&>(head), part);
}

bool IsValidPart(RequestPart part, std::string_view value) {
  const bool has_space = value.find_first_of(" \t") != std::string_view::npos;
  if (value.empty() || has_space || !IsValidHeaderValue(value)) return false;
  switch (part) {
    case RequestPart::kMethod:
      return std::all_of(value.begin(), value.end(),
                         [](char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; }) &&
             value != "CONNECT";
    case RequestPart::kScheme:
      return value == "http" || value == "https";
    case RequestPart::kPath:
      return value.front() == '/' || value == "*";
    case RequestPart::kAuthority:
      break;
  }
  return true;
}

bool SetPart(RequestHead& head, RequestPart part, std::string_view value) {
  if (!IsValidPart(part, value)) return false;
  std::string_view& place = PlaceOf(head, part);
  place = head.arena().Copy(value);
  if (part == RequestPart::kMethod) head.method_id = ParseMethod(place);
  return true;
}

}  // namespace remora::http
