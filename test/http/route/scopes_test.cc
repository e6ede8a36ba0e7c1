#include "source/http/route/scopes.h"

#include <optional>
#include <string>
#include <vector>

#include "test/http/route/request.h"

namespace remora::route {
namespace {

// The key of a request with that x-scope as text; "-" is none.
std::string KeyOf(std::string_view value, std::vector<ScopeKeyBuilder::Fragment> fragments) {
  Fields fields;
  if (!value.empty()) fields.emplace_back("x-scope", value);
  const Request request("example.com", "/", fields);
  const std::optional<std::string> key =
      ScopeKeyBuilder(std::move(fragments)).KeyOf(request.head());
  if (!key.has_value()) return "-";
  std::string text = *key;
  for (char& c : text) c = c == '\0' ? '|' : c;
  return text;
}

ScopeKeyBuilder::Fragment Index(uint32_t index, std::string separator = "",
                                std::string field = "X-Scope") {
  return {RequestField(std::move(field)), std::move(separator), index};
}
ScopeKeyBuilder::Fragment Element(std::string key, std::string separator = ";") {
  return {RequestField("x-scope"), std::move(separator), 0, std::move(key), "="};
}

TEST_CASE("scope key: the piece with a number") {
  CHECK(KeyOf("a;b", {Index(0)}) == "a;b|");
  CHECK(KeyOf("a;b", {Index(0, ";")}) == "a|");
  CHECK(KeyOf("a;b", {Index(1, ";")}) == "b|");
  CHECK(KeyOf("a;b", {Index(2, ";")}) == "-");
  CHECK(KeyOf("a;;b", {Index(1, ";")}) == "|");
  CHECK(KeyOf("", {Index(0)}) == "-");
}

TEST_CASE("scope key: the value of an element") {
  CHECK(KeyOf("a=1;b=2=3;b=4", {Element("b")}) == "2=3|");
  CHECK(KeyOf("a=1;b", {Element("b")}) == "|");
  CHECK(KeyOf("a=1", {Element("b")}) == "-");
  CHECK(KeyOf("b=1", {Element("b", "")}) == "1|");
}

TEST_CASE("scope key: several pieces, and the host") {
  CHECK(KeyOf("x", {Index(0, "", "Host"), Index(0)}) == "example.com|x|");
  CHECK(KeyOf("", {Index(0, "", "Host"), Index(0)}) == "-");
}

}  // namespace
}  // namespace remora::route
