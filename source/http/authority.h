#pragma once

// Parts of an authority (RFC 9110 section 4.2, "host" with or without ":port").
//
// Pure functions; any thread, no owner. Nothing fails: what is no authority comes back as it is.

#include <string_view>

namespace remora::http {

// The host without its port, and an IPv6 address without its brackets.
constexpr std::string_view HostOf(std::string_view authority) {
  if (!authority.empty() && authority.front() == '[') {
    const size_t close = authority.find(']');
    return close == std::string_view::npos ? authority : authority.substr(1, close - 1);
  }
  const size_t colon = authority.find(':');
  // More than one colon is a bare IPv6 address.
  if (colon == std::string_view::npos || authority.find(':', colon + 1) != std::string_view::npos) {
    return authority;
  }
  return authority.substr(0, colon);
}

}  // namespace remora::http
