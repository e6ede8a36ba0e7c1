#pragma once

// The field section of a head or trailer section: from scanned lines to HeaderMap entries
// (RFC 9112 section 5).
//
// Works in place on bytes that HeadScanner accepted and that were copied to the message's arena
// once: names are lower-cased, values trimmed, and nothing is copied again. Strict: a name of token
// characters directly followed by a colon, no folded lines. Fields that belong to the connection
// and not to the message are taken out here; what they say is in FieldSet.
//
// Pure functions; failures fill a CodecError. Thread: the stream's worker.

#include <cstdint>
#include <string_view>

#include "source/base/arena.h"
#include "source/buffer/buffer.h"
#include "source/http/codec.h"
#include "source/http/header_map.h"
#include "source/http/http1/head_scanner.h"
#include "source/http/http1/hop_by_hop.h"

namespace remora::http1 {

// A head's bytes in its arena, with kReadSlack bytes behind that may be read and written.
struct HeadText {
  char* text;
  uint32_t size;
};
// Moves the first `size` bytes of `input` there.
HeadText TakeHead(buffer::Buffer& input, uint32_t size, base::Arena& arena);

enum class Section : uint8_t { kRequest, kResponse, kTrailers };

// What the fields said that do not stay in the map, or that decide about framing.
struct FieldSet {
  uint32_t lines = 0;  // fields in all
  uint32_t host_count = 0;
  uint32_t content_length_count = 0;
  uint32_t transfer_encoding_count = 0;
  uint32_t upgrade_count = 0;
  bool expects_continue = false;
  std::string_view host;  // the last value of each
  std::string_view content_length;
  std::string_view transfer_encoding;
  std::string_view upgrade;
  ConnectionTokens connection;
};

struct FieldLines {
  HeadText head;
  const HeadScanner::Lines& lines;
  uint32_t begin;       // offset of the first field line
  uint32_t first_line;  // its index
};

// Fills `headers` and `fields`; the nominated fields are removed. At most `max_fields` fields.
bool ParseFields(const FieldLines& source, Section section, uint32_t max_fields,
                 http::HeaderMap& headers, FieldSet& fields, http::CodecError& error);

// Takes a trailer section of `size` bytes off `input`. Fields that make no sense or do harm behind
// a body (framing, routing, authentication: RFC 9110 section 6.5.1) are dropped. Null on failure.
http::HeaderMap* TakeTrailers(buffer::Buffer& input, uint32_t size, const HeadScanner::Lines& lines,
                              uint32_t max_fields, base::Arena& arena, http::CodecError& error);

}  // namespace remora::http1
