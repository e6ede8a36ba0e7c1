#pragma once

// Length-prefixed messages: five bytes (a flag, a length in network order) and the message.
//
// Sans-I/O: FrameReader makes messages of the bytes of a response as they come, by moving blocks,
// not bytes. A message may be as long as the reader's limit and not compressed: we announce no
// encoding. Owner: a Stream, or a filter that looks at calls passing by. Thread: its worker.
// Source: gRPC docs, "gRPC over HTTP2" (Length-Prefixed-Message).

#include <cstdint>

#include "source/buffer/buffer.h"

namespace remora::grpc {

inline constexpr size_t kPrefixSize = 5;

// Puts the prefix of a message of `size` bytes behind `out`.
void AppendPrefix(buffer::Buffer& out, uint32_t size);

class FrameReader {
 public:
  enum class Outcome : uint8_t {
    kMessage,     // message() is whole; take it
    kMoreNeeded,  // all input was taken
    kTooLarge,
    kCompressed,
    kMalformed,  // a flag that there is none of
  };

  FrameReader(buffer::BlockPool& blocks, uint64_t max_message)
      : message_(blocks), max_message_(max_message) {}

  // Takes from `input` up to the end of a message. After one of the last three it reads no more.
  Outcome Read(buffer::Buffer& input);
  buffer::Buffer& message() { return message_; }
  // A message has begun and is not whole.
  bool in_message() const { return prefix_have_ > 0; }

 private:
  Outcome ReadPrefix();

  buffer::Buffer message_;
  const uint64_t max_message_;
  unsigned char prefix_[kPrefixSize];
  size_t prefix_have_ = 0;
  uint32_t size_ = 0;
};

}  // namespace remora::grpc
