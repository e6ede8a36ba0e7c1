#pragma once

// Cross-check: a second parser's reading of a head, for messages where a misreading would be an
// attack.
//
// Request smuggling lives where two parsers disagree about where a message ends. So each request
// that carries a body, or that has an unusual shape (method, target form, version), and each
// response that is not plainly delimited by one content-length, is read again by llhttp, which
// shares no code with ours. Both must agree on target, version, number of fields and framing, to
// the byte where the head ends; otherwise the message is refused. The keep-alive GET and its usual
// answer do not pay for it.
//
// Pure functions over a complete head in an arena; any thread. The names in the head may already be
// lower-case. Source: RFC 9112 section 11.2; ADR 16.

#include <cstdint>
#include <string_view>

#include "source/http/http1/framing_rules.h"

namespace remora::http1 {

// What our parser has read.
struct HeadClaim {
  std::string_view head;    // all of it, with the empty line
  std::string_view target;  // requests
  uint16_t status = 0;      // responses
  http::Version version = http::Version::kHttp11;
  uint32_t fields = 0;
  uint32_t content_length_count = 0;
  uint32_t transfer_encoding_count = 0;
  FramingDecision framing;
};

enum class CrossCheck : uint8_t { kAgreed, kDisagreed, kInvalidTarget };

CrossCheck CrossCheckRequest(const HeadClaim& claim);
CrossCheck CrossCheckResponse(const HeadClaim& claim);

}  // namespace remora::http1
