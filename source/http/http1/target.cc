#include "source/http/http1/target.h"

#include "source/http/http1/ascii.h"
#include "source/http/http1/byte_set.h"
#include "source/http/http1/details.h"

namespace remora::http1 {
namespace {

constexpr ByteSet kAddressBytes("0123456789abcdefABCDEF:.");

bool IsPort(std::string_view text) {
  if (text.empty() || text.size() > 5) return false;
  unsigned port = 0;
  for (const char c : text) {
    const unsigned digit = static_cast<unsigned>(c) - '0';
    if (digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= 65535;
}

// The size of the host part; 0 when it is none.
size_t HostSize(std::string_view text) {
  if (text.front() != '[') return kHostBytes.Span(text.data(), text.size());
  const size_t close = text.find(']');
  if (close == std::string_view::npos || close < 3) return 0;
  const std::string_view address = text.substr(1, close - 1);
  return kAddressBytes.Span(address.data(), address.size()) == address.size() ? close + 1 : 0;
}

bool Fail(uint16_t status, std::string_view detail, http::CodecError& error) {
  error = {status, detail};
  return false;
}

bool ResolveAbsolute(std::string_view url, const TargetRules& rules, http::RequestHead& head,
                     http::CodecError& error) {
  const size_t colon = url.find("://");
  if (colon == std::string_view::npos) return Fail(400, detail::kInvalidUrl, error);
  const std::string_view scheme = url.substr(0, colon);
  const bool https = EqualsWord(scheme, "https");
  if (!https && !EqualsWord(scheme, "http")) {
    return Fail(400, detail::kInvalidScheme, error);
  }
  if (https && !rules.secure) return Fail(403, detail::kHttpsUrlOnPlaintext, error);
  const std::string_view rest = url.substr(colon + 3);
  const size_t end = rest.find_first_of("/?#");
  const std::string_view authority = rest.substr(0, end);
  // `user@` fails here too: RFC 9110 section 4.2.4.
  if (!IsValidAuthority(authority)) return Fail(400, detail::kInvalidUrl, error);
  head.scheme = https ? "https" : "http";
  head.authority = authority;
  if (end == std::string_view::npos) {
    head.path = head.method_id == http::Method::kOptions ? "*" : "/";
  } else if (rest[end] == '/') {
    head.path = rest.substr(end);
  } else {
    const std::string_view tail = rest.substr(end);
    char* path = head.arena().AllocateBytes(tail.size() + 1);
    path[0] = '/';
    tail.copy(path + 1, tail.size());
    head.path = {path, tail.size() + 1};
  }
  return true;
}

}  // namespace

bool IsValidAuthority(std::string_view text) {
  if (text.empty()) return false;
  const size_t host = HostSize(text);
  if (host == 0) return false;
  if (host == text.size()) return true;
  return text[host] == ':' && IsPort(text.substr(host + 1));
}

bool ResolveTarget(const RequestLine& line, const HostField& host, const TargetRules& rules,
                   http::RequestHead& head, http::CodecError& error) {
  if (host.count > 1) return Fail(400, detail::kCodecError, error);
  if (host.count == 1) {
    if (!IsValidAuthority(host.value)) return Fail(400, detail::kInvalidCharacters, error);
    head.authority = host.value;
  } else if (line.version == http::Version::kHttp10) {
    head.authority = rules.default_host_for_http_10;
  } else {
    return Fail(400, detail::kMissingHostHeader, error);
  }
  const std::string_view target = line.target;
  if (line.method_id == http::Method::kConnect) {
    const size_t colon = target.rfind(':');
    if (colon == std::string_view::npos || !IsValidAuthority(target) || target.back() == ']') {
      return Fail(400, detail::kInvalidUrl, error);
    }
    head.authority = target;
    head.path = {};
    return true;
  }
  if (target.front() == '/') {
    head.path = target;
    return true;
  }
  if (target == "*") {
    if (line.method_id != http::Method::kOptions) return Fail(400, detail::kInvalidUrl, error);
    head.path = target;
    return true;
  }
  if (rules.allow_absolute_url) return ResolveAbsolute(target, rules, head, error);
  // The connection manager refuses paths that do not begin with a slash.
  head.path = target;
  return true;
}

}  // namespace remora::http1
