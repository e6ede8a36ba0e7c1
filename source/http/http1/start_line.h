#pragma once

// Request and status lines (RFC 9112 sections 3 and 4), strict: single spaces, HTTP/1.0 or 1.1, no
// white space around.
//
// Which method names and target forms exist is not judged here: unusual ones are llhttp's to
// confirm (cross_check.h). Pure functions over a head in an arena; any thread. Failures fill a
// CodecError.

#include <cstdint>
#include <string_view>

#include "source/http/codec.h"
#include "source/http/message.h"

namespace remora::http1 {

struct RequestLine {
  std::string_view method;
  std::string_view target;
  http::Version version = http::Version::kHttp11;
  http::Method method_id = http::Method::kOther;
};

struct ResponseLine {
  http::Version version = http::Version::kHttp11;
  uint16_t status = 0;  // 100 to 599
};

// `line` is without its CRLF, which stands behind it, with kReadSlack bytes after that.
bool ParseRequestLine(std::string_view line, RequestLine& result, http::CodecError& error);

// `line` is without its CRLF. The reason phrase is not kept: ours is written instead.
bool ParseResponseLine(std::string_view line, ResponseLine& result);

}  // namespace remora::http1
