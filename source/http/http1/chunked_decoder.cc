#include "source/http/http1/chunked_decoder.h"

#include <algorithm>
#include <cstdint>

namespace remora::http1 {
namespace {

// Larger sizes are nonsense that only serves to overflow somebody's arithmetic.
constexpr uint64_t kMaxChunk = INT64_MAX;
constexpr uint8_t kMaxDigits = 16;

// The value of a hexadecimal digit, else 16.
unsigned HexDigit(uint8_t byte) {
  const unsigned digit = byte - unsigned{'0'};
  if (digit <= 9) return digit;
  const unsigned letter = (byte | 0x20u) - unsigned{'a'};
  return letter <= 5 ? letter + 10 : 16;
}

}  // namespace

void ChunkedDecoder::Start() { *this = ChunkedDecoder(); }

bool ChunkedDecoder::EatSize(uint8_t byte) {
  const unsigned digit = HexDigit(byte);
  if (digit < 16) {
    size_ = size_ * 16 + digit;
    return ++digits_ <= kMaxDigits;
  }
  if (digits_ == 0 || size_ > kMaxChunk) return false;
  if (byte == ';') {
    state_ = State::kExtension;
    extension_ = 0;
    return EatExtension(byte);
  }
  state_ = State::kSizeFeed;
  return byte == '\r';
}

bool ChunkedDecoder::EatExtension(uint8_t byte) {
  if (byte == '\r') {
    state_ = State::kSizeFeed;
    return true;
  }
  const bool printable = byte == '\t' || (byte >= 0x20 && byte < 0x7f);
  return printable && ++extension_ <= kMaxExtension && ++extensions_ <= kMaxBodyExtensions;
}

bool ChunkedDecoder::EatFraming(std::string_view bytes, size_t& eaten) {
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    bool good = false;
    switch (state_) {
      case State::kSize:
        good = EatSize(byte);
        break;
      case State::kExtension:
        good = EatExtension(byte);
        break;
      case State::kSizeFeed:
        good = byte == '\n';
        state_ = size_ > 0 ? State::kData : State::kTrailers;
        if (size_ == 0) scanner_.RestartForTrailers();
        break;
      case State::kDataCr:
        good = byte == '\r';
        state_ = State::kDataFeed;
        break;
      case State::kDataFeed:
        good = byte == '\n';
        state_ = State::kSize;
        size_ = 0;
        digits_ = 0;
        break;
      case State::kData:
      case State::kTrailers:
        return true;
    }
    if (!good) return false;
    ++eaten;
  }
  return true;
}

ChunkedDecoder::Result ChunkedDecoder::Decode(buffer::Buffer& input, buffer::Buffer& body,
                                              uint32_t max_trailer_bytes,
                                              HeadScanner::Lines& trailer_lines) {
  for (;;) {
    if (state_ == State::kData) {
      const auto size = static_cast<size_t>(std::min<uint64_t>(size_, input.length()));
      body.MoveFrom(input, size);
      size_ -= size;
      if (size_ > 0) return Result::kMore;
      state_ = State::kDataCr;
    }
    if (state_ == State::kTrailers) {
      switch (scanner_.Scan(input, max_trailer_bytes, trailer_lines)) {
        case HeadScanner::Result::kIncomplete:
          return Result::kMore;
        case HeadScanner::Result::kComplete:
          return Result::kTrailers;
        case HeadScanner::Result::kInvalid:
          return Result::kInvalid;
        case HeadScanner::Result::kTooLarge:
          return Result::kTooLarge;
      }
    }
    if (input.empty()) return Result::kMore;
    size_t eaten = 0;
    const bool good = EatFraming(input.Front(), eaten);
    input.Drain(eaten);
    if (!good) return Result::kInvalid;
  }
}

}  // namespace remora::http1
