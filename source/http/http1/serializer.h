#pragma once

// Heads and trailers on the wire (RFC 9112 sections 2 to 6).
//
// Request line, Host, framing and connection fields are always written anew, whatever the map
// holds; so is every field that did not come from the wire as a canonical line. Runs of canonical
// lines that still stand side by side in the arena are copied at once. A field that would break the
// message apart (CR, LF or NUL in its value) is not written.
//
// Pure functions from a message to bytes in `output`; they start the message's BodyWriter. Thread:
// the stream's worker.

#include "source/buffer/buffer.h"
#include "source/http/codec.h"
#include "source/http/http1/body_writer.h"
#include "source/http/message.h"

namespace remora::http1 {

struct ResponseContext {
  http::Version version = http::Version::kHttp11;  // of the request
  http::Method method = http::Method::kGet;        // of the request
  bool close = false;                              // the connection ends after this response
  http::NameCase name_case = http::NameCase::kLower;
};

// Names are lower-case unless `name_case`, or what the head says of itself, is something else.
void WriteRequestHead(const http::RequestHead& head, http::NameCase name_case,
                      buffer::Buffer& output, BodyWriter& body);
void WriteResponseHead(const http::ResponseHead& head, const ResponseContext& context,
                       buffer::Buffer& output, BodyWriter& body);
// An interim response (1xx): it has no body and leaves the connection as it is.
void WriteInformationalHead(const http::ResponseHead& head, buffer::Buffer& output);

// The field lines of a trailer section, without the empty line.
void WriteTrailerFields(const http::HeaderMap& trailers, buffer::Buffer& output);

}  // namespace remora::http1
