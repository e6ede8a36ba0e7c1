#include "source/http/http1/parser.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>

#include "test/http/http1/codec_harness.h"

namespace remora::http1 {
namespace {

using http::HeaderId;

// The only field of a trailer section of one line, as `name: v`.
struct Parsed {
  bool ok = false;
  std::string name;
  HeaderId id = HeaderId::kOther;
};

Parsed ParseName(std::string_view name) {
  Pools pools;
  base::Arena arena(pools.arenas);
  buffer::Buffer input(pools.blocks);
  input.Append(std::string(name) + ": v\r\n\r\n");
  HeadScanner scanner;
  scanner.RestartForTrailers();
  HeadScanner::Lines lines;
  REQUIRE(scanner.Scan(input, 1 << 17, lines) == HeadScanner::Result::kComplete);
  const auto text = TakeHead(input, scanner.size(), arena);
  http::HeaderMap headers(arena);
  FieldSet fields;
  http::CodecError error;
  Parsed parsed;
  parsed.ok = ParseFields({text, lines, 0, 0}, Section::kResponse, 10, headers, fields, error);
  headers.ForEach([&](const http::HeaderEntry& entry) {
    parsed.name = entry.name();
    parsed.id = entry.id;
    CHECK(entry.value() == "v");
    if (entry.id != HeaderId::kOther) CHECK(headers.Has(entry.id));
  });
  return parsed;
}

std::string Upper(std::string_view name) {
  std::string upper(name);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return upper;
}

TEST_CASE("known names are recognised in any case, and what is nearly one is not") {
  for (size_t i = 0; i < std::size(http::kHeaderNames); ++i) {
    const auto id = static_cast<HeaderId>(i);
    const std::string name(http::kHeaderNames[i]);
    CAPTURE(name);
    CHECK(http::LookUpHeaderId(name) == id);
    const Parsed parsed = ParseName(Upper(name));
    CHECK(parsed.ok);
    // Those that belong to the connection do not stay.
    if (!parsed.name.empty()) {
      CHECK(parsed.name == name);
      CHECK(parsed.id == id);
    }
    CHECK(ParseName(name + "-").id == HeaderId::kOther);
    CHECK(ParseName("-" + name).id == HeaderId::kOther);
    CHECK(ParseName("~" + name.substr(1)).id == HeaderId::kOther);
  }
}

TEST_CASE("names of any size") {
  for (size_t size = 1; size <= 70; ++size) {
    CAPTURE(size);
    const Parsed parsed = ParseName(std::string(size, 'Q'));
    CHECK(parsed.ok);
    CHECK(parsed.name == std::string(size, 'q'));
    CHECK(parsed.id == HeaderId::kOther);
    // White space and other strangers anywhere in it.
    for (const size_t at : {size_t{0}, size / 2, size - 1}) {
      std::string bad(size, 'q');
      bad[at] = ' ';
      CHECK_FALSE(ParseName(bad).ok);
    }
  }
  CHECK(ParseName(std::string(http::HeaderMap::kMaxNameSize, 'q')).ok);
  CHECK_FALSE(ParseName(std::string(http::HeaderMap::kMaxNameSize + 1, 'q')).ok);
  CHECK_FALSE(ParseName("").ok);
}

TEST_CASE("more fields than the map has places at first") {
  Pools pools;
  base::Arena arena(pools.arenas);
  buffer::Buffer input(pools.blocks);
  std::string section;
  for (int i = 0; i < 90; ++i)
    section += "a" + std::to_string(i) + ": " + std::to_string(i) + "\r\n";
  input.Append(section + "te: trailers\r\ncontent-length: 0\r\n\r\n");
  HeadScanner scanner;
  scanner.RestartForTrailers();
  HeadScanner::Lines lines;
  REQUIRE(scanner.Scan(input, 1 << 16, lines) == HeadScanner::Result::kComplete);
  const auto text = TakeHead(input, scanner.size(), arena);
  http::HeaderMap headers(arena);
  FieldSet fields;
  http::CodecError error;
  REQUIRE(ParseFields({text, lines, 0, 0}, Section::kRequest, 100, headers, fields, error));
  CHECK(fields.lines == 92);
  CHECK(headers.size() == 92);
  CHECK(headers.Find("a89")->value() == "89");
  CHECK(headers.Get(HeaderId::kTe) == "trailers");
  CHECK(headers.Get(HeaderId::kContentLength) == "0");
}

}  // namespace
}  // namespace remora::http1
