// Length-prefixed messages, cut everywhere.

#include <catch2/catch.hpp>

#include "source/grpc/frame.h"

namespace remora::grpc {
namespace {

using Outcome = FrameReader::Outcome;

std::string Framed(const std::string& text, char flag = 0) {
  const auto size = static_cast<uint32_t>(text.size());
  return {std::string{flag, static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                      static_cast<char>(size >> 8), static_cast<char>(size)} +
          text};
}

// Feeds `bytes` in pieces of `step`; messages in brackets, then what came out last.
std::string ReadAll(const std::string& bytes, size_t step, uint64_t limit = 1000) {
  buffer::BlockPool blocks;
  FrameReader reader(blocks, limit);
  std::string out;
  for (size_t at = 0; at < bytes.size(); at += step) {
    buffer::Buffer input(blocks);
    input.Append(std::string_view(bytes).substr(at, step));
    while (!input.empty()) {
      switch (reader.Read(input)) {
        case Outcome::kMessage:
          out += "[" + reader.message().ToString() + "]";
          break;
        case Outcome::kMoreNeeded:
          REQUIRE(input.empty());
          break;
        case Outcome::kTooLarge:
          return out + "too large";
        case Outcome::kCompressed:
          return out + "compressed";
        case Outcome::kMalformed:
          return out + "malformed";
      }
    }
  }
  return out + (reader.in_message() ? "cut" : "");
}

TEST_CASE("gRPC frames: messages in pieces of every size") {
  const std::string bytes = Framed("one") + Framed("") + Framed(std::string(300, 'x'));
  for (size_t step = 1; step <= bytes.size(); ++step) {
    CHECK(ReadAll(bytes, step) == "[one][][" + std::string(300, 'x') + "]");
  }
}

TEST_CASE("gRPC frames: cut at every place") {
  const std::string bytes = Framed("one") + Framed("two");
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string whole = size >= 8 ? "[one]" : "";
    CHECK(ReadAll(bytes.substr(0, size), 3) == whole + (size == 0 || size == 8 ? "" : "cut"));
  }
}

TEST_CASE("gRPC frames: what is refused") {
  const std::pair<std::string, std::string> rows[] = {
      {Framed("x", 1), "compressed"},
      {Framed("x", 2), "malformed"},
      {Framed("one") + "<html>", "[one]malformed"},
      {Framed(std::string(1000, 'x')), "[" + std::string(1000, 'x') + "]"},
      {Framed(std::string(1001, 'x')), "too large"},
      {std::string("\0\xff\xff\xff\xff", 5), "too large"},
  };
  for (const auto& [bytes, expected] : rows) {
    CHECK(ReadAll(bytes, bytes.size()) == expected);
    CHECK(ReadAll(bytes, 1) == expected);
  }
}

TEST_CASE("gRPC frames: the prefix that is written is the one that is read") {
  buffer::BlockPool blocks;
  for (const uint32_t size : {0u, 1u, 255u, 65536u, 0x01020304u}) {
    buffer::Buffer out(blocks);
    AppendPrefix(out, size);
    const std::string bytes = out.ToString();
    REQUIRE(bytes.size() == kPrefixSize);
    uint32_t read = 0;
    for (size_t i = 1; i < kPrefixSize; ++i) read = read << 8 | static_cast<uint8_t>(bytes[i]);
    CHECK(bytes[0] == 0);
    CHECK(read == size);
  }
}

}  // namespace
}  // namespace remora::grpc
