#pragma once

// The two ways of base64 in gRPC-Web: what a client sends becomes bytes, messages become text.
//
// Sans-I/O, both keep at most four bytes. Owner: the filter of a stream. Thread: its worker.
// Reading fails for what is no base64, writing never. Source: gRPC docs, "gRPC Web"; RFC 4648
// section 4.

#include <cstdint>

#include "source/buffer/buffer.h"
#include "source/grpc/frame.h"

namespace remora::extensions {

class Base64Reader {
 public:
  // Appends what the letters mean to `out`. Padding may end any group of four: a body may be made
  // of several texts. False: it is no base64, and no more can be read.
  bool Read(const buffer::Buffer& text, buffer::Buffer& out);
  // No group has begun that is not whole.
  bool whole() const { return letters_ == 0; }

 private:
  bool EndGroup(char* out, size_t& size);

  uint32_t group_ = 0;
  uint8_t letters_ = 0;  // of the group, with padding
  uint8_t padding_ = 0;
};

// Each message, with its prefix, is a text of its own.
class MessageWriter {
 public:
  void Write(const buffer::Buffer& bytes, buffer::Buffer& out);
  // Ends a message that is cut off.
  void Finish(buffer::Buffer& out);

 private:
  void Put(unsigned char byte, buffer::Buffer& out);
  void EndText(buffer::Buffer& out);

  uint32_t group_ = 0;
  uint8_t bytes_ = 0;        // in the group
  uint8_t prefix_have_ = 0;  // of the message's prefix
  uint64_t left_ = 0;        // of the message; then of its size what has been read
};

// A text of all of it.
void AppendBase64(std::string_view bytes, buffer::Buffer& out);

}  // namespace remora::extensions
