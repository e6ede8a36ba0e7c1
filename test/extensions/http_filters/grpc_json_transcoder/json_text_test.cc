#include "source/extensions/http_filters/grpc_json_transcoder/json_text.h"

#include <catch2/catch.hpp>

namespace remora::extensions {
namespace {

// The elements, each in <>; "!": it is none, "^": too large, "...": it has not ended.
std::string Elements(const std::string& text, size_t piece, uint64_t max = 1000) {
  using Outcome = JsonArrayReader::Outcome;
  JsonArrayReader reader(max);
  std::string found;
  for (size_t at = 0; at < text.size(); at += piece) {
    std::string_view rest = std::string_view(text).substr(at, piece);
    while (true) {
      const Outcome outcome = reader.Read(rest);
      if (outcome == Outcome::kMoreNeeded) break;
      if (outcome == Outcome::kMalformed) return found + "!";
      if (outcome == Outcome::kTooLarge) return found + "^";
      found += "<" + reader.element() + ">";
    }
  }
  return found + (reader.complete() ? "" : "...");
}

TEST_CASE("JSON array: its elements, however it is cut") {
  const std::pair<std::string, std::string> rows[] = {
      {"", ""},
      {" \n", ""},
      {"[]", ""},
      {" [ ] ", ""},
      {"[1,2]", "<1><2>"},
      {R"([{"a":[1,2]},"x,]\"",{}])", R"(<{"a":[1,2]}><"x,]\""><{}>)"},
      {"[1,", "<1>..."},
      {"[{", "..."},
      {"[1][2]", "<1>!"},
      {"[1]x", "<1>!"},
      {"{}", "!"},
      {"[,1]", "!"},
      {"[1,]", "<1>!"},
      {"[1}]", "!"},
      {std::string(1, '[') + std::string(2000, '['), "!"},
  };
  for (const auto& [text, expected] : rows) {
    INFO(text);
    for (const size_t piece : {1, 2, 3, 10'000}) CHECK(Elements(text, piece, 5000) == expected);
  }
  CHECK(Elements("[12345]", 3, 5) == "<12345>");
  CHECK(Elements("[123456]", 3, 5) == "^");
}

TEST_CASE("JSON value: one, that nothing ends early") {
  for (const char* text : {"1", " {\"a\":[1,2]} ", "\"a,b:}\"", "[]", ""}) {
    CHECK(IsOneJsonValue(text));
  }
  for (const char* text : {"1,2", "1},\"x\":{\"y\":2", "}", "\"a\":1", "[", "\"a",
                           // The parser behind takes strings like these too.
                           "{a:'\"'},owner:'victim',z:'\"}'", "'a'"}) {
    INFO(text);
    CHECK_FALSE(IsOneJsonValue(text));
  }
}

}  // namespace
}  // namespace remora::extensions
