#pragma once

// The Connection field: what it says about the connection, and which other fields it nominates as
// meant for this hop only (RFC 9110 section 7.6.1).
//
// Values gathered while a head is read; views into the head's arena. A bounded number of tokens is
// accepted, and a request may not nominate fields whose loss would hide where it came from
// (Envoy's rule). Framing does not depend on it: Content-Length, Transfer-Encoding and Host cannot
// be nominated away.

#include <cstdint>
#include <string_view>

#include "source/http/header_map.h"

namespace remora::http1 {

struct ConnectionTokens {
  static constexpr uint32_t kMaxTokens = 9;  // Envoy refuses ten and more

  uint32_t count = 0;
  uint32_t nominated_count = 0;
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  // Not initialised: it is part of every request's parsing.
  struct Token {
    const char* text;
    size_t size;
  } nominated[kMaxTokens];
};

// Adds the tokens of one Connection field's value. False when there are too many.
bool AddConnectionTokens(std::string_view value, ConnectionTokens& tokens);

// Removes the nominated fields. False (requests only) when one may not be nominated.
bool RemoveNominated(const ConnectionTokens& tokens, bool is_request, http::HeaderMap& headers);

}  // namespace remora::http1
