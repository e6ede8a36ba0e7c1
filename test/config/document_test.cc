#include "source/config/document.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace remora::config {
namespace {

// The tree as text: n(null) b(true) i(5) s(plain) q(quoted) [..] {key:..}.
std::string Print(const Node& node) {
  std::string out;
  switch (node.kind) {
    case NodeKind::kNull:
      return "n";
    case NodeKind::kBool:
      return node.bool_value ? "b(true)" : "b(false)";
    case NodeKind::kNumber:
      return "i(" + node.text + ")";
    case NodeKind::kString:
      return (node.quoted ? "q(" : "s(") + node.text + ")";
    case NodeKind::kSequence:
      for (const Node* item : node.items) out += (out.empty() ? "" : ", ") + Print(*item);
      return "[" + out + "]";
    case NodeKind::kMap:
      for (const Node::Entry& entry : node.entries) {
        out += (out.empty() ? "" : ", ") + entry.key + ": " + Print(*entry.value);
      }
      return "{" + out + "}";
  }
  return out;
}

std::string Yaml(const std::string& text) {
  ErrorList errors;
  const auto document = Document::ParseYaml(text, "f.yaml", errors);
  return document == nullptr ? errors.ToString() : Print(document->root());
}

std::string Json(const std::string& text) {
  ErrorList errors;
  const auto document = Document::ParseJson(text, "f.json", errors);
  return document == nullptr ? errors.ToString() : Print(document->root());
}

struct Case {
  std::string text, result;
};

TEST_CASE("document: plain YAML scalars mean what they mean to Envoy") {
  for (const Case& c : std::vector<Case>{
           {"y", "b(true)"},
           {"Yes", "b(true)"},
           {"ON", "b(true)"},
           {"true", "b(true)"},
           {"n", "b(false)"},
           {"NO", "b(false)"},
           {"Off", "b(false)"},
           {"False", "b(false)"},
           {"tRue", "s(tRue)"},
           {"yep", "s(yep)"},
           {"~", "n"},
           {"null", "n"},
           {"Null", "n"},
           {"a:", "{a: n}"},
           {"5", "i(5)"},
           {"-5", "i(-5)"},
           {"+5", "i(5)"},
           {"0x1F", "i(31)"},
           {"010", "i(8)"},
           {"08", "s(08)"},
           {"0", "i(0)"},
           {"2147483647", "i(2147483647)"},
           {"2147483648", "s(2147483648)"},
           {"-2147483649", "s(-2147483649)"},
           {"0xFFFFFFFFF", "s(68719476735)"},
           {"99999999999999999999", "s(99999999999999999999)"},
           {"1.5", "s(1.5)"},
           {"1e3", "s(1e3)"},
           {"1.10.0", "s(1.10.0)"},
           {"'5'", "q(5)"},
           {"\"yes\"", "q(yes)"},
           {"|\n  yes\n", "q(yes\n)"},
           {"!!str 5", "q(5)"},
           {"--5", "s(--5)"},
           {"-", "[n]"},
           {"0x", "s(0x)"},
       }) {
    INFO(c.text);
    CHECK(Yaml(c.text) == c.result);
  }
}

TEST_CASE("document: YAML structure, anchors and aliases") {
  CHECK(Yaml("a: {b: [1, x], c: ~}\nd:\n- e\n- - f") ==
        "{a: {b: [i(1), s(x)], c: n}, d: [s(e), [s(f)]]}");
  CHECK(Yaml("a: &x {k: v}\nb: *x\nc: [*x, &y 5, *y]") ==
        "{a: {k: s(v)}, b: {k: s(v)}, c: [{k: s(v)}, i(5), i(5)]}");
  CHECK(Yaml("yes: 1\n5: 2\n~: 3\n'a b': 4") == "{yes: i(1), 5: i(2), null: i(3), a b: i(4)}");
  CHECK(Yaml("!ignore a: [&x 5]\nb: *x") == "{b: i(5)}");
  CHECK(Yaml("---\na: b\n...\n") == "{a: s(b)}");
  CHECK(Yaml("a: b\n---\n") == "{a: s(b)}");
  CHECK(Yaml("# c\na: b # d\n") == "{a: s(b)}");
  CHECK(Yaml("\xef\xbb\xbf"
             "a: \xc3\xa4") == "{a: s(\xc3\xa4)}");
}

TEST_CASE("document: lines and columns count from 1") {
  ErrorList errors;
  const auto yaml = Document::ParseYaml("a: 1\nb:\n  - {c: d}\n", "f", errors);
  REQUIRE(yaml != nullptr);
  const Node::Entry* b = yaml->root().Find("b");
  REQUIRE(b != nullptr);
  CHECK(b->mark.line == 2);
  CHECK(b->mark.column == 1);
  const Node& map = *b->value->items.at(0);
  CHECK(map.mark.line == 3);
  CHECK(map.mark.column == 5);
  CHECK(map.Find("c")->mark.column == 6);
  CHECK(map.Find("c")->value->mark.column == 9);
  CHECK(yaml->root().Find("z") == nullptr);

  const auto json = Document::ParseJson("{\n  \"a\": [1,\n 2]}", "f", errors);
  REQUIRE(json != nullptr);
  CHECK(json->root().Find("a")->mark.line == 2);
  CHECK(json->root().Find("a")->mark.column == 3);
  CHECK(json->root().Find("a")->value->items.at(1)->mark.line == 3);
  CHECK(json->root().Find("a")->value->items.at(1)->mark.column == 2);
}

TEST_CASE("document: refused YAML, with position") {
  for (const Case& c : std::vector<Case>{
           {"", "f.yaml:1:1: the document is empty\n"},
           {"# nothing", "f.yaml:1:1: the document is empty\n"},
           {"a: b\na: c", "f.yaml:2:1: duplicate key (a), already given on line 1\n"},
           {"a: 1\nb: {c: 1, c: 2}\na: 3",
            "f.yaml:2:11: duplicate key (c), already given on line 2\n"
            "f.yaml:3:1: duplicate key (a), already given on line 1\n"},
           {"x: &x {a: b}\ny:\n  <<: *x",
            "f.yaml:3:3: the merge key << is not supported; write the fields out or use an alias "
            "for the whole value\n"},
           {"a: b\n---\nc: d", "f.yaml:3:1: only one document is read; remove what follows it\n"},
           {"a: b\n---\n---\nc: d",
            "f.yaml:3:1: only one document is read; remove what follows it\n"},
           // yaml-cpp takes these for documents without end.
           {",", "f.yaml:1:1: only one document is read; remove what follows it\n"},
           {",a: b", "f.yaml:1:1: only one document is read; remove what follows it\n"},
           {"a: b\n---\n]", "f.yaml:3:1: bad YAML syntax: illegal flow end\n"},
           {"{[a]: b}", "f.yaml:1:2: a list or a map cannot be a key\n"},
           {"a: *b", "f.yaml:1:4: bad YAML syntax: the referenced anchor is not defined\n"},
           {"a: &x [*x]", "f.yaml:1:8: this alias stands inside of what it is an alias for\n"},
           {"a: b\n\tc: d",
            "f.yaml:2:1: bad YAML syntax: illegal tab when looking for indentation\n"},
           {"a: [b", "f.yaml:1:6: bad YAML syntax: end of sequence flow not found\n"},
           {"a: \xff", "f.yaml:1:4: a control character or a byte that is not UTF-8 text\n"},
           {"a:\nb: \xed\xa0\x80",
            "f.yaml:2:4: a control character or a byte that is not UTF-8 text\n"},
           {"a: \x04 b", "f.yaml:1:4: a control character or a byte that is not UTF-8 text\n"},
           {std::string("a: \0", 4),
            "f.yaml:1:4: a control character or a byte that is not UTF-8 text\n"},
       }) {
    INFO(c.text);
    CHECK(Yaml(c.text) == c.result);
  }
}

TEST_CASE("document: many keys are searched for duplicates too") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "k" + std::to_string(i) + ": v\n";
  CHECK(Yaml(text).size() > 1000);
  CHECK(Yaml(text + "k7: w\n") == "f.yaml:1001:1: duplicate key (k7), already given on line 8\n");
}

TEST_CASE("document: depth is bounded, written out and through aliases") {
  const auto nested = [](int depth) {
    return std::string(static_cast<size_t>(depth), '[') +
           std::string(static_cast<size_t>(depth), ']');
  };
  CHECK(Yaml(nested(64)).front() == '[');
  CHECK(Yaml(nested(65)) == "f.yaml:1:65: nested deeper than 64 levels\n");
  CHECK(Json(nested(64)).front() == '[');
  CHECK(Json(nested(65)) == "f.json:1:65: nested deeper than 64 levels\n");
  CHECK(Json(std::string(1'000'000, '[')) == "f.json:1:65: nested deeper than 64 levels\n");
  CHECK(Yaml(std::string(100'000, '[')).find("f.yaml:") == 0);

  std::string chain = "a0: &a0 [x]\n";
  for (int i = 1; i < 70; ++i) {
    const std::string name = "a" + std::to_string(i);
    chain += name + ": &" + name + " [*a" + std::to_string(i - 1) + "]\n";
  }
  CHECK(Yaml(chain) == "f.yaml:64:12: nested deeper than 64 levels\n");
}

TEST_CASE("document: an alias bomb is refused by what it would expand to") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 20; ++i) {
    const std::string name = "a" + std::to_string(i), below = "*a" + std::to_string(i - 1);
    bomb += name + ": &" + name + " [" + below;
    for (int j = 1; j < 10; ++j) bomb += ", " + below;
    bomb += "]\n";
  }
  CHECK(Yaml(bomb).find("more than 2000000 values in one document") != std::string::npos);
}

TEST_CASE("document: JSON") {
  for (const Case& c : std::vector<Case>{
           {R"({"a": [1, -2.5e3, "x", true, false, null], "b": {}, "c": []})",
            "{a: [i(1), i(-2.5e3), q(x), b(true), b(false), n], b: {}, c: []}"},
           {R"("\"\\\/\b\f\n\r\t\u0041\u00e4\ud83d\ude00")",
            "q(\"\\/\b\f\n\r\tA\xc3\xa4\xf0\x9f\x98\x80)"},
           {" \t\r\n5 ", "i(5)"},
           {"\xef\xbb\xbf[]", "[]"},
           {"{\"" + std::string(5000, 'k') + "\": 1}", "{" + std::string(5000, 'k') + ": i(1)}"},
       }) {
    INFO(c.text);
    CHECK(Json(c.text) == c.result);
  }
}

TEST_CASE("document: refused JSON, with position") {
  for (const Case& c : std::vector<Case>{
           {"", "f.json:1:1: the document is empty\n"},
           {"{\"a\": 1,}", "f.json:1:9: bad JSON syntax: a key in double quotes is expected\n"},
           {"[1,]", "f.json:1:4: bad JSON syntax: a value is expected\n"},
           {"[1 2]", "f.json:1:4: bad JSON syntax: ',' or ']' is expected\n"},
           {"{\"a\" 1}", "f.json:1:6: bad JSON syntax: ':' is expected\n"},
           {"{a: 1}", "f.json:1:2: bad JSON syntax: a key in double quotes is expected\n"},
           {"['a']", "f.json:1:2: bad JSON syntax: a value is expected\n"},
           {"{} {}", "f.json:1:4: bad JSON syntax: something follows the end of the JSON value\n"},
           {"{\n\"a\": [",
            "f.json:2:7: bad JSON syntax: a value is expected (the text ends here)\n"},
           {"\"a", "f.json:1:3: bad JSON syntax: '\"' is expected (the text ends here)\n"},
           {"\"\\x\"", "f.json:1:3: bad JSON syntax: unknown escape in a string\n"},
           {"\"\\u12g4\"",
            "f.json:1:3: bad JSON syntax: four hexadecimal digits are expected after \\u\n"},
           {"\"\\ud83d\"", "f.json:1:8: bad JSON syntax: half of a surrogate pair\n"},
           {"\"\\ude00\"", "f.json:1:8: bad JSON syntax: half of a surrogate pair\n"},
           {"01",
            "f.json:1:3: bad JSON syntax: a number cannot start with 0 (the text ends "
            "here)\n"},
           {"[1.]", "f.json:1:4: bad JSON syntax: a digit is expected\n"},
           {"[-]", "f.json:1:3: bad JSON syntax: a digit is expected\n"},
           {"\"a\tb\"",
            "f.json:1:3: bad JSON syntax: a control character in a string has to be escaped\n"},
           {"{\"a\": 1, \"a\": 2}", "f.json:1:10: duplicate key (a), already given on line 1\n"},
           {"\"\xc0\x80\"", "f.json:1:2: a control character or a byte that is not UTF-8 text\n"},
           {"# no", "f.json:1:1: bad JSON syntax: a value is expected\n"},
       }) {
    INFO(c.text);
    CHECK(Json(c.text) == c.result);
  }
}

}  // namespace
}  // namespace remora::config
