#include "source/http/http1/body_writer.h"

#include <charconv>
#include <cstring>

#include "source/base/check.h"
#include "source/http/http1/serializer.h"

namespace remora::http1 {
namespace {

void AppendSizeLine(uint64_t size, buffer::Buffer& output) {
  constexpr size_t kRoom = 16 + 2;
  char* const begin = output.ReserveContiguous(kRoom);
  char* end = std::to_chars(begin, begin + 16, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  output.CommitContiguous(static_cast<size_t>(end - begin));
}

}  // namespace

bool BodyWriter::Write(buffer::Buffer& data, buffer::Buffer& output) {
  switch (mode_) {
    case BodyMode::kNone:
      data.Clear();
      return true;
    case BodyMode::kUntilClose:
      output.MoveFrom(data);
      return true;
    case BodyMode::kLength: {
      const bool fits = data.length() <= remaining_;
      if (fits) {
        remaining_ -= data.length();
        output.MoveFrom(data);
      } else {
        output.MoveFrom(data, static_cast<size_t>(remaining_));
        remaining_ = 0;
        data.Clear();
      }
      return fits;
    }
    case BodyMode::kChunked:
      // An empty chunk would be the last one.
      if (data.empty()) return true;
      AppendSizeLine(data.length(), output);
      output.MoveFrom(data);
      output.Append("\r\n");
      return true;
  }
  return false;
}

bool BodyWriter::End(const http::HeaderMap* trailers, buffer::Buffer& output) {
  const BodyMode mode = mode_;
  mode_ = BodyMode::kNone;
  if (mode == BodyMode::kLength) return remaining_ == 0;
  if (mode != BodyMode::kChunked) return true;
  output.Append("0\r\n");
  if (trailers != nullptr && !trailers->empty()) WriteTrailerFields(*trailers, output);
  output.Append("\r\n");
  return true;
}

}  // namespace remora::http1
