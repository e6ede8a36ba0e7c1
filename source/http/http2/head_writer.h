#pragma once

// Heads and trailers as the fields of a HEADERS block (RFC 9113 section 8.3).
//
// Pseudo-headers and content-length are always ours, whatever the map holds; fields about a
// connection of HTTP/1 are left out. A tunnel that HTTP/1 calls an upgrade is an extended CONNECT
// (RFC 8441), its 101 a 200. Pure functions; the fields are views into the message and its arena.
// They do not fail: a byte that would break a target apart in the next hop is percent-encoded.
// Thread: the stream's worker.

#include <string_view>
#include <vector>

#include "source/http/message.h"

namespace remora::http2 {

struct WireField {
  std::string_view name;
  std::string_view value;
  // Differs with every message: it would only push others out of the peer's HPACK table.
  bool unique = false;
};

void ListRequest(const http::RequestHead& head, std::vector<WireField>& fields);
// `method` is the request's.
void ListResponse(const http::ResponseHead& head, http::Method method,
                  std::vector<WireField>& fields);
void ListTrailers(const http::HeaderMap& trailers, std::vector<WireField>& fields);

}  // namespace remora::http2
