#include "source/http/request_part.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "source/http/byte_set.h"
#include "source/http/field_rules.h"

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

std::optional<RequestPart> FindRequestPart(std::string_view name) {
  if (name == ":method") return RequestPart::kMethod;
  if (name == ":scheme") return RequestPart::kScheme;
  if (name == ":authority" || name == "host") return RequestPart::kAuthority;
  if (name == ":path") return RequestPart::kPath;
  return std::nullopt;
}

bool IsValidPart(RequestPart part, std::string_view value) {
  const bool graphic = std::all_of(value.begin(), value.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
  if (value.empty() || !graphic) return false;
  switch (part) {
    case RequestPart::kMethod:
      return value != "CONNECT" && IsValidHeaderName(absl::AsciiStrToLower(
                                       absl::string_view(value.data(), value.size())));
    case RequestPart::kScheme:
      return value == "http" || value == "https";
    case RequestPart::kPath:
      return (value.front() == '/' || value == "*") && value.find('#') == std::string_view::npos;
    case RequestPart::kAuthority:
      break;
  }
  std::string padded(value);
  padded.append(kReadSlack, '\0');
  return IsValidAuthority(std::string_view(padded).substr(0, value.size()));
}

bool SetPart(RequestHead& head, RequestPart part, std::string_view value) {
  if (!IsValidPart(part, value)) return false;
  if (part == RequestPart::kPath && value == "*" && head.method_id != Method::kOptions)
    return false;
  // Its bytes are a tunnel's, and would be taken for requests.
  if (part == RequestPart::kMethod && head.framing == Framing::kTunnel) return false;
  std::string_view& place = PlaceOf(head, part);
  place = head.arena().Copy(value);
  if (part == RequestPart::kMethod) head.method_id = ParseMethod(place);
  return true;
}

}  // namespace remora::http
