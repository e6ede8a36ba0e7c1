#include "source/http/formatter/json_format.h"

#include <catch2/catch.hpp>
#include <string>

#include "source/http/escape.h"
#include "test/http/formatter/sample.h"

namespace remora::formatter {
namespace {

// What Envoy 1.40 was given, and what it wrote.
http::MetadataValue EnvoySample() {
  return MakeStruct({
      {"z", MakeString("lit")},
      {"a", MakeString("%RESPONSE_CODE% x")},
      {"n", MakeNumber(5)},
      {"d", MakeNumber(1.25)},
      {"big", MakeNumber(123456789012345)},
      {"e", MakeNumber(1e20)},
      {"yes", MakeBoolean(true)},
      {"s", MakeStruct({{"zz", MakeString("%REQ(none)%")},
                        {"aa", MakeStruct({{"q", MakeString("%REQ(none)%")}})},
                        {"l", MakeList({MakeString("%REQ(none)%"), MakeNumber(1), MakeString("x"),
                                        MakeStruct({{"o", MakeString("%RESPONSE_CODE%")}})})}})},
      {"m", MakeString("%REQ(none)%-%REQ(none)%")},
      {"empty", MakeString("")},
      {"pct", MakeString("100%%")},
      {"dur", MakeString("%DURATION%")},
      {"det", MakeString("%CONNECTION_TERMINATION_DETAILS%")},
      {"k\"\xc3\xa9", MakeString("v\"\xc3\xa9\n")},
      {"flags", MakeString("%RESPONSE_FLAGS%")},
  });
}

std::string Print(const http::MetadataValue& object, bool omit_empty) {
  Sample sample;
  auto format = JsonFormat::Parse(object, {.omit_empty = omit_empty});
  REQUIRE(format.ok());
  std::string out;
  format->AppendTo(out, sample.exchange());
  return out;
}

TEST_CASE("a JSON format comes out as Envoy writes it") {
  CHECK(Print(EnvoySample(), false) ==
        "{\"a\":\"200 x\",\"big\":123456789012345,\"d\":1.25,\"det\":null,\"dur\":12,\"e\":1e+20,"
        "\"empty\":\"\",\"flags\":\"-\",\"k\\\"\xc3\xa9\":\"v\\\"\xc3\xa9\\n\",\"m\":\"---\","
        "\"n\":5,\"pct\":\"100%\",\"s\":{\"aa\":{\"q\":null},\"l\":[null,1,\"x\",{\"o\":200}],"
        "\"zz\":null},\"yes\":true,\"z\":\"lit\"}\n");
}

TEST_CASE("without empty values") {
  CHECK(Print(EnvoySample(), true) ==
        "{\"a\":\"200 x\",\"big\":123456789012345,\"d\":1.25,\"dur\":12,\"e\":1e+20,"
        "\"empty\":\"\",\"flags\":\"-\",\"k\\\"\xc3\xa9\":\"v\\\"\xc3\xa9\\n\",\"m\":\"-\","
        "\"n\":5,\"pct\":\"100%\",\"s\":{\"l\":[1,\"x\",{\"o\":200}]},\"yes\":true,"
        "\"z\":\"lit\"}\n");
  CHECK(Print(MakeStruct({{"a", MakeString("%REQ(none)%")}}), true) == "{}\n");
  CHECK(Print(MakeStruct({}), true) == "{}\n");
  CHECK(Print(MakeStruct({{"a", {}}}), true) == "{}\n");
  CHECK(Print(MakeStruct({{"a", {}}}), false) == "{\"a\":null}\n");
}

TEST_CASE("a fault names the member") {
  const auto fault = [](const http::MetadataValue& object) {
    return std::string(JsonFormat::Parse(object, {}).status().message());
  };
  CHECK(fault(MakeStruct({{"a", MakeList({MakeStruct({{"b", MakeString("x %FOO%")}})})}})) ==
        "a[0].b: Not supported field in StreamInfo: FOO (at position 2 of the format)");
}

TEST_CASE("escapes leave no byte that could end a line or a string") {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  std::string json = all;
  http::EscapeJson(json, 0);
  for (const char c : json) {
    CHECK((static_cast<uint8_t>(c) >= 0x20 && static_cast<uint8_t>(c) < 0x7f));
  }
  CHECK(json.substr(0, 12) == "\\u0000\\u0001");
  std::string text = "\n" + all;
  http::EscapeControls(text, 1);
  CHECK(text.substr(0, 5) == "\n\\x00");
  for (size_t i = 1; i < text.size(); ++i) {
    CHECK((static_cast<uint8_t>(text[i]) >= 0x20 && text[i] != 0x7f));
  }
  // Wherever in a word of eight bytes it stands.
  for (size_t size = 1; size < 20; ++size) {
    for (size_t at = 0; at < size; ++at) {
      std::string one(size, 'a');
      one[at] = '\x01';
      http::EscapeControls(one, 0);
      CHECK(one.size() == size + 3);
      one.assign(size, 'a');
      one[at] = '"';
      http::EscapeJson(one, 0);
      CHECK(one.size() == size + 1);
    }
  }
}

TEST_CASE("numbers") {
  const auto number = [](double value) {
    std::string out;
    http::AppendJsonNumber(value, out);
    return out;
  };
  CHECK(number(0) == "0");
  CHECK(number(-7) == "-7");
  CHECK(number(1.5) == "1.5");
  CHECK(number(9007199254740992.0) == "9007199254740992");
  CHECK(number(1e300) == "1e+300");
  CHECK(number(1.0 / 0.0) == "null");
}

}  // namespace
}  // namespace remora::formatter
