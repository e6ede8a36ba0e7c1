#pragma once

// ChunkedDecoder: takes the chunked transfer coding off a body (RFC 9112 section 7.1), strictly.
//
//   size --CRLF--> data --CRLF--> size ... 0 --CRLF--> trailers --> done
//      \-;-> extension -^
//
// Owner: a codec; about 40 bytes. Body bytes are moved out of the input slice by slice. Accepted
// are a size of 1 to 16 hexadecimal digits directly followed by CRLF or `;`, extensions of
// printable bytes within two bounds (a chunk's, a body's), and CRLF line ends only. The trailer
// section is scanned here and left at the front of the input for the codec to take. Source of the
// bounds: CVE-2023-39326, CVE-2024-22019.

#include <cstdint>

#include "source/buffer/buffer.h"
#include "source/http/http1/head_scanner.h"

namespace remora::http1 {

class ChunkedDecoder {
 public:
  static constexpr uint32_t kMaxExtension = 1024;       // bytes of one chunk's extensions
  static constexpr uint32_t kMaxBodyExtensions = 8192;  // of all chunks of a body together

  enum class Result : uint8_t {
    kMore,      // all input is used up
    kTrailers,  // the trailer section, trailer_size() bytes, is at the front of the input
    kInvalid,
    kTooLarge,  // the trailer section exceeds its limit
  };

  void Start();
  // Moves body bytes from `input` to `body`. Stops at the trailer section's end.
  Result Decode(buffer::Buffer& input, buffer::Buffer& body, uint32_t max_trailer_bytes,
                HeadScanner::Lines& trailer_lines);
  uint32_t trailer_size() const { return scanner_.size(); }

 private:
  enum class State : uint8_t { kSize, kExtension, kSizeFeed, kData, kDataCr, kDataFeed, kTrailers };

  // Eats framing bytes; false when one of them is wrong. Stops in front of data or trailers.
  bool EatFraming(std::string_view bytes, size_t& eaten);
  bool EatSize(uint8_t byte);
  bool EatExtension(uint8_t byte);

  uint64_t size_ = 0;  // of the chunk, counted down in kData
  HeadScanner scanner_;
  uint32_t extension_ = 0;
  uint32_t extensions_ = 0;
  State state_ = State::kSize;
  uint8_t digits_ = 0;
};

}  // namespace remora::http1
