#pragma once

// What the HTTP/1 targets share: sinks that write events down as text, codecs fed in pieces.
// The first byte of an input chooses options, the second how it is cut; the rest is the wire's.

#include <string>
#include <string_view>
#include <vector>

#include "source/base/arena.h"
#include "source/buffer/buffer.h"
#include "source/http/http1/client_codec.h"
#include "source/http/http1/server_codec.h"
#include "test/fuzz/targets/targets.h"

namespace remora::fuzz {

struct Pools {
  buffer::BlockPool blocks;
  base::ArenaPool arenas;
};

// The parts of one message, and whether they came in order.
struct Parts {
  std::string head;
  std::string body;
  std::string trailers;
  bool begun = false;
  bool ended = false;

  void Head(std::string text) {
    Require(!begun, "a second head");
    begun = true;
    head = std::move(text);
  }
  void Data(buffer::Buffer& data) {
    Require(begun && !ended, "data outside a message");
    Require(!data.empty(), "empty data");
    body += data.ToString();
  }
  void End(const http::HeaderMap* map);
  std::string ToString() const {
    return head + "\n" + body + "\n" + trailers + (ended ? "." : "...");
  }
};

std::string FieldsText(const http::HeaderMap& headers);

// `input` in pieces of `piece` bytes; 0: whole.
inline std::vector<std::string_view> Cut(std::string_view input, size_t piece) {
  std::vector<std::string_view> pieces;
  if (piece == 0) piece = input.size();
  for (size_t at = 0; at < input.size(); at += piece) pieces.push_back(input.substr(at, piece));
  return pieces;
}

}  // namespace remora::fuzz
