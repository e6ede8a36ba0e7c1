#pragma once

// What the values of fields that decide about a message must look like, whichever protocol brings
// them: authority, content-length, and what may stand behind a body.
//
// Pure functions; any thread. Strict: what two recipients could read in two ways is refused here,
// so that a message means the same in HTTP/1 and HTTP/2 (RFC 9110 sections 4.2, 6.5, 8.6).

#include <cstdint>
#include <string_view>

#include "source/http/header_map.h"

namespace remora::http {

// host[:port] with a host that could be a name or an address, and a port up to 65535. `text` has
// kReadSlack (byte_set.h) readable bytes behind it.
bool IsValidAuthority(std::string_view text);

// Strict decimal: 1 to 19 digits and nothing else. False when it is no such number.
bool ParseContentLength(std::string_view text, uint64_t& length);

// False for fields that make no sense or do harm behind a body: framing, routing, authentication
// (RFC 9110 section 6.5.1).
bool AllowedInTrailers(const HeaderEntry& entry);

}  // namespace remora::http
