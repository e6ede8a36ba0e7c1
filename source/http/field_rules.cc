#include "source/http/field_rules.h"

#include <algorithm>
#include <iterator>

#include "source/http/byte_set.h"

namespace remora::http {
namespace {

constexpr HeaderIdSet kHeadOnlyFields = {
    HeaderId::kConnection,
    HeaderId::kContentLength,
    HeaderId::kExpect,
    HeaderId::kHost,
    HeaderId::kHttp2Settings,
    HeaderId::kKeepAlive,
    HeaderId::kProxyConnection,
    HeaderId::kTe,
    HeaderId::kTransferEncoding,
    HeaderId::kUpgrade,
    HeaderId::kAge,
    HeaderId::kAuthorization,
    HeaderId::kCacheControl,
    HeaderId::kContentEncoding,
    HeaderId::kContentType,
    HeaderId::kCookie,
    HeaderId::kDate,
    HeaderId::kExpires,
    HeaderId::kForwarded,
    HeaderId::kIfModifiedSince,
    HeaderId::kIfNoneMatch,
    HeaderId::kLocation,
    HeaderId::kRange,
    HeaderId::kSetCookie,
    HeaderId::kTrailer,
    HeaderId::kVary,
};
constexpr std::string_view kHeadOnlyNames[] = {
    "content-range",       "max-forwards",     "proxy-authenticate",
    "proxy-authorization", "www-authenticate",
};

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

}  // namespace

bool IsValidAuthority(std::string_view text) {
  if (text.empty()) return false;
  const size_t host = HostSize(text);
  if (host == 0) return false;
  if (host == text.size()) return true;
  return text[host] == ':' && IsPort(text.substr(host + 1));
}

bool ParseContentLength(std::string_view text, uint64_t& length) {
  // 19 digits always fit in 64 bits, so no overflow can happen below.
  if (text.empty() || text.size() > 19) return false;
  uint64_t value = 0;
  for (const char c : text) {
    const unsigned digit = static_cast<unsigned>(c) - '0';
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  length = value;
  return true;
}

bool AllowedInTrailers(const HeaderEntry& entry) {
  if (kHeadOnlyFields.Has(entry.id)) return false;
  if (entry.id >= HeaderId::kXEnvoyAttemptCount && entry.id <= HeaderId::kXForwardedProto) {
    return false;
  }
  if (entry.id != HeaderId::kOther) return true;
  return std::none_of(std::begin(kHeadOnlyNames), std::end(kHeadOnlyNames),
                      [&entry](std::string_view name) { return entry.name() == name; });
}

}  // namespace remora::http
