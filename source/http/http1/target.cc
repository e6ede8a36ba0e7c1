#include "source/http/http1/target.h"

#include "source/http/ascii.h"
#include "source/http/field_rules.h"
#include "source/http/http1/details.h"

namespace remora::http1 {
namespace {

bool Fail(uint16_t status, std::string_view detail, http::CodecError& error) {
  error = {status, detail};
  return false;
}

bool ResolveAbsolute(std::string_view url, const TargetRules& rules, http::RequestHead& head,
                     http::CodecError& error) {
  const size_t colon = url.find("://");
  if (colon == std::string_view::npos) return Fail(400, detail::kInvalidUrl, error);
  const std::string_view scheme = url.substr(0, colon);
  const bool https = http::EqualsWord(scheme, "https");
  if (!https && !http::EqualsWord(scheme, "http")) {
    return Fail(400, detail::kInvalidScheme, error);
  }
  if (https && !rules.secure) return Fail(403, detail::kHttpsUrlOnPlaintext, error);
  const std::string_view rest = url.substr(colon + 3);
  const size_t end = rest.find_first_of("/?#");
  const std::string_view authority = rest.substr(0, end);
  // `user@` fails here too: RFC 9110 section 4.2.4.
  if (!http::IsValidAuthority(authority)) return Fail(400, detail::kInvalidUrl, error);
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

bool ResolveTarget(const RequestLine& line, const HostField& host, const TargetRules& rules,
                   http::RequestHead& head, http::CodecError& error) {
  if (host.count > 1) return Fail(400, detail::kCodecError, error);
  if (host.count == 1) {
    if (!http::IsValidAuthority(host.value)) return Fail(400, detail::kInvalidCharacters, error);
    head.authority = host.value;
  } else if (line.version == http::Version::kHttp10) {
    head.authority = rules.default_host_for_http_10;
  } else {
    return Fail(400, detail::kMissingHostHeader, error);
  }
  const std::string_view target = line.target;
  if (line.method_id == http::Method::kConnect) {
    const size_t colon = target.rfind(':');
    if (colon == std::string_view::npos || !http::IsValidAuthority(target) ||
        target.back() == ']') {
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
