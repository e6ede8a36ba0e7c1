#pragma once

// DecideFraming: the one place where the length of an HTTP/1 message is decided (RFC 9112 section
// 6.3), stricter than the RFC where it leaves a choice.
//
// A pure function; any thread. What two recipients could read in two ways is refused: both
// Content-Length and Transfer-Encoding (unless allowed), more than one of either, any transfer
// coding but exactly `chunked`, any transfer coding in HTTP/1.0, any Content-Length that is not 1
// to 19 digits.

#include <cstdint>
#include <string_view>

#include "source/http/codec.h"
#include "source/http/message.h"

namespace remora::http1 {

struct FramingInput {
  bool is_response = false;
  http::Version version = http::Version::kHttp11;
  http::Method method = http::Method::kGet;  // of the request, also for its response
  uint16_t status = 0;                       // responses only
  uint32_t content_length_count = 0;         // fields of that name
  uint32_t transfer_encoding_count = 0;
  std::string_view content_length;  // the value of the last one, without outer white space
  std::string_view transfer_encoding;
  bool allow_chunked_length = false;  // chunked counts, if both are there
};

struct FramingDecision {
  http::Framing framing = http::Framing::kNone;
  bool chunked = false;     // kStreamed: chunked, else until close
  uint16_t status = 0;      // not 0: rejected; what a server answers
  uint64_t length = 0;      // kLength
  std::string_view detail;  // of the rejection

  bool rejected() const { return status != 0; }
};

FramingDecision DecideFraming(const FramingInput& input);

}  // namespace remora::http1
