#include "source/admin/json_writer.h"

#include <catch2/catch.hpp>

#include "source/admin/json_address.h"
#include "test/admin/admin_world.h"

namespace remora::admin {
namespace {

TEST_CASE("Strings are escaped as protobuf does it") {
  // The escapes are those of a running Envoy for a cluster of this name.
  CHECK(JsonString("x\u00e9\u2028\x7f\u0085<&>'\"\\\t\n\b\f/\x01\ufeff\u200b\U0001F600") ==
        "\"x\u00e9\\u2028\\u007f\\u0085\\u003c&\\u003e'\\\"\\\\\\t\\n\\b\\f/\\u0001\\ufeff\\u200b"
        "\U0001F600\"");
  CHECK(JsonString("") == "\"\"");
  CHECK(JsonString(std::string_view("\0", 1)) == "\"\\u0000\"");
}

TEST_CASE("Bytes that are no UTF-8 become U+FFFD") {
  const auto bytes = GENERATE(as<std::string>(), "\x80", "\xc0\xaf", "\xe2\x82", "\xed\xa0\x80",
                              "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xff");
  const std::string json = JsonString("a" + bytes + "b");
  std::string expected = "\"a";
  for (size_t i = 0; i < bytes.size(); ++i) expected += "\ufffd";
  CHECK(json == expected + "b\"");
  CHECK(JsonString("\xed\x9f\xbf\xf4\x8f\xbf\xbf") == "\"\xed\x9f\xbf\xf4\x8f\xbf\xbf\"");
}

TEST_CASE("Objects and arrays are indented by one space") {
  JsonWriter json;
  json.BeginObject();
  json.StringField("name", "x");
  json.Key("list");
  json.BeginArray();
  json.Number(18446744073709551615U);
  json.BeginObject();
  json.EndObject();
  json.BeginObject();
  json.Key("on");
  json.Bool(true);
  json.NumberField("n", 0);
  json.EndObject();
  json.EndArray();
  json.Key("none");
  json.BeginArray();
  json.EndArray();
  json.EndObject();
  CHECK(json.text() == R"({
 "name": "x",
 "list": [
  18446744073709551615,
  {},
  {
   "on": true,
   "n": 0
  }
 ],
 "none": []
})");
}

TEST_CASE("Embedded JSON moves to the depth where it stands") {
  JsonWriter json;
  json.BeginObject();
  json.Key("a");
  json.Embed("{\n \"b\": [\n  \"\\n\"\n ]\n}\n");
  json.Key("c");
  json.Embed("{}");
  json.EndObject();
  CHECK(json.text() == "{\n \"a\": {\n  \"b\": [\n   \"\\n\"\n  ]\n },\n \"c\": {}\n}");
}

TEST_CASE("Text may be taken in between") {
  JsonWriter json;
  json.BeginArray();
  json.Number(1);
  std::string text = json.TakeText();
  CHECK(json.text().empty());
  json.Number(2);
  json.EndArray();
  CHECK(text + json.TakeText() == "[\n 1,\n 2\n]");
}

TEST_CASE("Addresses are envoy.config.core.v3.Address") {
  const auto text = [](const net::Address& address) {
    JsonWriter json;
    WriteAddress(address, json);
    return json.TakeText();
  };
  CHECK(text(Ip("::1", 80)) ==
        "{\n \"socket_address\": {\n  \"address\": \"::1\",\n  \"port_value\": 80\n }\n}");
  CHECK(text(UnixPath("@abs")) == "{\n \"pipe\": {\n  \"path\": \"@abs\"\n }\n}");
  CHECK(text(net::Address()) == "{}");
}

}  // namespace
}  // namespace remora::admin
