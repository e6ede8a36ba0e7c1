#pragma once

// SetCookie: what a set-cookie field says, as far as another cookie takes it over.
//
// Reading is tolerant, as browsers are: attributes that are not known are passed over, of several
// the last counts. A view into the field. Any thread; nothing fails.
// Source: RFC 6265 section 5.2; Partitioned: draft-cutler-httpbis-partitioned-cookies.

#include <string_view>

namespace remora::extensions {

struct SetCookie {
  explicit SetCookie(std::string_view field);

  std::string_view name;
  std::string_view value;
  std::string_view expires;    // as it is written; empty: not said
  std::string_view same_site;  // as it is written
  bool deletes = false;        // Max-Age is zero or negative
  bool secure = false;
  bool partitioned = false;
};

// RFC 6265 section 4.1.1: cookie-octets, so that it needs no quotes.
bool IsCookieValue(std::string_view text);

}  // namespace remora::extensions
