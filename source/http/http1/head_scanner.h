#pragma once

// HeadScanner: finds the end of a head in received bytes and proves its line structure on the way.
//
// One pass, 32 bytes at a time, before any other code looks at the bytes: every CR is followed by
// LF and every LF follows a CR, no control byte but HTAB, no DEL (RFC 9112 sections 2.2 and 5.5,
// RFC 9110 section 5.5). A head ends with the first empty line after its first line; trailer
// sections are scanned the same way, except that they may be empty. What comes behind the end is
// not looked at.
//
// Owner: a codec (8 bytes of state). Works over slices and resumes where it stopped, so a sender of
// single bytes costs linear work. Peers' faults are results, never checks.

#include <cstdint>
#include <cstring>
#include <string_view>

#include "source/buffer/buffer.h"

namespace remora::http1 {

class HeadScanner {
 public:
  enum class Result : uint8_t { kIncomplete, kComplete, kInvalid, kTooLarge };

  // Offsets of the line feeds of one head, the last one ending the empty line. Of heads with more
  // lines than fit it has only the first ones.
  struct Lines {
    static constexpr uint32_t kCapacity = 128;
    uint32_t count = 0;
    uint32_t feeds[kCapacity];

    void Add(uint32_t feed) {
      if (count < kCapacity) feeds[count++] = feed;
    }
    // Offset of line feed `index`, searched for from `from` when it is not in the table. The text
    // must have one.
    uint32_t Feed(uint32_t index, const char* text, uint32_t from) const {
      if (__builtin_expect(index < count, 1)) return feeds[index];
      return static_cast<uint32_t>(static_cast<const char*>(rawmemchr(text + from, '\n')) - text);
    }
  };

  // Looks at the bytes of `input` that earlier calls have not seen; `input` must not be drained
  // between them. kComplete: size() bytes are the head. kTooLarge: more than `limit`.
  // `lines` is filled when the head is complete.
  Result Scan(const buffer::Buffer& input, uint32_t limit, Lines& lines);

  uint32_t size() const { return scanned_; }
  bool started() const { return scanned_ > 0; }
  void Restart() { *this = HeadScanner(); }
  // An empty line ends the section at once.
  void RestartForTrailers() {
    Restart();
    state_ = State::kLineStart;
  }

 private:
  // What the next byte follows.
  enum class State : uint8_t { kText, kLineStart, kCr, kCrOfEmptyLine };

  struct Piece;

  Result ScanPiece(std::string_view text, Lines& lines);

  uint32_t scanned_ = 0;
  State state_ = State::kText;
};

}  // namespace remora::http1
