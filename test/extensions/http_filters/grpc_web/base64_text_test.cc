#include "source/extensions/http_filters/grpc_web/base64_text.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/escaping.h"

namespace remora::extensions {
namespace {

// What a reader makes of a text that comes in pieces of `piece` bytes; "?" behind it: it is none,
// "..." that something is missing.
std::string Read(const std::string& text, size_t piece) {
  buffer::BlockPool blocks;
  buffer::Buffer out(blocks);
  Base64Reader reader;
  for (size_t at = 0; at < text.size(); at += piece) {
    buffer::Buffer in(blocks);
    in.Append(text.substr(at, piece));
    if (!reader.Read(in, out)) return out.ToString() + "?";
  }
  return out.ToString() + (reader.whole() ? "" : "...");
}

std::string Write(const std::string& bytes, size_t piece) {
  buffer::BlockPool blocks;
  buffer::Buffer out(blocks);
  MessageWriter writer;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    buffer::Buffer in(blocks);
    in.Append(bytes.substr(at, piece));
    writer.Write(in, out);
  }
  writer.Finish(out);
  return out.ToString();
}

std::string Message(const std::string& text) {
  std::string bytes("\0\0\0", 3);
  bytes += static_cast<char>(text.size() >> 8);
  bytes += static_cast<char>(text.size());
  return bytes + text;
}

TEST_CASE("base64 text: read, however it is cut") {
  std::string all;
  for (int i = 0; i < 10'000; ++i) all += static_cast<char>(i * 7);
  for (const std::string& bytes :
       {std::string(), std::string("a"), std::string("ab"), std::string("abc"), all}) {
    const std::string text = absl::Base64Escape(bytes);
    for (const size_t piece : {1, 2, 3, 5, 4096, 100'000}) CHECK(Read(text, piece) == bytes);
  }
  // Several texts, each with padding.
  CHECK(Read("YQ==YWI=YWJj", 3) == "aababc");
}

TEST_CASE("base64 text: what is none") {
  for (const char* text :
       {"YQ=a", "=AAA", "A===", "====", "YW Jj", "YWJ\n", "YW-_", "YR==", "YWJ="}) {
    INFO(text);
    CHECK(Read(text, 1).back() == '?');
  }
  for (const char* text : {"Y", "YQ", "YQ=", "YWJjY"}) CHECK(Read(text, 2).ends_with("..."));
}

TEST_CASE("base64 text: each message is a text of its own, however it is cut") {
  const std::string messages[] = {
      Message(""), Message("a"), Message("ab"), Message("abc"), Message(std::string(1000, 'x')),
      Message("")};
  std::string bytes;
  std::string expected;
  for (const std::string& message : messages) {
    bytes += message;
    expected += absl::Base64Escape(message);
  }
  for (const size_t piece : {1, 2, 3, 7, 500, 10'000}) CHECK(Write(bytes, piece) == expected);
  // Cut off: what is there comes out.
  const std::string half = bytes.substr(0, 8);
  CHECK(Write(half, 3) ==
        absl::Base64Escape(bytes.substr(0, 5)) + absl::Base64Escape(bytes.substr(5, 3)));
}

}  // namespace
}  // namespace remora::extensions
