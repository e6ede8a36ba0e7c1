#include "source/runtime/value.h"

#include <catch2/catch.hpp>

namespace remora::runtime {
namespace {

// "number=5", "bool=true", "fraction=1/100" or "text".
std::string Print(std::string_view text) {
  const Value value = ReadValue(text);
  REQUIRE(value.text == text);
  std::string out;
  if (value.number.has_value()) out += "number=" + std::to_string(*value.number).substr(0, 4);
  if (value.boolean.has_value()) out += *value.boolean ? "bool=true" : "bool=false";
  if (value.fraction.has_value()) {
    out += "fraction=" + std::to_string(value.fraction->numerator) + "/" +
           std::to_string(value.fraction->denominator);
  }
  return out.empty() ? "text" : out;
}

TEST_CASE("A text is read as what it looks like") {
  CHECK(Print("5") == "number=5.00");
  CHECK(Print("-1.5") == "number=-1.5");
  CHECK(Print("1e3") == "number=1000");
  CHECK(Print("true") == "bool=true");
  CHECK(Print("False") == "bool=false");
  CHECK(Print("on") == "bool=true");
  CHECK(Print("n") == "bool=false");
  CHECK(Print("{numerator: 1, denominator: TEN_THOUSAND}") == "fraction=1/10000");
  CHECK(Print("{\"numerator\":7,\"denominator\":\"MILLION\"}") == "fraction=7/1000000");
  CHECK(Print("{numerator: 3}") == "fraction=3/100");
}

TEST_CASE("What is nothing of that is a text") {
  for (const char* text : {"", "x", "5x", "nan", "inf", "truely", "{", "{}", "{numerator: -1}",
                           "{numerator: 1, denominator: TEN}", "{numerator: 1, more: 2}", "null"}) {
    CAPTURE(text);
    CHECK(Print(text) == "text");
  }
}

TEST_CASE("A snapshot shows the last layer's value, as far as it fits") {
  Snapshot::Values low;
  low["a"] = ReadValue("5");
  low["b"] = ReadValue("true");
  low["f"] = ReadValue("{numerator: 1, denominator: MILLION}");
  Snapshot::Values high;
  high["a"] = ReadValue("7");
  high["c"] = ReadValue("word");
  const Snapshot snapshot({{"low", low}, {"high", high}});
  CHECK(snapshot.values().size() == 4);
  CHECK(snapshot.Find("nothing") == nullptr);
  CHECK(snapshot.Integer("a", 1) == 7);
  CHECK(snapshot.Integer("b", 1) == 1);
  CHECK(snapshot.Integer("c", 1) == 1);
  CHECK(snapshot.Number("a", 0.5) == 7);
  CHECK(snapshot.Boolean("b", false));
  CHECK_FALSE(snapshot.Boolean("a", false));
  CHECK(snapshot.FractionOf("a", {1, 2}).numerator == 7);
  CHECK(snapshot.FractionOf("a", {1, 2}).denominator == 100);
  CHECK(snapshot.FractionOf("f", {1, 2}).denominator == 1'000'000);
  CHECK(snapshot.FractionOf("c", {1, 2}).denominator == 2);
}

}  // namespace
}  // namespace remora::runtime
