#pragma once

// FrameCounter: how many length-prefixed messages have begun in bytes that pass by.
//
// Sans-I/O, keeps nothing but its place in a message. Owner: a filter of a stream. Thread: its
// worker. Nothing fails: what is no gRPC is counted as if it were.
// Source: Envoy source/common/grpc/codec.h (FrameInspector).

#include <cstdint>

#include "source/buffer/buffer.h"
#include "source/grpc/frame.h"

namespace remora::grpc {

class FrameCounter {
 public:
  // How many began in `data`, which follows what was given before.
  uint64_t Count(const buffer::Buffer& data);

 private:
  size_t prefix_have_ = 0;
  uint32_t size_ = 0;  // of the prefix read so far; then what is left of the message
};

}  // namespace remora::grpc
