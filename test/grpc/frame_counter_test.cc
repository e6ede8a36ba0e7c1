// Messages in bytes that pass by, cut everywhere.

#include "source/grpc/frame_counter.h"

#include <catch2/catch.hpp>
#include <string>

namespace remora::grpc {
namespace {

uint64_t CountIn(const std::string& bytes, size_t step) {
  buffer::BlockPool blocks;
  FrameCounter counter;
  uint64_t count = 0;
  for (size_t at = 0; at < bytes.size(); at += step) {
    buffer::Buffer data(blocks);
    data.Append(std::string_view(bytes).substr(at, step));
    count += counter.Count(data);
    REQUIRE(data.length() > 0);  // it takes nothing
  }
  return count;
}

TEST_CASE("gRPC frame counter: in pieces of every size") {
  buffer::BlockPool blocks;
  buffer::Buffer three(blocks);
  for (const uint32_t size : {0u, 1u, 300u}) {
    AppendPrefix(three, size);
    three.Append(std::string(size, 'x'));
  }
  const std::string bytes = three.ToString();
  for (size_t step = 1; step <= bytes.size(); ++step) CHECK(CountIn(bytes, step) == 3);
  CHECK(CountIn(bytes + '\0', 7) == 4);  // one that has only begun
  CHECK(CountIn("", 1) == 0);
}

}  // namespace
}  // namespace remora::grpc
